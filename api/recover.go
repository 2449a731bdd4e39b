package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Recover is the body that begins a recovery.
type Recover struct {
	Since time.Time    `json:"since" doc:"Events recorded at or after this."`
	Until *time.Time   `json:"until,omitempty" nullable:"true" doc:"Events recorded before this; now when absent."`
	Which *store.Which `json:"which,omitempty" nullable:"true" enum:"all,failed,missing" doc:"failed, when absent: what was given up (refused, exhausted, expired). missing: what was never sent, because the endpoint did not subscribe to it then. all: everything that it subscribes to now, also what it has had."`
}

// kindRecover is the kind of the tasks of recoveries.
const kindRecover = "endpoint.recover"

func (h *handler) recoverRoutes(op func(method, path, id, summary, doc string) operation) {
	o := op(http.MethodPost, "/{id}/recover", "recoverEndpoint", "Send again what it missed",
		"A task: as many events as there are, in the order of the log, beside what comes new, within the endpoint's limits, each with its full schedule. "+
			"It survives a restart and can be cancelled. The events must still be on the log.")
	o.status, o.conflicts = http.StatusAccepted, true
	register(h, o, h.recover)
}

// TransformSchema makes everything but since optional.
func (Recover) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = []string{"since"}
	return s
}

func (h *handler) recover(ctx context.Context, c caller, in *struct {
	EndpointPath
	Body Recover
}) (*taskAccepted, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	r := store.Recovery{EndpointID: ep.ID, Since: in.Body.Since.UTC(), Until: h.cfg.Now().UTC(), Which: store.RecoverFailed}
	if in.Body.Until != nil {
		r.Until = in.Body.Until.UTC()
	}
	if in.Body.Which != nil {
		r.Which = *in.Body.Which
	}
	if !r.Since.Before(r.Until) {
		return nil, invalid("/until", "until must be later than since")
	}
	if ep.Disabled {
		return nil, problem(queue.CodeBadState, "The endpoint is disabled: enable it first, or nothing would be sent.")
	}
	total, err := h.cfg.Delivery.RecoveryTotal(ctx, c.domain, r)
	if err != nil {
		return nil, err
	}
	parameters, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return h.begin(ctx, c, store.Task{
		ID: store.NewTaskID(), Kind: kindRecover, Parameters: parameters, Progress: store.TaskProgress{Total: &total},
	})
}

const (
	// recoverFull is how long a recovery waits when the endpoint has its hands full.
	recoverFull = 250 * time.Millisecond
	// recoverTurn is after how long a recovery that waits lets other tasks have
	// their turn; one that has put up nothing does so at once.
	recoverTurn = 10 * time.Second
)

// carryOutRecovery puts events up to be sent, a bounded number ahead of what the
// endpoint has taken. That may take days: an endpoint that is slow or dead must
// not keep the tasks of others from being worked on.
func (h *handler) carryOutRecovery(ctx context.Context, j *job) error {
	began, idle := h.cfg.Now(), true
	for {
		got, err := h.cfg.Delivery.Recover(ctx, &j.task, h.cfg.Now())
		if errors.Is(err, store.ErrNotFound) {
			return failed("the endpoint was deleted")
		}
		if err != nil {
			return err
		}
		if got.Done {
			h.cfg.Dispatcher.Reload()
			j.task.Progress.Total = &j.task.Progress.Done
			j.result = map[string]int64{"looked_at": j.task.Progress.Done, "recovered": got.Taken}
			return nil
		}
		if !got.Full {
			h.cfg.Dispatcher.Reload()
			idle = false
			continue
		}
		if idle {
			return &taskPause{taskAgain}
		}
		if h.cfg.Now().Sub(began) >= recoverTurn {
			return &taskPause{taskPoll}
		}
		timer := time.NewTimer(recoverFull)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

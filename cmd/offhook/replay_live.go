package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/offhook/offhook/api/asterisk"
	"github.com/offhook/offhook/queue"
)

// Bounds of one request and of how long a server may be away.
const (
	replayBatch    = 1000
	replayTries    = 12
	replayWaitMin  = 200 * time.Millisecond
	replayWaitMost = 5 * time.Second
	replayGrace    = 5 * time.Second // for closing what is open, when interrupted
)

// liveReport is a report as POST /v1/reports takes it; what is not said is left
// out.
type liveReport struct {
	ChannelID        string            `json:"channel_id,omitempty"`
	Leg              queue.Leg         `json:"leg,omitempty"`
	Event            string            `json:"event"`
	At               time.Time         `json:"at,omitzero"`
	AgentRef         string            `json:"agent_ref,omitempty"`
	AgentName        string            `json:"agent_name,omitempty"`
	AgentChannelID   string            `json:"agent_channel_id,omitempty"`
	QueueName        string            `json:"queue_name,omitempty"`
	Reason           string            `json:"reason,omitempty"`
	ResultReason     queue.Reason      `json:"result_reason,omitempty"`
	Cause            queue.Cause       `json:"cause,omitempty"`
	SIPCode          int               `json:"sip_code,omitempty"`
	Status           queue.Status      `json:"status,omitempty"`
	Destination      *string           `json:"destination,omitempty"`
	MemberName       *string           `json:"member_name,omitempty"`
	MemberChannelID  string            `json:"member_channel_id,omitempty"`
	DialAt           time.Time         `json:"dial_at,omitzero"`
	MemberAnsweredAt json.RawMessage   `json:"member_answered_at,omitempty"` // null = it still rings
	Priority         int               `json:"priority,omitempty"`
	Variables        map[string]string `json:"variables,omitempty"`
}

// about names a report for people.
func (r *liveReport) about() string {
	for _, id := range []string{r.ChannelID, r.MemberChannelID, r.AgentRef} {
		if id != "" {
			return r.Event + " of " + id
		}
	}
	return r.Event
}

// reportOf shows a command as a report, its instants moved by shift; false for
// one that has no report.
func reportOf(cmd queue.Command, shift func(time.Time) time.Time) (liveReport, bool) {
	switch c := cmd.(type) {
	case queue.SetAgentStatus:
		return liveReport{
			Event: "agent_status", At: shift(c.At), AgentRef: c.AgentRef, AgentName: c.AgentName,
			Status: c.Status, Reason: c.Reason,
		}, true
	case queue.SwitchReport:
		r := liveReport{
			ChannelID: c.ChannelID, Leg: c.Leg, Event: string(c.Event), At: shift(c.At),
			AgentRef: c.AgentRef, AgentName: c.AgentName, AgentChannelID: c.AgentChannelID,
			QueueName: c.QueueName, Reason: c.Reason, ResultReason: c.ResultReason, Cause: c.Cause,
			SIPCode: c.SIPCode, Destination: c.Destination, MemberName: c.MemberName,
			MemberChannelID: c.MemberChannelID, DialAt: shift(c.DialAt), Priority: c.Priority, Variables: c.Variables,
		}
		if c.MemberUnanswered {
			r.MemberAnsweredAt = json.RawMessage("null")
		} else if !c.MemberAnsweredAt.IsZero() {
			r.MemberAnsweredAt, _ = shift(c.MemberAnsweredAt).MarshalJSON()
		}
		return r, true
	default:
		return liveReport{}, false
	}
}

// feeder sends a recording to a server, as fast as it was or faster.
type feeder struct {
	opt    replayOptions
	client *http.Client
	start  time.Time // now, at the first command
	first  time.Time // the stream's instant then

	batch                  []liveReport
	done, dropped, refused int
	problems               io.Writer
}

// replayLive errs with errReported when everything was sent and the server
// refused some of it: it has said of each report why.
func replayLive(cmd *cobra.Command, files []string, opt replayOptions) error {
	ctx := cmd.Context()
	r := newRecording(cmd, files, opt)
	f := &feeder{opt: opt, client: &http.Client{Timeout: 30 * time.Second}, problems: r.stderr}
	err := r.each(ctx, func(c asterisk.Timed) error { return f.feed(ctx, c) })
	switch {
	case err == nil:
		err = f.close(ctx, r.player)
	case ctx.Err() != nil:
		// Nobody else would end these calls.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), replayGrace)
		defer cancel()
		err = errors.Join(err, f.close(grace, r.player))
	}
	fmt.Fprintf(r.stderr, "%s; reports: %d done, %d dropped, %d refused\n", seen(r.player), f.done, f.dropped, f.refused)
	if err == nil && f.refused > 0 {
		return errReported
	}
	return err
}

// feed waits until the command is due and adds it to the batch. What is due at
// the same time goes in one request.
func (f *feeder) feed(ctx context.Context, c asterisk.Timed) error {
	if f.start.IsZero() {
		f.start, f.first = time.Now(), c.At
	}
	if wait := time.Until(f.shift(c.At)); wait > 0 {
		if err := f.flush(ctx); err != nil {
			return err
		}
		if err := pause(ctx, time.Until(f.shift(c.At))); err != nil {
			return err
		}
	}
	if r, ok := reportOf(c.Cmd, f.shift); ok {
		f.batch = append(f.batch, r)
	}
	if len(f.batch) >= replayBatch {
		return f.flush(ctx)
	}
	return nil
}

// shift moves an instant of the stream to our time.
func (f *feeder) shift(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return f.start.Add(time.Duration(float64(at.Sub(f.first)) / f.opt.speed)).UTC().Truncate(time.Millisecond)
}

// close ends the recording: who is still in a queue leaves as recovered.
func (f *feeder) close(ctx context.Context, p *asterisk.Player) error {
	for _, channel := range p.Open() {
		f.batch = append(f.batch, liveReport{
			ChannelID: channel, Event: string(queue.SwitchLeft), ResultReason: queue.ReasonRecovered,
		})
		if len(f.batch) >= replayBatch {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
	}
	return f.flush(ctx)
}

// flush sends the batch, again while the server is away. Of a batch that was
// carried out although its answer got lost nearly all is dropped the second
// time, being known or over; only a call that came and went within it would come
// twice, unless the server keeps the idempotency key.
func (f *feeder) flush(ctx context.Context) error {
	if len(f.batch) == 0 {
		return nil
	}
	body, err := json.Marshal(f.batch)
	if err != nil {
		return fmt.Errorf("write reports: %w", err)
	}
	key, wait := uuid.NewString(), replayWaitMin
	for try := 1; ; try++ {
		after, err := f.post(ctx, body, key)
		if err == nil {
			f.batch = f.batch[:0]
			return nil
		}
		var final *serverError
		if errors.As(err, &final) || try == replayTries || ctx.Err() != nil {
			return fmt.Errorf("send reports: %w", err)
		}
		if try == 1 {
			fmt.Fprintf(f.problems, "the server takes no reports, trying again: %v\n", err)
		}
		if err := pause(ctx, max(after, wait)); err != nil {
			return err
		}
		wait = min(wait*2, replayWaitMost)
	}
}

// serverError is an answer that another try would not change.
type serverError struct {
	status int
	detail string
}

func (e *serverError) Error() string {
	return fmt.Sprintf("the server answered %d: %s", e.status, e.detail)
}

// post sends one request. The duration is how long the server asks to wait.
func (f *feeder) post(ctx context.Context, body []byte, key string) (time.Duration, error) {
	target := strings.TrimRight(f.opt.server, "/") + "/v1/reports"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+f.opt.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := f.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return 0, err
	}
	switch {
	case res.StatusCode == http.StatusOK:
		return 0, f.count(answer)
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return time.Duration(min(max(seconds, 0), 30)) * time.Second, fmt.Errorf("the server answered %d", res.StatusCode)
	default:
		return 0, &serverError{res.StatusCode, problemDetail(answer)}
	}
}

// count reads the results of a batch, one for each report.
func (f *feeder) count(answer []byte) error {
	var results struct {
		Data []struct{ Status, Code, Detail string }
	}
	if err := json.Unmarshal(answer, &results); err != nil {
		return &serverError{http.StatusOK, "not the results of reports: " + err.Error()}
	}
	for i, r := range results.Data {
		switch r.Status {
		case "done":
			f.done++
		case "dropped":
			f.dropped++
		default:
			f.refused++
			if i < len(f.batch) {
				fmt.Fprintf(f.problems, "refused: %s: %s: %s\n", f.batch[i].about(), r.Code, r.Detail)
			}
		}
	}
	return nil
}

// problemDetail reads what a problem document says.
func problemDetail(body []byte) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) != nil || p.Title+p.Detail == "" {
		return strings.TrimSpace(string(body[:min(len(body), 200)]))
	}
	return strings.Trim(p.Title+": "+p.Detail, ": ")
}

// pause waits; the error is that of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

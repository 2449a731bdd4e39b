package dispatcher

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/queue"
)

// What has to have failed before an endpoint is disabled: so many events, of so
// many attempts. One bad event must not cost it everything.
const (
	failingEvents   = 10
	failingAttempts = 2
	// failingAgain is the pause before one that has not failed that much is
	// looked at again.
	failingAgain = time.Hour
)

// fares takes over whether the endpoint accepts; the caller holds mu. It fails
// from the first failure after its last success or its enabling on: how long it
// had nothing to do before is not held against it.
func (w *worker) fares(try *Try, now time.Time) {
	h := &w.health
	switch try.Outcome {
	case OutcomeDelivered:
		if now.Sub(h.LastSuccess) >= time.Second {
			h.LastSuccess = micros(now)
		}
		if h.Told > 0 {
			w.tell(queue.EventEndpointRecovered, "", queue.EndpointData{FailingSince: queue.Instant(h.FailingSince)})
		}
		h.FailingSince, h.Told = time.Time{}, 0
	case OutcomeExpired, OutcomeUnknown: // the endpoint was not asked, or we went away
	default:
		w.lastOutcome = try.Outcome
		if h.FailingSince.IsZero() {
			if h.FailingSince = try.StartedAt; h.FailingSince.Before(h.LastSuccess) {
				h.FailingSince = h.LastSuccess
			}
		}
	}
}

// tell puts a notice about the endpoint on the log with the next settlement; the
// caller holds mu. Each of a type and a stage is told once for a failing.
func (w *worker) tell(t queue.EventType, stage string, data queue.EndpointData) {
	key := w.health.FailingSince.Format(time.RFC3339Nano) + "/" + stage
	w.notices = append(w.notices, w.target.Notice(t, key, data))
	w.list()
}

// exhausted is a delivery that ended without success, to be told of.
type exhausted struct {
	queue.Exhausted
	key string
}

// tellExhausted notes that a delivery has ended without success; the caller
// holds mu. What cannot tell of others is not told of itself: two endpoints that
// are told of each other would never end.
func (w *worker) tellExhausted(try *Try, tries int) {
	if try.EventType == queue.EventDeliveryExhausted || try.EventID == (queue.UUID{}) {
		return
	}
	x := exhausted{key: fmt.Sprintf("%d/%d", try.Seq, try.StartedAt.UnixMicro()), Exhausted: queue.Exhausted{
		EventID: queue.EventID(try.EventID), EventType: try.EventType, Tries: tries, Outcome: string(try.Outcome)}}
	if try.AttemptID != 0 {
		x.AttemptID = &try.AttemptID
	}
	w.exhausted = append(w.exhausted, x)
}

// takeNotices returns what is to be told; the caller holds mu.
func (w *worker) takeNotices() []queue.Notice {
	out := w.notices
	for chunk := range slices.Chunk(w.exhausted, queue.MaxExhausted) {
		n := w.target.Notice(queue.EventDeliveryExhausted, chunk[0].key, queue.EndpointData{})
		data := queue.ExhaustedData{EndpointID: w.target.ID, Host: w.target.host()}
		for _, x := range chunk {
			data.Deliveries = append(data.Deliveries, x.Exhausted)
		}
		n.Data = data
		out = append(out, n)
	}
	w.notices, w.exhausted = nil, nil
	return out
}

// stage says when there is something to do about a failing endpoint: to tell of
// it, which is how many stages, or, after the last of them, to disable it. Zero
// when it is not failing.
func (h *Health) stage(now time.Time) (due time.Time, stages int) {
	if h.FailingSince.IsZero() {
		return time.Time{}, 0
	}
	stages = h.Told
	for stages < len(failingStages) && !now.Before(h.FailingSince.Add(failingStages[stages])) {
		stages++
	}
	if stages == h.Told && stages < len(failingStages) {
		return h.FailingSince.Add(failingStages[stages]), stages
	}
	if stages > h.Told {
		return now, stages
	}
	return h.DisableAt(), stages
}

// watch tells of an endpoint that fails and, in the end, disables it. It returns
// when it is to be called again, zero = when an outcome has come.
func (w *worker) watch(ctx context.Context) (time.Time, error) {
	now := w.d.cfg.Now()
	due, disable := w.tellStage(now)
	if !disable {
		return due, nil
	}
	enough, err := w.failsEnough(ctx)
	if err != nil {
		return time.Time{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !enough {
		w.watchAt = now.Add(failingAgain)
		return w.watchAt, nil
	}
	if w.stopping || w.health.FailingSince.IsZero() { // it is over
		return time.Time{}, nil
	}
	w.switchOff(DisabledFailing, queue.Instant(w.health.FailingSince))
	return time.Time{}, nil
}

// tellStage tells of the stages whose time has come, the last of them, and says
// when the next one's comes or whether it is time to disable the endpoint.
func (w *worker) tellStage(now time.Time) (due time.Time, disable bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &w.health
	due, stages := h.stage(now)
	if stages > h.Told {
		data := queue.EndpointData{FailingSince: queue.Instant(h.FailingSince), DisableAt: queue.Instant(h.DisableAt()), LastOutcome: w.outcome()}
		h.Told, w.healthSaved = stages, false
		w.tell(queue.EventEndpointFailing, fmt.Sprint(stages), data)
		due, _ = h.stage(now)
	}
	if h.Told < len(failingStages) || w.stopping {
		return due, false
	}
	if due.Before(w.watchAt) {
		due = w.watchAt
	}
	return due, !now.Before(due)
}

// outcome is how the last request that failed ended, nil when that is not known
// any more; the caller holds mu.
func (w *worker) outcome() *string {
	if w.lastOutcome == "" {
		return nil
	}
	o := string(w.lastOutcome)
	return &o
}

// switchOff disables the endpoint with the next settlement, unless it does so
// already: requests that were under way may say the same. The caller holds mu.
func (w *worker) switchOff(reason string, since *string) {
	if w.switched {
		return
	}
	w.off, w.switched, w.stopping = reason, true, true
	w.tell(queue.EventEndpointDisabled, micros(w.d.cfg.Now()).Format(time.RFC3339Nano),
		queue.EndpointData{Reason: &reason, FailingSince: since, LastOutcome: w.outcome()})
	w.logger.Error("endpoint is disabled", "reason", reason)
}

// failsEnough reports whether as much has failed as it takes to disable the
// endpoint. What waits behind the breaker would have failed as well.
func (w *worker) failsEnough(ctx context.Context) (bool, error) {
	w.mu.Lock()
	since, pos, t := w.health.FailingSince, w.pos, w.target
	waiting := map[string]int{}
	for _, l := range w.lanes.byKey {
		for _, it := range l.items {
			if it.tries == 0 && it.entry != nil {
				waiting[it.entry.laneOf]++
			} else if it.tries == 0 {
				waiting[l.key]++
			}
		}
	}
	w.mu.Unlock()
	failed, err := w.d.store.Failed(ctx, w.ref, since)
	if err != nil {
		return false, err
	}
	for attempt, n := range failed {
		waiting[LaneOf(OrderPerAttempt, &queue.Event{AttemptID: attempt})] += n
	}
	for range maxFailingPages {
		if enoughFailed(waiting) {
			return true, nil
		}
		entries, _, err := w.log.after(ctx, pos)
		if err != nil {
			return false, err
		}
		if len(entries) == 0 {
			return false, nil
		}
		for _, e := range entries {
			if pos = e.pos(); t.match.Wants(&e.ev) {
				waiting[e.laneOf]++
			}
		}
	}
	return enoughFailed(waiting), nil
}

// maxFailingPages bounds how much of the log is looked at to decide.
const maxFailingPages = 100

func enoughFailed(byAttempt map[string]int) bool {
	events := 0
	for _, n := range byAttempt {
		events += n
	}
	return events >= failingEvents && len(byAttempt) >= failingAttempts
}

package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// Snapshot is the live state of a contact centre at one place of its log.
type Snapshot struct {
	At     *string         `json:"at" format:"date-time" doc:"When it was taken: waits are counted up to then."`
	Seq    int64           `json:"seq" doc:"The last event that it includes; 0 when there is none yet."`
	Cursor string          `json:"cursor" doc:"Read /v1/events, or follow /v1/events/stream, from here: what comes is what the snapshot does not include, without a gap."`
	Queues []SnapshotQueue `json:"queues"`
	Offers []SnapshotOffer `json:"offers" doc:"The offers that are open."`
	Agents []Agent         `json:"agents"`
}

// SnapshotQueue is what is going on in one queue.
type SnapshotQueue struct {
	Queue        queue.QueueRef   `json:"queue"`
	AgentsOnline int              `json:"agents_online" doc:"Those who serve it."`
	AHTSec       *float64         `json:"aht_sec" doc:"How long conversation and processing took on average, among its last 100 attempts of the last seven days; null when none of them had an agent, and while nobody waits."`
	Waiting      []SnapshotMember `json:"waiting" doc:"In the order in which they stand."`
	Dialer       *SnapshotDialer  `json:"dialer" doc:"Null in queues that do not dial ahead of their agents."`
}

// TransformSchema shows the dialer where it belongs, since it may be null.
func (SnapshotQueue) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	dialer := huma.SchemaFromType(r, reflect.TypeFor[SnapshotDialer]())
	dialer.Nullable, dialer.Description = true, s.Properties["dialer"].Description
	s.Properties["dialer"] = dialer
	return s
}

// SnapshotMember is somebody who waits.
type SnapshotMember struct {
	AttemptID       int64    `json:"attempt_id"`
	Position        int      `json:"position" doc:"1 is the next."`
	Priority        int      `json:"priority"`
	Bucket          *string  `json:"bucket"`
	JoinedAt        *string  `json:"joined_at" format:"date-time"`
	WaitSec         float64  `json:"wait_sec" doc:"How long he has waited."`
	ExpectedWaitSec *float64 `json:"expected_wait_sec" doc:"position × aht_sec / agents_online; null when one of them is not known."`
}

// SnapshotOffer is one open proposal.
type SnapshotOffer struct {
	AttemptID int64 `json:"attempt_id"`
	QueueID   int64 `json:"queue_id"`
	AttemptOffer
}

// SnapshotDialer is how a queue dials ahead.
type SnapshotDialer struct {
	Pacing    queue.PacingMode  `json:"pacing" doc:"How it dials: held when too many calls were dropped for anything but a member for each free agent."`
	Flying    int               `json:"flying" doc:"Lines that are dialled or examined."`
	Over      float64           `json:"over" doc:"Lines under way for each agent who is free or soon will be."`
	Hit       float64           `json:"hit" doc:"The share of lines that bring a person."`
	Held      bool              `json:"held"`
	Rates     queue.PacingRates `json:"rates" doc:"Dropped calls by the law of the queue, for several windows."`
	DecidedAt *string           `json:"decided_at" format:"date-time"`
}

func (h *handler) snapshotRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/snapshot", id: "readSnapshot", tag: tagEvents, role: store.RoleAnalyst,
		summary: "Read the live state",
		doc: "Who waits where, what is being offered to whom, what every agent is doing, how dialers are doing; and the place of the log that this includes. " +
			"A wallboard takes it once and then follows the events behind `cursor`.",
	}, h.readSnapshot)
}

func (h *handler) readSnapshot(ctx context.Context, c caller, in *struct {
	QueueID int64 `query:"queue_id" minimum:"1" doc:"Only this queue, its offers, and the agents who serve it."`
}) (*struct{ Body Snapshot }, error) {
	if err := h.catchUp(ctx, c); err != nil {
		return nil, err
	}
	d, ok := h.cfg.Desk(c.domain)
	if !ok {
		return nil, problem(CodeUnavailable, "This server does not serve the domain of the key.")
	}
	var out Snapshot
	var lines map[int64][]*queue.Attempt
	now, known := h.cfg.Now(), true
	err := d.ReadAt(ctx, func(e *queue.Engine, head desk.Head) {
		known = in.QueueID == 0 || e.Queue(in.QueueID) != nil
		out, lines = takeSnapshot(e, in.QueueID, now)
		out.Seq, out.Cursor = head.Seq, eventCursor(dispatcher.Position{RecordedAt: head.RecordedAt, Seq: head.Seq})
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, invalid("?queue_id", "there is no such queue")
	}
	if err := h.viewLines(ctx, c, &out, lines, now); err != nil {
		return nil, err
	}
	return &struct{ Body Snapshot }{out}, nil
}

// takeSnapshot copies what is shown out of the engine; those who wait are shown
// later, because the desk stands still meanwhile.
func takeSnapshot(e *queue.Engine, only int64, now time.Time) (Snapshot, map[int64][]*queue.Attempt) {
	out := Snapshot{At: stamp(now), Queues: []SnapshotQueue{}, Offers: []SnapshotOffer{}, Agents: []Agent{}}
	lines := map[int64][]*queue.Attempt{}
	for _, q := range e.Queues() {
		if only != 0 && q.ID != only {
			continue
		}
		lines[q.ID] = e.Line(q.ID)
		out.Queues = append(out.Queues, SnapshotQueue{
			Queue: queue.QueueRef{ID: q.ID, Name: q.Name, Type: q.Type}, AgentsOnline: e.Online(q.ID),
			Waiting: []SnapshotMember{}, Dialer: viewDialer(e, q.ID, now),
		})
	}
	for _, a := range e.Offers() {
		if only != 0 && a.Queue.ID != only {
			continue
		}
		for _, o := range viewAttempt(a).Offers {
			out.Offers = append(out.Offers, SnapshotOffer{AttemptID: a.ID, QueueID: a.Queue.ID, AttemptOffer: o})
		}
	}
	for _, a := range e.Agents() {
		if only == 0 || e.Serves(a.ID, only) {
			_, state := e.Agent(a.ID)
			out.Agents = append(out.Agents, viewAgent(a, state))
		}
	}
	return out, lines
}

func viewDialer(e *queue.Engine, queueID int64, now time.Time) *SnapshotDialer {
	r, ok := e.Pacing(queueID, now)
	if !ok {
		return nil
	}
	return &SnapshotDialer{
		Pacing: r.Decision.Mode, Flying: r.Flying, Over: r.Decision.Over, Hit: r.Decision.Hit, Held: r.Decision.Held,
		Rates: r.Rates, DecidedAt: stamp(r.DecidedAt),
	}
}

func viewLine(line []*queue.Attempt, q *SnapshotQueue, now time.Time) []SnapshotMember {
	out := make([]SnapshotMember, len(line))
	for i, a := range line {
		out[i] = SnapshotMember{
			AttemptID: a.ID, Position: i + 1, Priority: a.Priority, Bucket: orNil(a.Bucket), JoinedAt: stamp(a.JoinedAt),
			WaitSec: max(0, now.Sub(a.JoinedAt).Round(time.Millisecond).Seconds()),
		}
		if q.AHTSec != nil && q.AgentsOnline > 0 {
			expected := float64(i+1) * *q.AHTSec / float64(q.AgentsOnline)
			out[i].ExpectedWaitSec = &expected
		}
	}
	return out
}

// ahtOver is how many of the last attempts of a queue its handle time is taken
// from, if they joined within ahtWithin.
const (
	ahtOver   = 100
	ahtWithin = 7 * 24 * time.Hour
)

// viewLines shows those who wait, in the queues where somebody does.
func (h *handler) viewLines(ctx context.Context, c caller, out *Snapshot, lines map[int64][]*queue.Attempt, now time.Time) error {
	var busy []int64
	for id, line := range lines {
		if len(line) > 0 {
			busy = append(busy, id)
		}
	}
	if len(busy) == 0 {
		return nil
	}
	times, err := h.cfg.Store.HandleTimes(ctx, c.domain, busy, now.Add(-ahtWithin), ahtOver)
	if err != nil {
		return err
	}
	for i := range out.Queues {
		q := &out.Queues[i]
		if t, ok := times[q.Queue.ID]; ok {
			mean := t.Seconds()
			q.AHTSec = &mean
		}
		if line := lines[q.Queue.ID]; len(line) > 0 {
			q.Waiting = viewLine(line, q, now)
		}
	}
	return nil
}

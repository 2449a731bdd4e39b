package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// copyFrom is the number of rows from which COPY beats an insert in the
// pipeline, even though it costs a round trip of its own (measured).
const copyFrom = 16

// Divides by zero when the row is not there, which cannot be while we hold its
// lock: in a pipeline only an error keeps the commit from following.
const moveHeadAt = `
WITH moved AS (
    UPDATE domains SET head_seq = $2, head_recorded_at = $3, version = $4 WHERE ctid = $5 AND id = $1 RETURNING ctid AS place
)
SELECT (SELECT place FROM moved), 1 / (SELECT count(*) FROM moved)`

// moveHead is for who does not know the row's place.
const moveHead = `UPDATE domains SET head_seq = $2, head_recorded_at = $3, version = $4 WHERE id = $1`

// write stores the batch and commits, or rolls back when there is nothing to
// store.
func (l *deskLog) write(ctx context.Context, conn *pgx.Conn, place pgtype.TID, before desk.Head, b desk.Batch) error {
	if b.Head.Version == before.Version {
		if len(b.Events)+len(b.Changed) > 0 {
			return errors.New("write a batch: it changes something but not the version")
		}
		_, err := conn.Exec(ctx, "ROLLBACK")
		return err
	}
	if b.Head.Seq != before.Seq+int64(len(b.Events)) || b.Head.RecordedAt.Before(before.RecordedAt) {
		return fmt.Errorf("write a batch: head %+v with %d events does not follow %+v", b.Head, len(b.Events), before)
	}
	w := writer{domain: l.domain, head: b.Head}
	if err := w.gather(b); err != nil {
		return err
	}
	if len(w.events) >= copyFrom {
		if err := copySeq(ctx, conn, "events", eventColumns, eventRowsOf(&w.domain, w.events)); err != nil {
			return err
		}
		w.events = nil
	}
	if len(w.left) >= copyFrom {
		if err := copySeq(ctx, conn, "attempts", attemptColumns, w.attemptRows); err != nil {
			return err
		}
		w.left = nil
	}
	if err := w.writeMembers(ctx, conn); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	w.queue(batch)
	queueNotes(batch, l.domain, b.Notes)
	batch.Queue(moveHeadAt, l.domain, b.Head.Seq, null(b.Head.RecordedAt), b.Head.Version, place).QueryRow(
		func(row pgx.Row) error { return row.Scan(&place, nil) })
	batch.Queue("COMMIT")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return overtaken(fmt.Errorf("write a batch: %w", err))
	}
	l.place.Store(&place)
	return nil
}

// writer holds a batch as rows and columns.
type writer struct {
	domain int64
	head   desk.Head

	events  []queue.Event
	left    []left
	leftIDs []int64

	attempts struct {
		columns
		queueID []int64
		state   []string
		joined  []time.Time
	}
	states struct {
		columns
		status []string
	}
	queues struct {
		columns
		name, typ []string
	}
	agents struct {
		columns
		name []string
		ref  []*string
	}
	paces                  columns
	places                 placeRows
	queuesGone, agentsGone []int64

	members           memberRows
	calendars, trunks settings
}

// columns are what every kind of record has: its id and itself.
type columns struct {
	id     []int64
	record []string
}

func (c *columns) add(id int64, r queue.Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode a %T: %w", r, err)
	}
	c.id = append(c.id, id)
	c.record = append(c.record, string(data))
	return nil
}

func (w *writer) gather(b desk.Batch) error {
	w.events = b.Events
	leaving := map[int64]*queue.Event{}
	for i := range b.Events {
		ev := &b.Events[i]
		if ev.Type == queue.EventLeaving {
			leaving[ev.AttemptID] = ev
		}
	}
	for _, r := range b.Changed {
		if err := w.gatherRecord(r, leaving); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) gatherRecord(r queue.Record, leaving map[int64]*queue.Event) error {
	switch r := r.(type) {
	case *queue.Attempt:
		if r.State == queue.StateLeaving {
			w.left = append(w.left, left{r, leaving[r.ID]})
			w.leftIDs = append(w.leftIDs, r.ID)
			return nil
		}
		w.attempts.queueID = append(w.attempts.queueID, r.Queue.ID)
		w.attempts.state = append(w.attempts.state, string(r.State))
		w.attempts.joined = append(w.attempts.joined, r.JoinedAt)
		return w.attempts.add(r.ID, r)
	case *queue.AgentState:
		w.states.status = append(w.states.status, string(r.Status))
		return w.states.add(r.AgentID, r)
	case *queue.Queue:
		w.queues.name = append(w.queues.name, r.Name)
		w.queues.typ = append(w.queues.typ, string(r.Type))
		return w.queues.add(r.ID, r)
	case *queue.Agent:
		w.agents.name = append(w.agents.name, r.Name)
		w.agents.ref = append(w.agents.ref, nameOf(&r.Ref))
		return w.agents.add(r.ID, r)
	case *queue.Member:
		return w.gatherMember(r)
	case *queue.Forbidden:
		w.gatherForbidden(r)
		return nil
	case *queue.Calendar:
		return w.calendars.add(r.ID, r.Name, r)
	case *queue.Trunk:
		return w.trunks.add(r.ID, r.Name, r)
	case *queue.Place:
		return w.places.gather(r)
	case *queue.Pace:
		return w.paces.add(r.QueueID, r)
	case *queue.Removed:
		return w.gatherRemoved(r)
	default:
		return fmt.Errorf("write a batch: unknown record %T", r)
	}
}

func (w *writer) gatherRemoved(r *queue.Removed) error {
	switch r.Kind {
	case queue.KindQueue:
		w.queuesGone = append(w.queuesGone, r.ID)
	case queue.KindAgent:
		w.agentsGone = append(w.agentsGone, r.ID)
	case queue.KindCalendar:
		w.calendars.gone = append(w.calendars.gone, r.ID)
	case queue.KindTrunk:
		w.trunks.gone = append(w.trunks.gone, r.ID)
	default:
		return fmt.Errorf("write a batch: cannot remove a %s", r.Kind)
	}
	return nil
}

const (
	putAttempts = `
INSERT INTO open_attempts AS o (domain_id, id, queue_id, state, joined_at, record, changed)
SELECT $1, r.id, r.queue_id, r.state, r.joined_at, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[])
     AS r (id, queue_id, state, joined_at, record)
ON CONFLICT (domain_id, id) DO UPDATE
SET queue_id = EXCLUDED.queue_id, state = EXCLUDED.state, joined_at = EXCLUDED.joined_at,
    record = EXCLUDED.record, changed = EXCLUDED.changed`
	// Row by row through the key: as a list, the ids would be compared with
	// every row of the domain when the planner believes that there are few.
	dropAttempts = `
DELETE FROM open_attempts WHERE ctid = ANY (ARRAY(
    SELECT (SELECT o.ctid FROM open_attempts AS o WHERE o.domain_id = $1 AND o.id = gone.id)
    FROM unnest($2::bigint[]) AS gone (id)))`

	putStates = `
INSERT INTO agent_states (domain_id, agent_id, status, record, changed)
SELECT $1, r.agent_id, r.status, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::text[], $5::text[]) AS r (agent_id, status, record)
ON CONFLICT (domain_id, agent_id) DO UPDATE
SET status = EXCLUDED.status, record = EXCLUDED.record, changed = EXCLUDED.changed`
	dropStates = `DELETE FROM agent_states WHERE domain_id = $1 AND agent_id = ANY($2)`

	putQueues = `
INSERT INTO queues (domain_id, id, name, type, record, changed)
SELECT $1, r.id, r.name, r.type, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) AS r (id, name, type, record)
ON CONFLICT (domain_id, id) DO UPDATE
SET name = EXCLUDED.name, type = EXCLUDED.type, record = EXCLUDED.record, changed = EXCLUDED.changed, removed = false`
	dropQueues = `UPDATE queues SET removed = true, changed = $2 WHERE domain_id = $1 AND id = ANY($3)`

	putAgents = `
INSERT INTO agents (domain_id, id, name, ref, record, changed)
SELECT $1, r.id, r.name, r.ref, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) AS r (id, name, ref, record)
ON CONFLICT (domain_id, id) DO UPDATE
SET name = EXCLUDED.name, ref = EXCLUDED.ref, record = EXCLUDED.record, changed = EXCLUDED.changed, removed = false`
	putPaces = `
INSERT INTO queue_paces (domain_id, queue_id, record, changed)
SELECT $1, r.queue_id, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::text[]) AS r (queue_id, record)
ON CONFLICT (domain_id, queue_id) DO UPDATE SET record = EXCLUDED.record, changed = EXCLUDED.changed`
	dropPaces = `DELETE FROM queue_paces WHERE domain_id = $1 AND queue_id = ANY($2)`

	dropAgents = `UPDATE agents SET removed = true, changed = $2 WHERE domain_id = $1 AND id = ANY($3)`
)

// queue adds one statement for each kind of row that there is.
func (w *writer) queue(batch *pgx.Batch) {
	if n := len(w.events); n > 0 {
		args := make([]any, 0, n*len(eventColumns))
		for i := range w.events {
			args = append(args, eventRow(&w.domain, &w.events[i])...)
		}
		batch.Queue(insertEvents[n], args...)
	}
	if n := len(w.left); n > 0 {
		args := make([]any, 0, n*len(attemptColumns))
		for _, l := range w.left {
			args = w.appendAttempt(args, l.Attempt, l.leaving)
		}
		batch.Queue(insertAttempts[n], args...)
	}
	version := w.head.Version
	if len(w.leftIDs) > 0 {
		batch.Queue(dropAttempts, w.domain, w.leftIDs)
	}
	if a := &w.attempts; len(a.id) > 0 {
		batch.Queue(putAttempts, w.domain, version, a.id, a.queueID, a.state, a.joined, a.record)
	}
	if st := &w.states; len(st.id) > 0 {
		batch.Queue(putStates, w.domain, version, st.id, st.status, st.record)
	}
	if len(w.queuesGone) > 0 {
		batch.Queue(dropQueues, w.domain, version, w.queuesGone)
		batch.Queue(dropPaces, w.domain, w.queuesGone)
	}
	if len(w.agentsGone) > 0 {
		batch.Queue(dropAgents, w.domain, version, w.agentsGone)
		batch.Queue(dropStates, w.domain, w.agentsGone)
	}
	if q := &w.queues; len(q.id) > 0 {
		batch.Queue(putQueues, w.domain, version, q.id, q.name, q.typ, q.record)
	}
	if a := &w.agents; len(a.id) > 0 {
		batch.Queue(putAgents, w.domain, version, a.id, a.name, a.ref, a.record)
	}
	w.calendars.queue(batch, calendarsSQL, w.domain, version)
	w.trunks.queue(batch, trunksSQL, w.domain, version)
	w.queueForbidden(batch)
	if p := &w.paces; len(p.id) > 0 {
		batch.Queue(putPaces, w.domain, version, p.id, p.record)
	}
	w.places.queue(batch, w.domain, version, w.head.RecordedAt)
}

// insertInto returns the statements for 1, 2, 3 … rows of a table, below
// copyFrom: one for all rows, because each statement costs more than its rows.
func insertInto(table string, columns []string) [copyFrom]string {
	var sql [copyFrom]string
	var rows []string
	for n := 1; n < copyFrom; n++ {
		params := make([]string, len(columns))
		for i := range params {
			params[i] = fmt.Sprintf("$%d", (n-1)*len(columns)+i+1)
		}
		rows = append(rows, "("+strings.Join(params, ", ")+")")
		sql[n] = "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " + strings.Join(rows, ", ")
	}
	return sql
}

package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// MemberState is where a member stands at an instant.
type MemberState string

// Ready: he may be dialled now, as far as his own times say. Waiting: not
// before ready_at. Open: he is in an open attempt. Stopped: he is not dialled
// any more.
const (
	MemberReady   MemberState = "ready"
	MemberWaiting MemberState = "waiting"
	MemberOpen    MemberState = "open"
	MemberStopped MemberState = "stopped"
)

// MemberStates lists every state, for checks and documentation.
var MemberStates = []MemberState{MemberReady, MemberWaiting, MemberOpen, MemberStopped}

// StateOf says where a member stands at an instant.
func StateOf(m *queue.Member, at time.Time) MemberState {
	switch {
	case m.Open != 0:
		return MemberOpen
	case !m.StoppedAt.IsZero():
		return MemberStopped
	case m.ReadyAt.After(at):
		return MemberWaiting
	default:
		return MemberReady
	}
}

// MemberFilter says which members of a queue a list shows.
type MemberFilter struct {
	QueueID int64
	// State narrows to those who are in it at At; empty = all.
	State MemberState
	At    time.Time
	// Number, if given, is the first number of those who are shown.
	Number string
	// After is the place of the last one of the page before; the zero place is
	// the beginning.
	After MemberPlace
	Limit int
}

// MemberPlace is a place in a list of members. Only the lists of those who are
// ready or waiting need more than the id.
type MemberPlace struct {
	ID       int64
	Priority int
	ReadyAt  time.Time // zero = before the first
}

// PlaceOf returns the place of a member.
func PlaceOf(m *queue.Member) MemberPlace {
	return MemberPlace{ID: m.ID, Priority: m.Priority, ReadyAt: m.ReadyAt}
}

const (
	membersOf      = `SELECT ` + selectedMember + ` FROM members AS m WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.id > $3`
	byID           = ` ORDER BY m.id LIMIT $4`
	allMembers     = membersOf + byID
	openMembers    = membersOf + ` AND m.open_attempt <> 0` + byID
	stoppedMembers = membersOf + ` AND m.stopped_at IS NOT NULL` + byID
	// Few share a number, so their state needs no index.
	membersByNumber = membersOf + ` AND m.number = $5 AND ($6 = '' OR $6 = CASE
    WHEN m.open_attempt <> 0 THEN 'open' WHEN m.stopped_at IS NOT NULL THEN 'stopped'
    WHEN m.ready_at > $7 THEN 'waiting' ELSE 'ready' END)` + byID
)

// waitingMembers reads the first $5 who get ready after the place of ready_at $7
// and id $8, which is not before $4, in the order in which they do: from each
// priority of each zone as many, which is what the index has in this order. Of two
// lower bounds Postgres would take the wrong one to begin at; and the offset of
// nothing has it fetch those few by their ids, since it takes a limit that it does
// not know for a tenth of the table.
const waitingMembers = `
SELECT ` + selectedMember + `
FROM (
    SELECT of_zone.id
    FROM unnest($3::text[]) AS open (zone) CROSS JOIN LATERAL (` + levelsOfZone + `
        SELECT waiting.id, waiting.ready_at
        FROM levels CROSS JOIN LATERAL (
            SELECT m.id, m.ready_at FROM members AS m
            WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.time_zone = open.zone AND m.priority = levels.priority
              AND m.open_attempt = 0 AND m.stopped_at IS NULL
              AND (m.ready_at, m.id) > ($7::timestamptz, $8::bigint)
            ORDER BY m.ready_at, m.id LIMIT $5) AS waiting
        WHERE levels.priority IS NOT NULL AND $7 >= $4::timestamptz
    ) AS of_zone
    ORDER BY of_zone.ready_at, of_zone.id LIMIT $5
) AS best CROSS JOIN LATERAL (SELECT * FROM members WHERE domain_id = $1 AND id = best.id OFFSET 0) AS m
ORDER BY m.ready_at, m.id`

// Members lists the members of a queue: those who are ready in the order in
// which they are picked, those who are waiting in the order in which they get
// ready, all others in the order of their ids. Numbers on the do-not-call list
// are marked.
func (s *Store) Members(ctx context.Context, domainID int64, f MemberFilter) ([]*queue.Member, error) {
	members, err := s.listMembers(ctx, domainID, f)
	if err == nil {
		err = markForbidden(ctx, s.pool.Query, domainID, members)
	}
	if err != nil {
		return nil, fmt.Errorf("list the members of queue %d: %w", f.QueueID, err)
	}
	return members, nil
}

func (s *Store) listMembers(ctx context.Context, domainID int64, f MemberFilter) ([]*queue.Member, error) {
	sql, args := allMembers, []any{domainID, f.QueueID, f.After.ID, f.Limit}
	switch {
	case f.Number != "":
		sql, args = membersByNumber, append(args, f.Number, string(f.State), f.At)
	case f.State == MemberOpen:
		sql = openMembers
	case f.State == MemberStopped:
		sql = stoppedMembers
	case f.State == MemberReady, f.State == MemberWaiting:
		zones, err := s.DeskLists(domainID).Zones(ctx, f.QueueID)
		if err != nil {
			return nil, err
		}
		sql, args = readySQL, []any{domainID, f.QueueID, zones, f.At, f.Limit, everyPriority, everyInstant, int64(0)}
		if f.State == MemberWaiting {
			sql, args[6], args[7] = waitingMembers, f.At, int64(math.MaxInt64)
		}
		if p := f.After; !p.ReadyAt.IsZero() && (f.State == MemberReady || p.ReadyAt.After(f.At)) {
			args[7], args[6] = p.ID, p.ReadyAt
			if f.State == MemberReady {
				args[5] = int64(p.Priority)
			}
		}
	}
	rows, _ := s.pool.Query(ctx, sql, args...)
	return pgx.CollectRows(rows, scanMember)
}

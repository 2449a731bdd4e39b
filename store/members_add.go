package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// OnDuplicate says what becomes of a new member when somebody in the queue has
// his first number already.
type OnDuplicate string

// Keep adds him all the same. Skip leaves him out. Update changes the one who
// is there, the first of them if there are several, unless he is in an open
// attempt.
const (
	DuplicateKeep   OnDuplicate = "keep"
	DuplicateSkip   OnDuplicate = "skip"
	DuplicateUpdate OnDuplicate = "update"
)

// OnDuplicates lists every choice, for checks and documentation.
var OnDuplicates = []OnDuplicate{DuplicateKeep, DuplicateSkip, DuplicateUpdate}

// Incoming is somebody who is to be added to a queue.
type Incoming struct {
	// Member is complete but for his id and edition.
	Member *queue.Member
	// Renew lays what was given over the one who is there: for DuplicateUpdate.
	Renew func(old *queue.Member)
}

// Fate is what became of an incoming member.
type Fate string

// Added: he is new. Updated: the one who was there has been changed. Skipped:
// the one who was there stays as he is. Busy: he was to be updated, and is in
// an open attempt.
const (
	FateAdded   Fate = "added"
	FateUpdated Fate = "updated"
	FateSkipped Fate = "skipped"
	FateBusy    Fate = "busy"
)

// Settled is an incoming member's fate, and who stands for him in the queue now.
type Settled struct {
	Fate   Fate
	Member *queue.Member
}

// Intake is a batch of members to be added to a queue in one transaction.
type Intake struct {
	QueueID     int64
	Members     []Incoming
	OnDuplicate OnDuplicate
	// Piece, if set, says that this is a piece of an import: it is told what
	// became of everybody and returns the task with its progress, which is stored
	// in the same transaction. Without it the audit log gets a row.
	Piece func([]Settled) (Task, error)
}

// AddMembers adds members to a queue and tells what became of each, in their
// order. All is stored, or, with an error, nothing.
func (s *Store) AddMembers(ctx context.Context, domainID int64, in Intake, by By) ([]Settled, error) {
	a := adding{Intake: in, domain: domainID, settled: make([]Settled, len(in.Members))}
	var err error
	if n := len(in.Members); n > 0 {
		// Before the transaction: the sequence is locked for a moment only.
		if a.nextID, err = s.DeskLog(domainID).IDs(ctx, n); err != nil {
			return nil, fmt.Errorf("add members: %w", err)
		}
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if err := a.match(ctx, tx); err != nil {
			return err
		}
		if err := a.write(ctx, tx); err != nil {
			return err
		}
		if in.Piece == nil {
			return audit(ctx, tx, domainID, a.done(by))
		}
		task, err := in.Piece(a.settled)
		if err != nil {
			return err
		}
		return saveProgress(ctx, tx, task)
	})
	if err != nil {
		return nil, fmt.Errorf("add members: %w", err)
	}
	return a.settled, nil
}

// adding is an Intake under way.
type adding struct {
	Intake
	domain, nextID int64
	settled        []Settled
	fresh, changed []*queue.Member
}

// Two imports into a queue that look for duplicates do so one after the other,
// else each would add what it does not see of the other.
const lockIntake = `SELECT pg_advisory_xact_lock(hashtextextended('intake of members', $1))`

const (
	doubles = `
SELECT ` + selectedMember + ` FROM members AS m WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.number = ANY($3) ORDER BY m.id`
	// Who is being written at this moment counts as busy: whoever waits for a row
	// while he holds others may wait for ever.
	holdDoubles = `
SELECT id FROM members WHERE domain_id = $1 AND id = ANY($2) AND open_attempt = 0 FOR NO KEY UPDATE SKIP LOCKED`
)

// match decides each one's fate.
func (a *adding) match(ctx context.Context, tx pgx.Tx) error {
	there := map[string]*queue.Member{}
	free, written := map[int64]bool{}, map[int64]bool{}
	if a.OnDuplicate != DuplicateKeep {
		if _, err := tx.Exec(ctx, lockIntake, a.QueueID); err != nil {
			return fmt.Errorf("lock the intake of queue %d: %w", a.QueueID, err)
		}
		var err error
		if there, free, err = a.doubles(ctx, tx); err != nil {
			return fmt.Errorf("look for duplicates: %w", err)
		}
	}
	for i, in := range a.Members {
		number := in.Member.Numbers[0].Number
		old := there[number]
		switch {
		case old == nil:
			m := in.Member
			m.ID, m.QueueID, m.Edition = a.nextID, a.QueueID, firstEdition
			a.nextID++
			a.fresh = append(a.fresh, m)
			a.settled[i] = Settled{FateAdded, m}
			if a.OnDuplicate != DuplicateKeep {
				there[number], free[m.ID], written[m.ID] = m, true, true
			}
		case a.OnDuplicate == DuplicateSkip:
			a.settled[i] = Settled{FateSkipped, old}
		case !free[old.ID]:
			a.settled[i] = Settled{FateBusy, old}
		default:
			in.Renew(old)
			if !written[old.ID] {
				written[old.ID] = true
				a.changed = append(a.changed, old)
			}
			a.settled[i] = Settled{FateUpdated, old}
		}
	}
	return nil
}

// doubles returns who is there already, by first number, and, if they are to be
// updated, which of them can be.
func (a *adding) doubles(ctx context.Context, tx pgx.Tx) (there map[string]*queue.Member, free map[int64]bool, err error) {
	numbers := make([]string, len(a.Members))
	for i, in := range a.Members {
		numbers[i] = in.Member.Numbers[0].Number
	}
	rows, _ := tx.Query(ctx, doubles, a.domain, a.QueueID, numbers)
	found, err := pgx.CollectRows(rows, scanMember)
	if err != nil {
		return nil, nil, err
	}
	there, free = map[string]*queue.Member{}, map[int64]bool{}
	var ids []int64
	for _, m := range found {
		if number := m.Numbers[0].Number; there[number] == nil {
			there[number] = m
			ids = append(ids, m.ID)
		}
	}
	if a.OnDuplicate != DuplicateUpdate {
		return there, free, nil
	}
	rows, _ = tx.Query(ctx, holdDoubles, a.domain, ids)
	held, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, nil, err
	}
	for _, id := range held {
		free[id] = true
	}
	return there, free, nil
}

// write stores the new ones and the changed ones.
func (a *adding) write(ctx context.Context, tx pgx.Tx) error {
	rows := make([][]any, len(a.fresh))
	var version int64
	for i, m := range a.fresh {
		var err error
		if rows[i], err = memberRow(&a.domain, m, &m.Edition, &version); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		if err := copyRows(ctx, tx.Conn(), "members", memberColumns, rows); err != nil {
			return err
		}
	}
	if len(a.changed) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, m := range a.changed {
		if err := queueEdit(batch, a.domain, m); err != nil {
			return err
		}
	}
	return tx.SendBatch(ctx, batch).Close()
}

// done is what the audit log says about a batch: the one member, or how many.
func (a *adding) done(by By) By {
	if len(a.settled) == 1 && a.settled[0].Fate == FateAdded {
		return by.did("create", "member", strconv.FormatInt(a.settled[0].Member.ID, 10))
	}
	by.After = map[string]int{"added": len(a.fresh), "updated": len(a.changed)}
	return by.did("import", "member", "queue "+strconv.FormatInt(a.QueueID, 10))
}

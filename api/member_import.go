package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/offhook/offhook/store"
)

const (
	kindMembersImport = "members.import"
	// importPiece is how many rows of an import are one transaction.
	importPiece = 2000
)

// imported is how far an import is, and its result.
type imported struct {
	Place   rowsPlace `json:"place,omitzero"`
	Rows    int64     `json:"rows"`
	Added   int64     `json:"added"`
	Updated int64     `json:"updated"`
	Skipped int64     `json:"skipped"`
	Bad     int64     `json:"bad"`
	// Errors are the first bad rows.
	Errors []badRow `json:"errors"`
}

// blame counts a bad row, and keeps the first ones.
func (i *imported) blame(b badRow) {
	i.Bad++
	if len(i.Errors) < maxBadRows {
		i.Errors = append(i.Errors, b)
	}
}

// begun reads the progress of whoever worked on the task before.
func begun(j *job) (p importParameters, done imported, err error) {
	if err := json.Unmarshal(j.task.Parameters, &p); err != nil {
		return p, done, failed("The parameters of the task cannot be read: %v", err)
	}
	if j.task.Progress.Position != nil {
		if err := json.Unmarshal(j.task.Progress.Position, &done); err != nil {
			return p, done, failed("The position of the task cannot be read: %v", err)
		}
	}
	if done.Errors == nil {
		done.Errors = []badRow{}
	}
	return p, done, nil
}

// reached puts the progress into the task: in bytes, because nobody has counted
// the rows.
func (i *imported) reached(j *job, p importParameters) error {
	position, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("render the position of an import: %w", err)
	}
	j.task.Progress = store.TaskProgress{
		Done: min(i.Place.Offset, p.Bytes), Total: &p.Bytes, Position: position,
		Note: fmt.Sprintf("%d rows read, %d added, %d updated, %d skipped, %d bad", i.Rows, i.Added, i.Updated, i.Skipped, i.Bad),
	}
	return nil
}

// finish makes the progress the result.
func (i *imported) finish(j *job, p importParameters) error {
	i.Place = rowsPlace{}
	j.result = i
	j.task.Progress.Done, j.task.Progress.Total = p.Bytes, &p.Bytes
	return nil
}

// importMembers carries out the task members.import.
func (h *handler) importMembers(ctx context.Context, j *job) error {
	p, done, err := begun(j)
	if err != nil {
		return err
	}
	j.result = &done
	c := caller{domain: j.task.DomainID}
	rules, err := h.membersOf(ctx, c, p.QueueID)
	if err != nil {
		return hopeless(err)
	}
	from, err := newRows(p.Media, h.cfg.Store.OpenUpload(ctx, j.task, done.Place.Offset), done.Place)
	if err != nil {
		return hopeless(unreadableBody(err))
	}
	read, err := rules.reader(from, p.Extra)
	if err != nil {
		return hopeless(err)
	}
	for more := true; more; {
		if more, err = h.importPiece(ctx, j, piece{p, &done, from, read}); err != nil {
			return err
		}
		h.refill(c, p.QueueID)
		// Meanwhile the queue may have gone, and agents have come.
		now, err := h.membersOf(ctx, c, p.QueueID)
		if err != nil {
			return hopeless(err)
		}
		*rules = *now
	}
	return done.finish(j, p)
}

// piece is what an import works on.
type piece struct {
	importParameters
	done *imported
	from *rows
	read func() (*store.Incoming, *badRow, error)
}

// importPiece adds the next rows in one transaction with the progress: after a
// crash none is missing and none is there twice. What was read before the body
// could not be read any more is added too.
func (h *handler) importPiece(ctx context.Context, j *job, p piece) (more bool, err error) {
	next := *p.done
	intake := store.Intake{QueueID: p.QueueID, OnDuplicate: p.OnDuplicate}
	var lines []int
	var broken error
	for n := 0; n < importPiece && broken == nil; n++ {
		incoming, bad, err := p.read()
		switch {
		case err != nil:
			broken = err
			continue
		case bad != nil:
			next.blame(*bad)
		default:
			intake.Members = append(intake.Members, *incoming)
			lines = append(lines, p.from.place.Line)
		}
		next.Rows++
	}
	next.Place = p.from.place
	intake.Piece = func(settled []store.Settled) (store.Task, error) {
		next.count(settled, lines)
		err := next.reached(j, p.importParameters)
		return j.task, err
	}
	if _, err := h.cfg.Store.AddMembers(ctx, j.task.DomainID, intake, store.By{}); err != nil {
		return false, err
	}
	*p.done = next
	if broken != nil && !errors.Is(broken, io.EOF) {
		return false, hopeless(unreadableBody(broken))
	}
	return broken == nil, nil
}

// count adds up what became of the members of a piece. Those who are in an
// attempt are complained of: whoever imports them must try again.
func (i *imported) count(settled []store.Settled, lines []int) {
	for n, s := range settled {
		switch s.Fate {
		case store.FateAdded:
			i.Added++
		case store.FateUpdated:
			i.Updated++
		case store.FateSkipped:
			i.Skipped++
		case store.FateBusy:
			i.blame(badRow{Line: lines[n], Detail: fmt.Sprintf("member %d is in an open attempt and stays as he is", s.Member.ID)})
		}
	}
}

// hopeless makes a refusal the end of a task: trying again would not help.
func hopeless(err error) error {
	var p *Problem
	if errors.As(err, &p) && p.Status < 500 {
		return failed("%s", p.Detail)
	}
	return err
}

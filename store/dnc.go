package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// Numbers get onto the do-not-call list by a command of the desk, so that no
// replica dials one any more when that was answered; see desk_members.go. What
// is here does not need the desk.

const (
	selectForbidden = `SELECT number, note, created_at FROM dnc WHERE domain_id = $1`
	oneForbidden    = selectForbidden + ` AND number = $2`
	listForbidden   = selectForbidden + ` AND number > $2 ORDER BY number LIMIT $3`
)

// Forbidden returns the entry of one number on the do-not-call list, or
// ErrNotFound.
func (s *Store) Forbidden(ctx context.Context, domainID int64, number string) (*queue.Forbidden, error) {
	rows, _ := s.pool.Query(ctx, oneForbidden, domainID, number)
	f, err := pgx.CollectExactlyOneRow(rows, scanForbidden)
	if err != nil {
		return nil, fmt.Errorf("look a number up in the do-not-call list: %w", notFound(err))
	}
	return f, nil
}

// AllForbidden lists the do-not-call list in the order of the numbers: up to
// limit behind after; an empty after is the beginning.
func (s *Store) AllForbidden(ctx context.Context, domainID int64, after string, limit int) ([]*queue.Forbidden, error) {
	rows, _ := s.pool.Query(ctx, listForbidden, domainID, after, limit)
	list, err := pgx.CollectRows(rows, scanForbidden)
	if err != nil {
		return nil, fmt.Errorf("list the do-not-call list: %w", err)
	}
	return list, nil
}

func scanForbidden(row pgx.CollectableRow) (*queue.Forbidden, error) {
	var f queue.Forbidden
	err := row.Scan(&f.Number, &f.Note, &f.CreatedAt)
	f.CreatedAt = f.CreatedAt.UTC()
	return &f, err
}

const noteForbidden = `UPDATE dnc SET note = $3 WHERE domain_id = $1 AND number = $2 RETURNING number, note, created_at`

// NoteForbidden changes the note of a number on the do-not-call list. The error
// is ErrNotFound when it is not on it.
func (s *Store) NoteForbidden(ctx context.Context, domainID int64, number, note string, by By) (*queue.Forbidden, error) {
	var f *queue.Forbidden
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, noteForbidden, domainID, number, note)
		var err error
		if f, err = pgx.CollectExactlyOneRow(rows, scanForbidden); err != nil {
			return notFound(err)
		}
		return audit(ctx, tx, domainID, by.did("update", "dnc", number))
	})
	if err != nil {
		return nil, fmt.Errorf("change an entry of the do-not-call list: %w", err)
	}
	return f, nil
}

const allowNumber = `DELETE FROM dnc WHERE domain_id = $1 AND number = $2`

// Allow takes a number off the do-not-call list. The error is ErrNotFound when
// it is not on it.
func (s *Store) Allow(ctx context.Context, domainID int64, number string, by By) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, allowNumber, domainID, number)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return audit(ctx, tx, domainID, by.did("delete", "dnc", number))
	})
	if err != nil {
		return fmt.Errorf("take a number off the do-not-call list: %w", err)
	}
	return nil
}

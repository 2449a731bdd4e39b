package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Domain is a tenant: its own queues, agents, keys, endpoints and log.
type Domain struct {
	ID   int64
	Name string
	// Events is how many events its log holds and has held.
	Events int64
}

const listDomains = `SELECT id, name, head_seq FROM domains ORDER BY id`

// Domains lists all domains by id. The migrations make the first one.
func (s *Store) Domains(ctx context.Context) ([]Domain, error) {
	rows, err := s.pool.Query(ctx, listDomains)
	if err != nil {
		return nil, fmt.Errorf("list domains: %w", err)
	}
	domains, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Domain])
	if err != nil {
		return nil, fmt.Errorf("list domains: %w", err)
	}
	return domains, nil
}

// ErrNameTaken says that a domain of that name exists.
var ErrNameTaken = errors.New("the name is taken")

// Domains are few and never deleted, so the next number is free; two who ask at
// once collide on the key, and the loser is told.
const createDomain = `
INSERT INTO domains (id, name) SELECT max(id) + 1, $1 FROM domains
RETURNING id, name, head_seq`

// CreateDomain makes a domain, whose audit log begins with that. The error is
// ErrNameTaken when there is one of that name.
func (s *Store) CreateDomain(ctx context.Context, name string, by By) (Domain, error) {
	if name == "" || len(name) > 200 {
		return Domain{}, errors.New("create domain: a domain needs a name of at most 200 bytes")
	}
	var d Domain
	by.After = map[string]string{"name": name}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, createDomain, name)
		var err error
		if d, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Domain]); err != nil {
			return err
		}
		return audit(ctx, tx, d.ID, by.did("create", "domain", strconv.FormatInt(d.ID, 10)))
	})
	if violates(err, "domains_name_key") {
		return Domain{}, ErrNameTaken
	}
	if err != nil {
		return Domain{}, fmt.Errorf("create domain: %w", err)
	}
	return d, nil
}

package store

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/offhook/offhook/migrations"
)

// Migration is one step of the schema that this program knows.
type Migration struct {
	Version int64
	Name    string // of its file
	// AppliedAt is zero while the database lacks it.
	AppliedAt time.Time
}

// Migrations lists the steps in their order, and which of them the database
// has.
func Migrations(ctx context.Context, pool *pgxpool.Pool) ([]Migration, error) {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	status, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var all []Migration
	for _, s := range status {
		m := Migration{Version: s.Source.Version, Name: path.Base(s.Source.Path)}
		if s.State == goose.StateApplied {
			m.AppliedAt = s.AppliedAt.UTC()
		}
		all = append(all, m)
	}
	return all, nil
}

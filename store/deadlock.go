package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	deadlockDetected = "40P01"
	deadlockTries    = 5
)

// inTxAgain is a transaction that is made again when Postgres ends it because
// it and another one wait for each other. Whoever deletes an endpoint and whoever
// writes what came of its requests lock the same rows from opposite ends: the
// one goes from the endpoint to what hangs on it, the other comes back to the
// endpoint to see that it is there.
func (d *Delivery) inTxAgain(ctx context.Context, f func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, d.pool, f)
		var pg *pgconn.PgError
		if try == deadlockTries || !errors.As(err, &pg) || pg.Code != deadlockDetected {
			return err
		}
	}
}

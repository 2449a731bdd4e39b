package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// roleName is what a role may be called without quotes, so that its name can
// stand in a statement as it is.
var roleName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// ErrMayNotGrant says that the account of the database may not make roles. The
// statements that its administrator has to carry out instead are AnalystSQL.
var ErrMayNotGrant = errors.New("the database account may not make roles")

const insufficientPrivilege = "42501"

// AnalystSQL returns the statements that make a role for analysts: it can log
// in once it has a password, reads the views and functions of the schema analyst
// and nothing else, changes nothing, and can hold neither a statement nor a transaction open
// for long: an old snapshot keeps vacuum from its work.
func AnalystSQL(role string, exists bool) ([]string, error) {
	if !roleName.MatchString(role) {
		return nil, fmt.Errorf("%q cannot be the name of a role: use small letters, digits and _, at most 63", role)
	}
	var sql []string
	if !exists {
		sql = append(sql, "CREATE ROLE "+role+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 10")
	}
	for _, setting := range []string{
		"default_transaction_read_only = on", "statement_timeout = '5min'", "idle_in_transaction_session_timeout = '1min'",
		"lock_timeout = '2s'", "search_path = analyst",
	} {
		sql = append(sql, "ALTER ROLE "+role+" SET "+setting)
	}
	return append(sql,
		"GRANT USAGE ON SCHEMA analyst TO "+role,
		"GRANT SELECT ON ALL TABLES IN SCHEMA analyst TO "+role,
		"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA analyst TO "+role,
		"ALTER DEFAULT PRIVILEGES IN SCHEMA analyst GRANT SELECT ON TABLES TO "+role,
		"ALTER DEFAULT PRIVILEGES IN SCHEMA analyst GRANT EXECUTE ON FUNCTIONS TO "+role,
	), nil
}

// GrantAnalyst makes a role for analysts, or brings one up to date. The error is
// ErrMayNotGrant when the account may not.
func GrantAnalyst(ctx context.Context, pool *pgxpool.Pool, role string) error {
	var exists bool
	if err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, role).Scan(&exists); err != nil {
		return fmt.Errorf("look for the role: %w", err)
	}
	sql, err := AnalystSQL(role, exists)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, statement := range sql {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == insufficientPrivilege {
		return ErrMayNotGrant
	}
	if err != nil {
		return fmt.Errorf("make the role %s: %w", role, err)
	}
	return nil
}

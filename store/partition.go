package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// partitioned names the tables that have a partition a UTC day, each with the
// column that says which. Rows of days that have none go to the default
// partition, so that a late or failed EnsurePartitions loses nothing.
var partitioned = map[string]string{
	"events":    "recorded_at",
	"attempts":  "recorded_at",
	"tries":     "started_at",
	"audit_log": "at",
}

const (
	dayFormat = "20060102"
	day       = 24 * time.Hour
	// checkViolation is what Postgres answers when the default partition holds
	// rows of the day that is to be made.
	checkViolation = "23514"
)

// Making and dropping locks the table for a moment. Who cannot have the lock
// soon gives up and comes again with the next round, instead of making every
// writer queue up behind him.
const partitionSettings = `SET LOCAL lock_timeout = '3s'`

const partitionLock = `SELECT pg_advisory_xact_lock(5108337246)`

// EnsurePartitions makes the partitions of today and the days ahead for every
// partitioned table. A day whose rows are in the default partition already
// stays there.
func (s *Store) EnsurePartitions(ctx context.Context, now time.Time, daysAhead int) error {
	today := now.UTC().Truncate(day)
	for table := range partitioned {
		have, err := s.partitions(ctx, table)
		if err != nil {
			return err
		}
		for i := range daysAhead + 1 {
			from := today.AddDate(0, 0, i)
			if _, ok := have[from]; ok {
				continue
			}
			if err := s.makePartition(ctx, table, from); err != nil {
				return fmt.Errorf("make the partition of %s for %s: %w", table, from.Format(time.DateOnly), err)
			}
		}
	}
	return nil
}

// makePartition builds the table beside its parent and attaches it then: that
// locks less than creating it in place.
func (s *Store) makePartition(ctx context.Context, table string, from time.Time) error {
	name := table + "_" + from.Format(dayFormat)
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{
			partitionSettings,
			partitionLock,
			fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (LIKE %s INCLUDING ALL)", name, table),
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		var attached bool // by another replica, while we waited for the lock
		if err := tx.QueryRow(ctx, `SELECT relispartition FROM pg_class WHERE oid = $1::regclass`, name).Scan(&attached); err != nil || attached {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
			table, name, from.Format(time.RFC3339), from.Add(day).Format(time.RFC3339)))
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == checkViolation {
		return nil
	}
	return err
}

const listPartitions = `
SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::regclass`

// partitions returns the day partitions of a table, by their day.
func (s *Store) partitions(ctx context.Context, table string) (map[time.Time]string, error) {
	rows, err := s.pool.Query(ctx, listPartitions, table)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", table, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", table, err)
	}
	days := map[time.Time]string{}
	for _, name := range names {
		if d, err := time.Parse(dayFormat, strings.TrimPrefix(name, table+"_")); err == nil {
			days[d] = name
		}
	}
	return days, nil
}

// DropPartitions drops the partitions of a table that hold only rows older than
// before, and deletes such rows from its default partition. It returns how many
// partitions went.
func (s *Store) DropPartitions(ctx context.Context, table string, before time.Time) (int, error) {
	column, ok := partitioned[table]
	if !ok {
		return 0, fmt.Errorf("drop partitions: %q has none", table)
	}
	have, err := s.partitions(ctx, table)
	if err != nil {
		return 0, err
	}
	dropped := 0
	for from, name := range have {
		if from.Add(day).After(before) {
			continue
		}
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			for _, sql := range []string{partitionSettings, partitionLock, "DROP TABLE IF EXISTS " + name} {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return dropped, fmt.Errorf("drop the partition %s: %w", name, err)
		}
		dropped++
	}
	sql := fmt.Sprintf("DELETE FROM %s_default WHERE %s < $1", table, column)
	if _, err := s.pool.Exec(ctx, sql, before); err != nil {
		return dropped, fmt.Errorf("empty the default partition of %s: %w", table, err)
	}
	return dropped, nil
}

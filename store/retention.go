package store

import (
	"context"
	"fmt"
	"time"
)

// Retention says how long history is kept. What is partitioned goes by whole
// days: a day goes when its last instant is too old.
type Retention struct {
	Tries  time.Duration
	Events time.Duration // and finished attempts, and reports that came too late
	Audit  time.Duration
	Tasks  time.Duration // that have finished
}

const sweepReports = `DELETE FROM late_reports WHERE received_at < $1`

// Sweep drops what is too old at the instant now, and returns how many days of
// which tables went. Days are dropped as tables: that costs the same however
// much is in them, and gives the space back at once.
func (s *Store) Sweep(ctx context.Context, r Retention, now time.Time) (map[string]int, error) {
	dropped := map[string]int{}
	for table, keep := range map[string]time.Duration{
		"events": r.Events, "attempts": r.Events, "tries": r.Tries, "audit_log": r.Audit,
	} {
		n, err := s.DropPartitions(ctx, table, now.Add(-keep))
		if n > 0 {
			dropped[table] = n
		}
		if err != nil {
			return dropped, err
		}
	}
	if _, err := s.pool.Exec(ctx, sweepReports, now.Add(-r.Events)); err != nil {
		return dropped, fmt.Errorf("sweep late reports: %w", err)
	}
	return dropped, s.SweepTasks(ctx, now.Add(-r.Tasks), now)
}

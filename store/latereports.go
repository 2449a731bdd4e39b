package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/offhook/offhook/queue"
)

const keepLateReportSQL = `
INSERT INTO late_reports (domain_id, attempt_id, received_at, agent_id, cc_result, variables)
VALUES ($1, $2, $3, nullif($4::bigint, 0), $5, $6)
ON CONFLICT DO NOTHING`

// KeepLateReport stores an agent's report that came at the instant at, after
// its attempt had left. It changes nothing else and makes no event.
func (s *Store) KeepLateReport(ctx context.Context, domainID int64, r queue.Report, at time.Time) error {
	variables, err := json.Marshal(r.Variables)
	if err != nil {
		return fmt.Errorf("keep late report: %w", err)
	}
	if r.Variables == nil {
		variables = []byte("{}")
	}
	_, err = s.pool.Exec(ctx, keepLateReportSQL, domainID, r.AttemptID, at, r.AgentID, r.Result, variables)
	if err != nil {
		return fmt.Errorf("keep late report: %w", err)
	}
	return nil
}

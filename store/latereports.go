package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

const keepLateReportSQL = `
INSERT INTO late_reports (domain_id, attempt_id, received_at, agent_id, cc_result, variables)
VALUES ($1, $2, $3, nullif($4::bigint, 0), $5, $6)
ON CONFLICT DO NOTHING`

// KeepLateReport stores an agent's report that came at by.At, after its attempt
// had left. It makes no event, and changes nothing else.
func (s *Store) KeepLateReport(ctx context.Context, domainID int64, r queue.Report, by By) error {
	variables, err := json.Marshal(r.Variables)
	if err != nil {
		return fmt.Errorf("keep late report: %w", err)
	}
	if r.Variables == nil {
		variables = []byte("{}")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, keepLateReportSQL, domainID, r.AttemptID, by.At, r.AgentID, r.Result, variables); err != nil {
			return err
		}
		return audit(ctx, tx, domainID, by.did("report", "attempt", strconv.FormatInt(r.AttemptID, 10)))
	})
	if err != nil {
		return fmt.Errorf("keep late report: %w", err)
	}
	return nil
}

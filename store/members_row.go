package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// memberColumns are in the order of memberRow, which writes a new member, and
// of scanMember.
var memberColumns = []string{
	"domain_id", "id", "queue_id", "name", "numbers", "priority", "bucket", "variables", "time_zone", "expires_at",
	"sticky_agent_id", "created_at", "edition", "attempts", "ready_at", "retry_rule", "retry_tries", "avoid_trunk",
	"next_number", "exclusions", "open_attempt", "last_attempt", "stopped_at", "stop_cause", "changed",
}

// memberRow is a member as a row, changed by the version; 0 = by no batch.
func memberRow(domain *int64, m *queue.Member, edition, version *int64) ([]any, error) {
	numbers, err := json.Marshal(m.Numbers)
	if err != nil {
		return nil, fmt.Errorf("encode the numbers of member %d: %w", m.ID, err)
	}
	exclusions, err := exclusionsColumn(m.Exclusions)
	if err != nil {
		return nil, fmt.Errorf("encode the exclusions of member %d: %w", m.ID, err)
	}
	cause := string(m.StopCause)
	return []any{
		domain, &m.ID, &m.QueueID, m.Name, numbers, &m.Priority, &m.Bucket, variablesColumn(m.Variables), &m.TimeZone,
		instantOf(&m.ExpiresAt), m.StickyAgentID, &m.CreatedAt, edition, &m.Attempts, &m.ReadyAt, &m.RetryRule,
		&m.RetryTries, &m.AvoidTrunk, &m.NextNumber, exclusions, &m.Open, &m.LastAttempt, instantOf(&m.StoppedAt), &cause, version,
	}, nil
}

// exclusionsColumn is NULL when there are none.
func exclusionsColumn(x []queue.Exclusion) ([]byte, error) {
	if len(x) == 0 {
		return nil, nil
	}
	return json.Marshal(x)
}

// selectedMember names the columns of scanMember.
const selectedMember = `m.id, m.queue_id, m.name, m.numbers, m.priority, m.bucket, m.variables, m.time_zone,
m.expires_at, m.sticky_agent_id, m.created_at, m.edition, m.attempts, m.ready_at, m.retry_rule, m.retry_tries,
m.avoid_trunk, m.next_number, m.exclusions, m.open_attempt, m.last_attempt, m.stopped_at, m.stop_cause, m.changed`

func scanMember(row pgx.CollectableRow) (*queue.Member, error) {
	var m queue.Member
	var numbers, variables, exclusions []byte
	var expires, stopped *time.Time
	err := row.Scan(&m.ID, &m.QueueID, &m.Name, &numbers, &m.Priority, &m.Bucket, &variables, &m.TimeZone,
		&expires, &m.StickyAgentID, &m.CreatedAt, &m.Edition, &m.Attempts, &m.ReadyAt, &m.RetryRule, &m.RetryTries,
		&m.AvoidTrunk, &m.NextNumber, &exclusions, &m.Open, &m.LastAttempt, &stopped, &m.StopCause, &m.Changed)
	if err != nil {
		return nil, err
	}
	m.CreatedAt, m.ReadyAt = m.CreatedAt.UTC(), m.ReadyAt.UTC()
	m.ExpiresAt, m.StoppedAt = instant(expires), instant(stopped)
	for _, part := range []struct {
		raw  []byte
		into any
	}{{numbers, &m.Numbers}, {variables, &m.Variables}, {exclusions, &m.Exclusions}} {
		if part.raw == nil {
			continue
		}
		if err := json.Unmarshal(part.raw, part.into); err != nil {
			return nil, fmt.Errorf("decode member %d: %w", m.ID, err)
		}
	}
	return &m, nil
}

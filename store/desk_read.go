package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

const (
	readQueues   = `SELECT record FROM queues WHERE domain_id = $1 AND NOT removed ORDER BY id`
	readAgents   = `SELECT record FROM agents WHERE domain_id = $1 AND NOT removed ORDER BY id`
	readStates   = `SELECT record FROM agent_states WHERE domain_id = $1 ORDER BY agent_id`
	readAttempts = `SELECT record FROM open_attempts WHERE domain_id = $1 ORDER BY id`
	readPaces    = `SELECT record FROM queue_paces WHERE domain_id = $1 ORDER BY queue_id`
)

// openRecords reads everything open, in an order in which each record finds
// what it refers to.
func openRecords(ctx context.Context, conn *pgx.Conn, domain int64) ([]queue.Record, error) {
	var out []queue.Record
	batch := &pgx.Batch{}
	queueRecords[queue.Calendar](batch, &out, calendarsSQL.read, domain)
	queueRecords[queue.Trunk](batch, &out, trunksSQL.read, domain)
	queueRecords[queue.Queue](batch, &out, readQueues, domain)
	queueRecords[queue.Agent](batch, &out, readAgents, domain)
	queueRecords[queue.AgentState](batch, &out, readStates, domain)
	queueMembers(batch, &out, readMembers, domain)
	queueRecords[queue.Attempt](batch, &out, readAttempts, domain)
	queueRecords[queue.Pace](batch, &out, readPaces, domain)
	queueRecords[queue.Place](batch, &out, readPlaces, domain)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read open state: %w", err)
	}
	return out, nil
}

// What left is told by the history. Its partitions are by day of recorded_at,
// which is why that is asked too; a reader that knows no event asks from the
// beginning. The upper bound, the version that is locked, is no news either: a
// planner that does not know the values takes half a range for a third of the
// table, and a closed one for next to nothing, which is right.
const (
	changedLeft = `
SELECT id FROM attempts
WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND recorded_at >= coalesce($4::timestamptz, '-infinity') ORDER BY id`
	changedAgentsGone = `SELECT id FROM agents WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND removed ORDER BY id`
	changedQueuesGone = `SELECT id FROM queues WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND removed ORDER BY id`

	changedQueues   = `SELECT record FROM queues WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND NOT removed ORDER BY id`
	changedAgents   = `SELECT record FROM agents WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND NOT removed ORDER BY id`
	changedStates   = `SELECT record FROM agent_states WHERE domain_id = $1 AND changed > $2 AND changed <= $3 ORDER BY agent_id`
	changedPaces    = `SELECT record FROM queue_paces WHERE domain_id = $1 AND changed > $2 AND changed <= $3 ORDER BY queue_id`
	changedAttempts = `
SELECT record FROM open_attempts
WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND changed > 0 ORDER BY id`
)

// changedRecords reads what other replicas changed since have: first what went,
// so that a name or a slot is free when somebody else has it now.
func changedRecords(ctx context.Context, conn *pgx.Conn, domain int64, have, head desk.Head) ([]queue.Record, error) {
	var out []queue.Record
	batch := &pgx.Batch{}
	queueRemoved(batch, &out, queue.KindAttempt, changedLeft, domain, have.Version, head.Version, null(have.RecordedAt))
	queueRemoved(batch, &out, queue.KindAgent, changedAgentsGone, domain, have.Version, head.Version)
	queueRemoved(batch, &out, queue.KindQueue, changedQueuesGone, domain, have.Version, head.Version)
	queueRemoved(batch, &out, queue.KindCalendar, calendarsSQL.removed, domain, have.Version, head.Version)
	queueRemoved(batch, &out, queue.KindTrunk, trunksSQL.removed, domain, have.Version, head.Version)
	queueRecords[queue.Calendar](batch, &out, calendarsSQL.changed, domain, have.Version, head.Version)
	queueRecords[queue.Trunk](batch, &out, trunksSQL.changed, domain, have.Version, head.Version)
	queueRecords[queue.Queue](batch, &out, changedQueues, domain, have.Version, head.Version)
	queueRecords[queue.Agent](batch, &out, changedAgents, domain, have.Version, head.Version)
	queueRecords[queue.AgentState](batch, &out, changedStates, domain, have.Version, head.Version)
	queueMembers(batch, &out, changedMembers, domain, have.Version, head.Version)
	queueNewlyForbidden(batch, &out, changedForbidden, domain, have.Version, head.Version)
	queueRecords[queue.Attempt](batch, &out, changedAttempts, domain, have.Version, head.Version)
	queueRecords[queue.Pace](batch, &out, changedPaces, domain, have.Version, head.Version)
	queueRecords[queue.Place](batch, &out, changedPlaces, domain, have.Version, head.Version)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read what changed since version %d: %w", have.Version, err)
	}
	return out, nil
}

// queueRecords appends the JSON records that sql selects to out.
func queueRecords[T any, P interface {
	*T
	queue.Record
}](batch *pgx.Batch, out *[]queue.Record, sql string, args ...any) {
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var raw []byte
			if err := rows.Scan(&raw); err != nil {
				return err
			}
			record := P(new(T))
			if err := json.Unmarshal(raw, record); err != nil {
				return fmt.Errorf("decode a %T: %w", record, err)
			}
			*out = append(*out, record)
		}
		return rows.Err()
	})
}

// queueRemoved appends a Removed for every id that sql selects to out.
func queueRemoved(batch *pgx.Batch, out *[]queue.Record, kind queue.Kind, sql string, args ...any) {
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			removed := &queue.Removed{Kind: kind}
			if err := rows.Scan(&removed.ID); err != nil {
				return err
			}
			*out = append(*out, removed)
		}
		return rows.Err()
	})
}

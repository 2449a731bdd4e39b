package store

import (
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// settings are the rows of a table that keeps a name and a record for each id,
// such as calendars, and marks what was removed.
type settings struct {
	columns
	name []string
	gone []int64
}

func (s *settings) add(id int64, name string, r queue.Record) error {
	s.name = append(s.name, name)
	return s.columns.add(id, r)
}

// settingsSQL are the statements for one such table.
type settingsSQL struct {
	put, drop              string
	read, changed, removed string
}

var (
	calendarsSQL = settingsOf("calendars")
	trunksSQL    = settingsOf("trunks")
)

func settingsOf(table string) settingsSQL {
	since := " FROM " + table + " WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND "
	return settingsSQL{
		put: "INSERT INTO " + table + ` (domain_id, id, name, record, changed)
SELECT $1, r.id, r.name, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::text[], $5::text[]) AS r (id, name, record)
ON CONFLICT (domain_id, id) DO UPDATE
SET name = EXCLUDED.name, record = EXCLUDED.record, changed = EXCLUDED.changed, removed = false`,
		drop:    "UPDATE " + table + " SET removed = true, changed = $2 WHERE domain_id = $1 AND id = ANY($3)",
		read:    "SELECT record FROM " + table + " WHERE domain_id = $1 AND NOT removed ORDER BY id",
		changed: "SELECT record" + since + "NOT removed ORDER BY id",
		removed: "SELECT id" + since + "removed ORDER BY id",
	}
}

// queue adds the statements for what there is.
func (s *settings) queue(batch *pgx.Batch, sql settingsSQL, domain, version int64) {
	if len(s.gone) > 0 {
		batch.Queue(sql.drop, domain, version, s.gone)
	}
	if len(s.id) > 0 {
		batch.Queue(sql.put, domain, version, s.id, s.name, s.record)
	}
}

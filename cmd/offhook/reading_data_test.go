package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/migrations"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

// The history that TestReading reads: so many days up to the one on which it was
// made, and so many events a day in each domain.
const (
	readingDays      = 100
	readingTriesDays = 30 // as long as tries are kept by default
	readingDatabase  = "postgres"
	readingConns     = 4
	// readingRing encrypts the secrets of endpoints that get nothing.
	readingRing = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

// readingDomain is what a tenant has.
type readingDomain struct {
	events         int // a day; a multiple of 8 × lines
	lines          int // attempts at once
	queues, agents int
}

// readingDomains are the tenants, from domain 1 on: 100,000 events a day.
var readingDomains = []readingDomain{{80_000, 50, 40, 400}, {15_000, 25, 10, 100}, {5_000, 25, 3, 20}}

const readingEndpoints = 4 // of each domain, and one that was never sent anything

// readingData is a Postgres whose data is kept from one run to the next.
type readingData struct {
	t      testing.TB
	folder string
	began  time.Time // the first day
	pool   *pgxpool.Pool
	server *localpg.Server
	env    []string // for processes that use it
}

// openReading starts the Postgres in the folder, whose data is made first when
// it is not there, or was made by other statements or an older schema that
// cannot be brought up to date.
func openReading(t testing.TB, folder string) *readingData {
	t.Helper()
	d := &readingData{t: t, folder: folder}
	d.start(true)
	have := d.marker()
	if !strings.HasPrefix(wantedMarker(t), have) || have == "" {
		d.stop()
		fmt.Fprintf(os.Stderr, "making 10 million events and 10 million tries in %s, once: some ten minutes and 15 GB\n", folder)
		if err := localpg.Remove(folder); err != nil {
			t.Fatal(err)
		}
		d.start(false)
		d.make()
		d.stop()
		d.start(true)
	}
	pool, err := store.Open(t.Context(), store.Config{URL: d.server.URL(readingDatabase)})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	pool.Close()
	d.mark()
	d.exec(`SELECT 1`)
	if err := d.pool.QueryRow(t.Context(), `SELECT min(recorded_at) FROM events WHERE domain_id = 1`).Scan(&d.began); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return d
}

// start starts the server: as it is measured, or as it is filled, where a crash
// loses what is there.
func (d *readingData) start(measured bool) {
	d.t.Helper()
	settings := map[string]string{"shared_buffers": "1GB", "max_wal_size": "2GB", "checkpoint_timeout": "30min"}
	if !measured {
		settings["maintenance_work_mem"], settings["autovacuum"] = "512MB", "off"
	}
	server, err := localpg.Start(d.t.Context(), localpg.Options{DataDir: d.folder, Durable: measured, Settings: settings})
	if err != nil {
		d.t.Fatal(err)
	}
	d.server = server
	d.env = []string{"OFFHOOK_DATABASE_URL=" + server.URL(readingDatabase), "OFFHOOK_KEY_RING=" + readingRing,
		// A connection plans a statement when it first carries it out: so that all are
		// warm soon, there are few. What is kept must not grow old.
		"OFFHOOK_DATABASE_MAX_CONNS=" + fmt.Sprint(readingConns),
		"OFFHOOK_RETAIN_TRIES=876000h", "OFFHOOK_RETAIN_EVENTS=876000h", "OFFHOOK_RETAIN_AUDIT=876000h", "OFFHOOK_RETAIN_TASKS=876000h"}
	if d.pool, err = pgxpool.New(d.t.Context(), server.URL(readingDatabase)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *readingData) stop() {
	d.pool.Close()
	if err := d.server.Stop(); err != nil {
		d.t.Error(err)
	}
}

// wantedMarker says what the data is made by: the statements that fill it, then
// the migrations in their order. Data that was made by fewer migrations can be
// brought up to date.
func wantedMarker(t testing.TB) string {
	t.Helper()
	filled := strings.Join([]string{fillEvents, fillAttempts, fillTries, fillMembers, fillForbidden, fillAudit, fillTasks, fillParked,
		fmt.Sprintf("%d %d %v", readingDays, readingTriesDays, readingDomains)}, ";")
	marker := fmt.Sprintf("%x", sha256.Sum256([]byte(filled)))[:16]
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		marker += fmt.Sprintf(" %s %x", strings.TrimSuffix(name, filepath.Ext(name)), sha256.Sum256(text))[:24]
	}
	return marker
}

func (d *readingData) marker() (text string) {
	d.t.Helper()
	const read = `SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = current_database()`
	if err := d.pool.QueryRow(d.t.Context(), read).Scan(&text); err != nil {
		d.t.Fatal(err)
	}
	return text
}

func (d *readingData) mark() {
	d.t.Helper()
	d.exec(fmt.Sprintf(`COMMENT ON DATABASE %s IS '%s'`, readingDatabase, wantedMarker(d.t)))
}

func (d *readingData) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.pool.Exec(d.t.Context(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// make fills an empty database. What the server must understand is made by the
// server itself; the history is then put behind it.
func (d *readingData) make() {
	d.t.Helper()
	began := time.Now()
	said := func(what string) {
		fmt.Fprintf(os.Stderr, "  %-40s %4.0f s\n", what, time.Since(began).Seconds())
	}
	d.set()
	said("domains, queues, agents, endpoints")
	d.began = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -readingDays)
	if err := store.New(d.pool).EnsurePartitions(d.t.Context(), d.began, readingDays+2); err != nil {
		d.t.Fatal(err)
	}
	d.exec(`TRUNCATE events, attempts, tries, audit_log`)
	restore := d.dropIndexes("events", "attempts", "tries")
	d.parallel(readingDays, func(day int) []statement { return d.dayOf(day) })
	said("events and attempts")
	d.parallel(readingTriesDays, func(day int) []statement { return d.triesOf(readingDays - readingTriesDays + day) })
	said("tries")
	d.fillRest()
	said("members, audit log and the rest")
	for _, sql := range restore {
		d.exec(sql)
	}
	said("indexes")
	d.exec(`VACUUM (ANALYZE)`)
	said("vacuum")
	d.exec(`CHECKPOINT`)
}

// statement is one with its arguments.
type statement struct {
	sql  string
	args []any
}

// parallel carries out the statements of n days, two days at a time.
func (d *readingData) parallel(n int, of func(int) []statement) {
	d.t.Helper()
	var work errgroup.Group
	work.SetLimit(2)
	for i := range n {
		work.Go(func() error {
			for _, s := range of(i) {
				if _, err := d.pool.Exec(d.t.Context(), s.sql, s.args...); err != nil {
					return fmt.Errorf("fill day %d: %w", i, err)
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		d.t.Fatal(err)
	}
}

// dayOf are the statements of one day of the log.
func (d *readingData) dayOf(day int) (all []statement) {
	for i, dom := range readingDomains {
		queues, agents := d.named("queues", i+1), d.named("agents", i+1)
		args := []any{i + 1, d.began.AddDate(0, 0, day), dom.events, day * dom.events, dom.lines,
			24 * time.Hour / time.Duration(dom.events), queues.ids, queues.names, queues.types, agents.ids, agents.names}
		all = append(all, statement{fillEvents, args}, statement{fillAttempts, args})
	}
	return all
}

func (d *readingData) triesOf(day int) (all []statement) {
	for i := range readingDomains {
		from := d.began.AddDate(0, 0, day)
		all = append(all, statement{fillTries, []any{i + 1, from, from.AddDate(0, 0, 1), d.endpoints(i + 1)}})
	}
	return all
}

// namedThings are the queues or agents of a domain.
type namedThings struct {
	ids          []int64
	names, types []string
}

func (d *readingData) named(table string, domain int) (n namedThings) {
	d.t.Helper()
	kind := "''::text"
	if table == "queues" {
		kind = "type"
	}
	sql := fmt.Sprintf(`SELECT array_agg(id ORDER BY id), array_agg(name ORDER BY id), array_agg(%s ORDER BY id) FROM %s WHERE domain_id = $1`, kind, table)
	if err := d.pool.QueryRow(d.t.Context(), sql, domain).Scan(&n.ids, &n.names, &n.types); err != nil {
		d.t.Error(err)
	}
	return n
}

// endpoints are the ids of a domain's endpoints without their prefix, in the
// order in which they were made.
func (d *readingData) endpoints(domain int) (ids []string) {
	d.t.Helper()
	const read = `SELECT array_agg(id::text ORDER BY created_at, id) FROM endpoints WHERE domain_id = $1`
	if err := d.pool.QueryRow(d.t.Context(), read, domain).Scan(&ids); err != nil {
		d.t.Error(err)
	}
	return ids
}

// dropIndexes takes the indexes off partitioned tables and returns the
// statements that put them back: five times as fast as to keep them.
func (d *readingData) dropIndexes(tables ...string) (restore []string) {
	d.t.Helper()
	const read = `
SELECT CASE WHEN c.contype = 'p' THEN format('ALTER TABLE %s ADD %s', i.indrelid::regclass, pg_get_constraintdef(c.oid))
            ELSE replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') END,
       CASE WHEN c.contype = 'p' THEN format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname)
            ELSE format('DROP INDEX %s', i.indexrelid::regclass) END
FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid
WHERE i.indrelid = $1::regclass`
	for _, table := range tables {
		rows, err := d.pool.Query(d.t.Context(), read, table)
		if err != nil {
			d.t.Fatal(err)
		}
		var drop []string
		for rows.Next() {
			var back, off string
			if err := rows.Scan(&back, &off); err != nil {
				d.t.Fatal(err)
			}
			restore, drop = append(restore, back), append(drop, off)
		}
		for _, sql := range drop {
			d.exec(sql)
		}
	}
	return restore
}

// fillRest fills what is beside the log, and moves its end to where it is.
func (d *readingData) fillRest() {
	d.t.Helper()
	end := d.began.AddDate(0, 0, readingDays)
	var list int64
	if err := d.pool.QueryRow(d.t.Context(), `SELECT id FROM queues WHERE domain_id = 1 AND type = 'offline'`).Scan(&list); err != nil {
		d.t.Fatal(err)
	}
	d.exec(fillMembers, list, end, 200_000)
	d.exec(fillForbidden, end, 200_000)
	d.exec(fillAudit, d.began, end, 500_000, "key_of_nobody")
	d.exec(fillTasks, end, "key_of_nobody", 20_000)
	for i, dom := range readingDomains {
		ids := d.endpoints(i + 1)
		d.exec(`UPDATE domains SET head_seq = $2, head_recorded_at = $3, version = version + 1 WHERE id = $1`, i+1, dom.events*readingDays, end)
		d.exec(`UPDATE endpoint_cursors SET settled_seq = $2, settled_at = $3, claimed_seq = $2, claimed_at = $3 WHERE domain_id = $1`,
			i+1, dom.events*readingDays, end)
		d.exec(fillParked, i+1, ids[3], end.AddDate(0, 0, -2))
	}
	d.exec(`SELECT setval('ids', 1000000000)`)
}

// set has the server make what it must understand.
func (d *readingData) set() {
	d.t.Helper()
	run := func(args ...string) string {
		out := runOffhook(d.t, d.env, args...)
		if out.code != exitDone {
			d.t.Fatalf("offhook %v: %s", args, out.stderr)
		}
		return strings.TrimSpace(out.stdout)
	}
	run("migrate", "up")
	for i := range readingDomains[1:] {
		run("domains", "create", fmt.Sprint("tenant ", i+2))
	}
	server := startServer(d.t, d.env, "--role", "api")
	for i, dom := range readingDomains {
		key := run("keys", "create", "--role", "admin", "--domain", fmt.Sprint(i+1))
		dom.set(d.t.Context(), d.t, newRESTClient("http://"+server.address, key))
	}
	server.stop()
}

// set makes the domain's queues, agents and endpoints.
func (dom readingDomain) set(ctx context.Context, t testing.TB, rest *restClient) {
	t.Helper()
	post := func(path string, body map[string]any) int64 {
		t.Helper()
		var made struct{ ID any }
		if err := rest.post(ctx, path, body, &made); err != nil {
			t.Fatal(err)
		}
		id, _ := made.ID.(float64)
		return int64(id)
	}
	var queues []int64
	for i := range dom.queues {
		kind := "inbound"
		if i == 1 {
			kind = "offline"
		}
		queues = append(queues, post("/v1/queues", map[string]any{"name": fmt.Sprint("queue ", i+1), "type": kind}))
	}
	for i := range dom.agents {
		post("/v1/agents", map[string]any{"name": fmt.Sprint("Agent ", i+1), "extension": fmt.Sprint(1000 + i), "queues": []int64{queues[i%len(queues)]}})
	}
	for i := range readingEndpoints + 1 {
		post("/v1/endpoints", map[string]any{"url": fmt.Sprintf("https://crm.example/%d", i+1)})
	}
}

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

var (
	// readingFolder is where TestReading keeps its data; make bench-read names one.
	readingFolder = flag.String("reading", "", "measure the reading of ten million events and tries, which are kept in this folder")
	readingOnly   = flag.String("lists", "", "with -reading: only lists whose names match this")
)

const (
	readingRequests = 200 // of each list, warmed up by as many
	readingLimit    = 50 * time.Millisecond
)

// TestReading asks a server in a process of its own for every list that there
// is, over ten million events and ten million tries, at random places, one
// request after the other: 99 of a hundred must be answered within 50 ms. A whole
// run also has a million events exported.
func TestReading(t *testing.T) {
	if *readingFolder == "" {
		t.Skip("make bench-read runs it")
	}
	m := newReadingMeter(t, openReading(t, *readingFolder))
	m.everyRouteIsMeasured()
	only, err := regexp.Compile(*readingOnly)
	if err != nil {
		t.Fatal(err)
	}
	worst, n := time.Duration(0), 0
	fmt.Printf("%-46s %8s %8s %8s %6s\n", "list", "p50 ms", "p99 ms", "max ms", "rows")
	for _, l := range readingLists() {
		if !only.MatchString(l.name) {
			continue
		}
		m.warm(&l)
		p99 := m.show(&l, readingRequests)
		if p99 >= readingLimit {
			t.Errorf("%s: %v at the 99th of a hundred requests", l.name, p99)
		}
		worst, n = max(worst, p99), n+1
	}
	for _, l := range readingFigures {
		if only.MatchString(l.name) {
			m.show(&l, readingRequests/5)
		}
	}
	if *readingOnly == "" {
		m.exports()
	}
	verdicts = append(verdicts, fmt.Sprintf("bench-read lists=%d worst_p99_ms=%.1f", n, inMS(worst)))
}

// show measures and prints a list, and returns the 99th of a hundred requests.
func (m *readingMeter) show(l *readingList, requests int) (p99 time.Duration) {
	m.t.Helper()
	took, rows := m.times(l, requests)
	slices.Sort(took)
	p99 = took[(len(took)*99-1)/100]
	fmt.Printf("%-46s %8.1f %8.1f %8.1f %6.1f\n", l.name, inMS(took[len(took)/2]), inMS(p99), inMS(took[len(took)-1]), float64(rows)/float64(len(took)))
	return p99
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// readingMeter is a server over the history, and readers of its domains.
type readingMeter struct {
	t       *testing.T
	data    *readingData
	server  *runningServer
	client  http.Client
	readers []*reader
}

func newReadingMeter(t *testing.T, data *readingData) *readingMeter {
	t.Helper()
	m := &readingMeter{t: t, data: data, server: startServer(t, append(data.env, "OFFHOOK_LOG_LEVEL=info"), "--role", "api")}
	for i := range readingDomains {
		key := runOffhook(t, data.env, "keys", "create", "--role", "admin", "--domain", fmt.Sprint(i+1))
		m.readers = append(m.readers, data.reader(i+1, strings.TrimSpace(key.stdout)))
	}
	m.wait()
	return m
}

// wait lets people wait in the queues of the first domain, up to 200.
func (m *readingMeter) wait() {
	m.t.Helper()
	r := m.readers[0]
	rest := newRESTClient("http://"+m.server.address, r.key)
	var open struct{ Data []json.RawMessage }
	if err := rest.call(m.t.Context(), http.MethodGet, "/v1/attempts?open=true&limit=250", nil, &open); err != nil {
		m.t.Fatal(err)
	}
	for range 200 - len(open.Data) {
		if err := rest.post(m.t.Context(), fmt.Sprintf("/v1/queues/%d/attempts", r.queues[2+r.IntN(20)]), map[string]any{"destination": "+12025550199"}, nil); err != nil {
			m.t.Fatal(err)
		}
	}
}

// reader prepares somebody who reads a domain.
func (d *readingData) reader(domain int, key string) *reader {
	d.t.Helper()
	queues, agents := d.named("queues", domain), d.named("agents", domain)
	r := &reader{Rand: rand.New(rand.NewPCG(7, uint64(domain))), domain: domain, key: key, began: d.began,
		queues: queues.ids, names: queues.names, agents: agents.ids}
	for _, id := range d.endpoints(domain) {
		r.endpoints = append(r.endpoints, "ep_"+id)
	}
	r.first, r.last = int64(domain)*100_000_000, int64(domain)*100_000_000+int64(readingDomains[domain-1].events/8*readingDays)
	for range 100 { // from all over the log
		var id string
		const some = `SELECT 'evt_' || id FROM events WHERE domain_id = $1 AND recorded_at >= $2 ORDER BY recorded_at LIMIT 1`
		if err := d.pool.QueryRow(d.t.Context(), some, domain, r.instant(readingDays-1)).Scan(&id); err != nil {
			d.t.Fatal(err)
		}
		r.events = append(r.events, id)
	}
	for sql, into := range map[string]any{
		`SELECT array_agg(id) FROM (SELECT id FROM members WHERE domain_id = $1 LIMIT 1000) AS m`:          &r.members,
		`SELECT array_agg('task_' || id) FROM (SELECT id FROM tasks WHERE domain_id = $1 LIMIT 1000) AS m`: &r.tasks,
		`SELECT array_agg(id) FROM api_keys WHERE domain_id = $1`:                                          &r.keys,
	} {
		if err := d.pool.QueryRow(d.t.Context(), sql, domain).Scan(into); err != nil {
			d.t.Fatal(err)
		}
	}
	return r
}

// reader chooses who asks for a list: mostly the largest domain, and only that
// one for what the others do not have.
func (m *readingMeter) reader(l *readingList, i int) *reader {
	if i%5 != 4 || strings.Contains(l.route, "member") || strings.HasPrefix(l.route, "/v1/dnc") || strings.HasPrefix(l.route, "/v1/tasks") || strings.HasPrefix(l.route, "/v1/audit") {
		return m.readers[0]
	}
	return m.readers[1+i/5%2]
}

// warm reads the list as often as it is measured, first on all connections of the
// server at once.
func (m *readingMeter) warm(l *readingList) {
	m.t.Helper()
	var paths []string
	for i := range 10 * readingConns {
		paths = append(paths, l.path(m.reader(l, i)))
	}
	for i := 0; i < len(paths); i += readingConns {
		var clients errgroup.Group
		for j, path := range paths[i : i+readingConns] {
			clients.Go(func() error {
				_, _, _, err := m.get(m.reader(l, i+j), path)
				return err
			})
		}
		if err := clients.Wait(); err != nil {
			m.t.Fatal(err)
		}
	}
	m.times(l, readingRequests)
}

// times reads the list again and again, half of the times on from where the
// page before ended, and returns how long each request took and how many rows
// came.
func (m *readingMeter) times(l *readingList, requests int) (took []time.Duration, rows int) {
	m.t.Helper()
	for len(took) < requests {
		r := m.reader(l, len(took))
		path := l.path(r)
		for range 4 {
			d, n, cursor, err := m.get(r, path)
			if err != nil {
				m.t.Fatal(err)
			}
			took, rows = append(took, d), rows+n
			if cursor == "" || r.IntN(2) == 0 {
				break
			}
			path = goOn(path, cursor)
		}
	}
	return took, rows
}

// goOn is the request for the next page.
func goOn(path, cursor string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	q := u.Query()
	q.Set("cursor", cursor)
	u.RawQuery = q.Encode()
	return u.String()
}

// get makes one request and measures it until its last byte.
func (m *readingMeter) get(r *reader, path string) (took time.Duration, rows int, cursor string, err error) {
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, "http://"+m.server.address+path, nil)
	if err != nil {
		return 0, 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	began := time.Now()
	resp, err := m.client.Do(req)
	if err != nil {
		return 0, 0, "", err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	took = time.Since(began)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %d %s", path, resp.StatusCode, body)
	}
	if err != nil {
		return 0, 0, "", err
	}
	var page struct {
		Data   []json.RawMessage
		Cursor string `json:"next_cursor"`
	}
	_ = json.Unmarshal(body, &page) // one thing has neither
	return took, len(page.Data), page.Cursor, nil
}

// everyRouteIsMeasured fails the test for a route that reads and that nobody
// measures.
func (m *readingMeter) everyRouteIsMeasured() {
	m.t.Helper()
	var doc struct {
		Paths map[string]map[string]struct{ Security []any }
	}
	rest := newRESTClient("http://"+m.server.address, "")
	if err := rest.call(m.t.Context(), http.MethodGet, "/openapi.json", nil, &doc); err != nil {
		m.t.Fatal(err)
	}
	measured := map[string]bool{}
	for _, l := range append(readingLists(), readingFigures...) {
		measured[l.route] = true
	}
	for path, methods := range doc.Paths {
		if op, ok := methods["get"]; ok && len(op.Security) > 0 && !measured[path] && notMeasured[path] == "" {
			m.t.Errorf("GET %s is not measured", path)
		}
	}
}

// exports has the whole log of the first domain exported, and looks at the
// memory of the server meanwhile.
func (m *readingMeter) exports() {
	m.t.Helper()
	for _, format := range []string{"ndjson", "csv"} {
		before := residentMB(m.server.cmd.Process.Pid)
		ctx, over := context.WithCancel(m.t.Context())
		peak := watchMemory(ctx, m.server.cmd.Process.Pid)
		began := time.Now()
		rows, bytes := m.export("/v1/export/events." + format + "?since=" + url.QueryEscape(m.data.began.AddDate(0, 0, readingDays-readingExportDays).Format(time.RFC3339)))
		took := time.Since(began)
		over()
		most := <-peak
		fmt.Printf("export %-8s %9d events %6.0f MB %6.0f s; resident memory %.0f MB before, %.0f MB at most\n",
			format, rows, float64(bytes)/1e6, took.Seconds(), before, most)
		if rows < 1_000_000 || most > before+readingExportMB {
			m.t.Errorf("the export of %d events needs %.0f MB", rows, most-before)
		}
	}
}

const (
	readingExportDays = 15 // 1.2 million events of the first domain
	readingExportMB   = 64 // that the server may grow by while it exports
)

// export reads an export to its end and counts.
func (m *readingMeter) export(path string) (lines, bytes int) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, "http://"+m.server.address+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.readers[0].key)
	resp, err := m.client.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		bytes += n
		lines += strings.Count(string(buf[:n]), "\n")
		if err == io.EOF {
			return lines, bytes
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "export:", err)
			m.t.Fatal(err)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// The benchmarks of this file measure the program as it is run: a server in a
// process of its own, its Postgres, and a receiver, all on this machine. Ratios
// are to a bare keep-alive POST loop with 16 connections against the same
// receiver, made before and after.

const (
	restConnections = 16
	restReports     = 60_000
	reportsPerPost  = 100
	reportsPerCall  = 4
)

// sink is a receiver that only reads, counts and notes when attempts arrive.
type sink struct {
	*httptest.Server
	n     atomic.Int64
	want  atomic.Int64
	done  chan struct{}
	mu    sync.Mutex
	first map[int64]time.Time // of attempts, if asked for
}

func newSink(b testing.TB) *sink {
	s := &sink{done: make(chan struct{}, 1)}
	s.want.Store(-1)
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		now := time.Now()
		_, _ = io.Copy(io.Discard, r.Body)
		if s.first != nil {
			id, _ := strconv.ParseInt(r.Header.Get("Offhook-Attempt"), 10, 64)
			s.mu.Lock()
			if _, known := s.first[id]; !known {
				s.first[id] = now
			}
			s.mu.Unlock()
		}
		if s.n.Add(1) == s.want.Load() {
			s.done <- struct{}{}
		}
	}))
	b.Cleanup(s.Close)
	return s
}

func (s *sink) expect(n int64) { s.n.Store(0); s.want.Store(n) }

// wait returns when what was expected has come.
func (s *sink) wait(b testing.TB) {
	b.Helper()
	select {
	case <-s.done:
	case <-time.After(3 * time.Minute):
		b.Fatalf("%d of %d requests have come in three minutes", s.n.Load(), s.want.Load())
	}
}

// yardstick is a bare POST loop of n requests: requests a second.
func (s *sink) yardstick(b testing.TB, body []byte, n int) float64 {
	b.Helper()
	s.expect(-1)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: restConnections}}
	defer client.CloseIdleConnections()
	began := time.Now()
	var loop sync.WaitGroup
	for range restConnections {
		loop.Go(func() {
			for range n / restConnections {
				resp, err := client.Post(s.URL, "application/json; charset=utf-8", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	loop.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// service is a server at work, with an admin's key to it.
type service struct {
	*runningServer
	env  []string
	rest *restClient
	pool *pgxpool.Pool
}

func newService(b testing.TB, args ...string) *service {
	b.Helper()
	url := storetest.URL(b)
	s := &service{env: []string{"OFFHOOK_DATABASE_URL=" + url, "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k"), "OFFHOOK_LISTEN=" + freeAddress(b),
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8"}}
	key := strings.TrimSpace(runOffhook(b, s.env, "keys", "create", "--role", "admin").stdout)
	s.runningServer = startServer(b, s.env, args...)
	s.rest = newRESTClient("http://"+s.address, key)
	s.rest.http.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	pool, err := pgxpool.New(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	s.pool = pool
	return s
}

// endpoint registers the sink for 16 requests at once; no types are the eight of
// attempts.
func (s *service) endpoint(b testing.TB, to *sink, types ...queue.EventType) string {
	b.Helper()
	var made struct{ ID string }
	body := map[string]any{"url": to.URL, "max_in_flight": restConnections, "events": types}
	if err := s.rest.post(b.Context(), "/v1/endpoints", body, &made); err != nil {
		b.Fatal(err)
	}
	return made.ID
}

// BenchmarkREST sends calls that a switch distributes over REST, 100 reports a
// POST: joined, offered, bridged, ended. rest_ratio is events a second, until the
// last one has arrived at the receiver, over the POST loop's requests.
//
// Each call writes four events of the attempt and three of its agent's state. To
// the first receiver go all of them; to the second, as to one that names no
// types, those of the attempt alone, while the others are written all the same.
func BenchmarkREST(b *testing.B) {
	for _, to := range []struct {
		name    string
		types   []queue.EventType
		perCall int
	}{
		{"events=all", append(slices.Clone(queue.AttemptEvents), queue.EventAgentState), 7},
		{"events=attempts", nil, 4},
	} {
		b.Run(to.name, func(b *testing.B) {
			sink := newSink(b)
			s := newService(b)
			s.endpoint(b, sink, to.types...)
			s.overREST(b, sink, restReports/reportsPerCall*to.perCall)
		})
	}
}

// overREST measures calls of which the sink gets so many events.
func (s *service) overREST(b *testing.B, to *sink, events int) {
	body := []byte(strings.Repeat("x", 1000))
	var ratios, rates []float64
	next := 0
	for b.Loop() {
		to.yardstick(b, body, 4000) // warm
		before := to.yardstick(b, body, 40_000)
		to.expect(int64(events))
		posts := postsFrom(next, restReports)
		began := time.Now()
		s.report(b, posts)
		to.wait(b)
		rate := float64(events) / time.Since(began).Seconds()
		next += restReports
		after := to.yardstick(b, body, 40_000)
		rates, ratios = append(rates, rate), append(ratios, rate/((before+after)/2))
	}
	b.ReportMetric(middle(rates), "events/s")
	b.ReportMetric(middle(ratios), "rest_ratio")
}

func middle(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// report sends posts of reports, with eight clients.
func (s *service) report(b testing.TB, posts [][]byte) {
	b.Helper()
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(posts) {
					return
				}
				var answer json.RawMessage
				if err := s.rest.call(b.Context(), http.MethodPost, "/v1/reports", posts[i], &answer); err != nil {
					b.Error(err)
					return
				}
				if n := bytes.Count(answer, []byte(`"status":"done"`)); n != reportsPerPost {
					b.Errorf("%d of %d reports were done: %s", n, reportsPerPost, answer)
					return
				}
			}
		})
	}
	clients.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// postsFrom are n reports from the first on.
func postsFrom(first, n int) (posts [][]byte) {
	for from := 0; from < n; from += reportsPerPost {
		posts = append(posts, callsFrom(first+from))
	}
	return posts
}

// callsFrom are the reports of 25 calls.
func callsFrom(first int) []byte {
	var body bytes.Buffer
	for i := range reportsPerPost / reportsPerCall {
		c := first + i
		if i == 0 {
			body.WriteByte('[')
		} else {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"event":"joined","queue_name":"support","member_channel_id":"c%d","destination":"+12025550100"},`+
			`{"event":"offered","channel_id":"c%d","agent_ref":"SIP/%d","agent_channel_id":"a%d"},`+
			`{"event":"bridged","channel_id":"c%d","agent_ref":"SIP/%d"},`+
			`{"event":"ended","channel_id":"c%d","leg":"member","cause":"NORMAL_CLEARING"}`, c, c, c%1000, c, c, c%1000, c)
	}
	body.WriteByte(']')
	return body.Bytes()
}

// BenchmarkCommand joins callers over REST at 500 a second and measures the time
// from the command to the arrival of its event at the receiver.
func BenchmarkCommand(b *testing.B) {
	const rate, length = 500, 8 * time.Second
	s, to := newService(b), newSink(b)
	to.first = map[int64]time.Time{}
	s.endpoint(b, to)
	var q struct{ ID int64 }
	if err := s.rest.post(b.Context(), "/v1/queues", map[string]any{"name": "sales", "type": "inbound"}, &q); err != nil {
		b.Fatal(err)
	}
	path := fmt.Sprintf("/v1/queues/%d/attempts", q.ID)
	for b.Loop() {
		total := int64(rate * length / time.Second)
		to.expect(total)
		handed := map[int64]time.Time{}
		var mu sync.Mutex
		var callers sync.WaitGroup
		tick := time.NewTicker(time.Second / rate)
		for range total {
			<-tick.C
			callers.Go(func() {
				var joined struct {
					AttemptID int64 `json:"attempt_id"`
				}
				at := time.Now()
				if err := s.rest.post(b.Context(), path, map[string]string{"destination": "+12025550101"}, &joined); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				handed[joined.AttemptID] = at
				mu.Unlock()
			})
		}
		callers.Wait()
		tick.Stop()
		to.wait(b)
		var delays []float64
		to.mu.Lock()
		for id, at := range handed {
			delays = append(delays, float64(to.first[id].Sub(at).Microseconds())/1000)
		}
		to.mu.Unlock()
		slices.Sort(delays)
		b.ReportMetric(delays[len(delays)/2], "p50_ms")
		b.ReportMetric(delays[len(delays)*99/100], "p99_ms")
	}
}

// backlogEvents is how much has piled up in BenchmarkBacklog.
const backlogEvents = 1_000_000

// BenchmarkBacklog has a million stored events delivered to one endpoint by a
// server that starts with them: time to the first delivery, memory, and CPU time
// per delivery of server and Postgres.
func BenchmarkBacklog(b *testing.B) {
	for b.Loop() {
		s, to := newService(b, "--role", "api"), newSink(b) // which delivers nothing
		s.report(b, postsFrom(0, 20_000))
		s.multiply(b, backlogEvents)
		s.endpointFromStart(b, to)
		s.stop()
		to.expect(1)
		began := time.Now()
		server := startServer(b, s.env)
		to.wait(b)
		cold := time.Since(began)
		to.want.Store(backlogEvents)
		ctx, over := context.WithCancel(b.Context())
		peak := watchMemory(ctx, server.cmd.Process.Pid)
		cpu := -s.cpu(b, server)
		to.wait(b)
		cpu += s.cpu(b, server)
		over()
		b.ReportMetric(float64(cold.Milliseconds()), "cold_start_ms")
		b.ReportMetric(<-peak, "rss_mb")
		b.ReportMetric(cpu.Seconds()*1e6/backlogEvents, "cpu_us/delivery")
		server.stop()
	}
}

// multiply stores the log's events again under new numbers and ids, until there
// are n; the head follows.
func (s *service) multiply(b testing.TB, n int) {
	b.Helper()
	columns := s.eventColumns(b)
	var have, head int
	for {
		if err := s.pool.QueryRow(b.Context(), `SELECT count(*) FILTER (WHERE attempt_id IS NOT NULL AND data IS NULL), max(seq) FROM events WHERE domain_id = 1`).Scan(&have, &head); err != nil {
			b.Fatal(err)
		}
		if have >= n {
			break
		}
		copied := map[string]string{
			"seq": fmt.Sprint("seq + ", head), "id": "gen_random_uuid()", "attempt_id": fmt.Sprint("attempt_id + ", 1_000_000_000+head),
			"recorded_at": "(SELECT max(recorded_at) FROM events WHERE domain_id = 1)",
		}
		var values []string
		for _, c := range columns {
			if v := copied[c]; v != "" {
				c = v
			}
			values = append(values, c)
		}
		sql := fmt.Sprintf(`INSERT INTO events (%s) SELECT %s FROM events WHERE domain_id = 1 AND data IS NULL ORDER BY seq LIMIT %d`,
			strings.Join(columns, ", "), strings.Join(values, ", "), n-have)
		if _, err := s.pool.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
		const follow = `UPDATE domains SET head_seq = (SELECT max(seq) FROM events WHERE domain_id = 1),
			head_recorded_at = (SELECT max(recorded_at) FROM events WHERE domain_id = 1), version = version + 1 WHERE id = 1`
		if _, err := s.pool.Exec(b.Context(), follow); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.pool.Exec(b.Context(), `VACUUM ANALYZE events`); err != nil {
		b.Fatal(err)
	}
}

func (s *service) eventColumns(b testing.TB) []string {
	b.Helper()
	rows, _ := s.pool.Query(b.Context(), `SELECT attname FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			b.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// endpointFromStart registers the sink for the whole log.
func (s *service) endpointFromStart(b testing.TB, to *sink) {
	b.Helper()
	body := map[string]any{"url": to.URL, "max_in_flight": restConnections, "from": 0}
	if err := s.rest.post(b.Context(), "/v1/endpoints", body, nil); err != nil {
		b.Fatal(err)
	}
}

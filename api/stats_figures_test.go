package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	captureDomain = 3
	dayDomain     = 4
)

// bygone is a site with two domains that have a past: a busy quarter of an hour
// of a real Asterisk, and a simulated day on which the clocks of Berlin go back.
func bygone(t *testing.T) (s *site, capture, day *past) {
	s = newSite(t)
	capture = newPast(s, captureDomain, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	capture.replay("asterisk/testdata/s50/ami.txt.gz")
	day = newPast(s, dayDomain, time.Date(2025, 10, 25, 22, 0, 0, 0, time.UTC))
	day.simulate(11, 25*time.Hour)
	return s, capture, day
}

// rows reads a statement's rows by the names of their columns.
func (s *site) rows(sql string, args ...any) []map[string]any {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), sql, args...)
	fatal(s.t, err)
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	fatal(s.t, err)
	return all
}

// question is a way to cut a domain's time.
type question struct {
	since, until time.Time
	step, zone   string
	limits       limits
}

func (q question) String() string {
	return fmt.Sprint(q.since.Format(time.RFC3339), " to ", q.until.Format(time.RFC3339), " by ", q.step, " in ", q.zone, " with ", q.limits)
}

func (q question) spans(t *testing.T) []span {
	zone, err := time.LoadLocation(q.zone)
	fatal(t, err)
	return spans(q.since, q.until, q.step, zone)
}

// questions are bounds on borders of intervals and off them, every interval, and
// zones with odd offsets and changing clocks.
func questions(c *chronicle, from time.Time, length time.Duration) []question {
	all := []question{
		{from, from.Add(length), "15m", "UTC", usual},
		{from, from.Add(length), "total", "UTC", c.observed()},
	}
	for step, zones := range map[string][]string{
		"15m": {"Asia/Kathmandu", "Australia/Lord_Howe"}, "1h": {"Europe/Berlin", "Asia/Kathmandu"}, "1d": {"Europe/Berlin", "America/New_York"},
		"total": {"Europe/Berlin"},
	} {
		for _, zone := range zones {
			all = append(all, question{from.Add(length/9 + 1234*time.Millisecond), from.Add(length*8/9 + 7*time.Millisecond), step, zone, usual})
		}
	}
	return all
}

// TestFigures holds every column of every interval of every queue and agent
// against a computation over the raw events.
func TestFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulated day takes minutes under the race detector")
	}
	t.Parallel()
	_, capture, day := bygone(t)
	for _, p := range []*past{capture, day} {
		c := p.chronicle()
		if p == capture && len(c.passages) != 678 {
			t.Fatalf("the capture has %d calls", len(c.passages))
		}
		began := c.passages[0].joined.Truncate(time.Hour)
		length := map[*past]time.Duration{capture: time.Hour, day: 26 * time.Hour}[p]
		seen := sums{}
		for _, q := range questions(c, began, length) {
			p.compareQueues(t, c, q, seen)
			p.compareAgents(t, c, q, seen)
		}
		p.compareREST(t, c, question{began.Add(1234 * time.Millisecond), began.Add(length), "1h", "Europe/Berlin", usual})
		p.compareREST(t, c, question{began, began.Add(length), "total", "UTC", limits{7 * time.Second, 3 * time.Second, time.Second}})
		t.Logf("domain %d: %d attempts, %d agents, %d refusals", p.domain, len(c.passages), len(c.states), p.errors)
		if p == capture {
			continue
		}
		// A figure that is nothing everywhere would prove nothing.
		for _, row := range []map[string]any{c.queueRow(0, "ivr", span{}, usual), c.agentRow(0, nil, span{})} {
			for name, v := range row {
				if _, counted := v.(int64); counted && seen[name] == 0 {
					t.Errorf("%s is 0 in every interval of the day", name)
				}
			}
		}
	}
}

// notice counts which columns are not 0.
func (s sums) notice(rows []map[string]any) {
	for _, row := range rows {
		for name, v := range row {
			n, counted := v.(int64)
			s.count(name, counted && n > 0)
		}
	}
}

func (p *past) compareQueues(t *testing.T, c *chronicle, q question, seen sums) {
	t.Helper()
	var got, want []map[string]any
	if q.limits == usual {
		got = p.site.rows(`SELECT * FROM analyst.queue_intervals($1, $2, $3, $4, domain => $5)`, q.since, q.until, q.step, q.zone, p.domain)
	} else {
		got = p.site.rows(`SELECT * FROM analyst.queue_intervals($1, $2, $3, $4, $5, $6, $7, $8)`, q.since, q.until, q.step, q.zone,
			q.limits.threshold, q.limits.short, q.limits.dropAfter, p.domain)
	}
	for _, one := range p.site.rows(`SELECT queue_id, name, type FROM analyst.queues WHERE domain_id = $1 ORDER BY queue_id`, p.domain) {
		id, kind := one["queue_id"].(int64), one["type"].(string)
		for _, in := range q.spans(t) {
			row := c.queueRow(id, kind, in, q.limits)
			row["domain_id"], row["queue_id"], row["queue_type"], row["queue_name"] = p.domain, id, kind, one["name"]
			want = append(want, row)
		}
	}
	seen.notice(got)
	differ(t, fmt.Sprintf("queues of domain %d, %s", p.domain, q), got, want)
}

func (p *past) compareAgents(t *testing.T, c *chronicle, q question, seen sums) {
	t.Helper()
	got := p.site.rows(`SELECT * FROM analyst.agent_intervals($1, $2, $3, $4, domain => $5)`, q.since, q.until, q.step, q.zone, p.domain)
	var want []map[string]any
	for _, one := range p.site.rows(`SELECT agent_id, name FROM analyst.agents WHERE domain_id = $1 ORDER BY agent_id`, p.domain) {
		id := one["agent_id"].(int64)
		stays := c.stays(id, q.until)
		for _, in := range q.spans(t) {
			row := c.agentRow(id, stays, in)
			row["domain_id"], row["agent_id"], row["agent_name"] = p.domain, id, one["name"]
			want = append(want, row)
		}
	}
	seen.notice(got)
	differ(t, fmt.Sprintf("agents of domain %d, %s", p.domain, q), got, want)
	for i, row := range got {
		var sum int64
		for _, name := range agentTimes {
			sum += row[name].(int64)
		}
		if sum != row["login_ms"] {
			t.Errorf("the times of row %d make %d of %d", i, sum, row["login_ms"])
		}
	}
}

// compareREST holds what REST answers about every queue and agent against the
// same computation.
func (p *past) compareREST(t *testing.T, c *chronicle, q question) {
	t.Helper()
	query := fmt.Sprintf("/stats?since=%s&until=%s&interval=%s&time_zone=%s",
		q.since.Format(time.RFC3339Nano), q.until.Format(time.RFC3339Nano), q.step, url.QueryEscape(q.zone))
	for _, one := range p.site.rows(`SELECT queue_id, type FROM analyst.queues WHERE domain_id = $1`, p.domain) {
		id, kind := one["queue_id"].(int64), one["type"].(string)
		var want []map[string]any
		for _, in := range q.spans(t) {
			want = append(want, c.queueRow(id, kind, in, q.limits))
		}
		p.askREST(t, fmt.Sprintf("/v1/queues/%d%s&threshold_sec=%.0f&short_sec=%.0f&drop_after_sec=%.0f", id, query,
			q.limits.threshold.Seconds(), q.limits.short.Seconds(), q.limits.dropAfter.Seconds()), want)
	}
	for id := range c.states {
		stays := c.stays(id, q.until)
		var want []map[string]any
		for _, in := range q.spans(t) {
			want = append(want, c.agentRow(id, stays, in))
		}
		p.askREST(t, fmt.Sprintf("/v1/agents/%d%s", id, query), want)
	}
}

// askREST compares an answer, whose numbers JSON cannot tell apart: all become
// floats, in which every count here is exact.
func (p *past) askREST(t *testing.T, path string, want []map[string]any) {
	t.Helper()
	var got []map[string]any
	for _, entry := range p.site.call(p.key, "GET", path, nil).want(200).list() {
		row := entry.(map[string]any)
		for _, border := range []string{"interval_start", "interval_end"} {
			at, err := time.Parse(time.RFC3339Nano, row[border].(string))
			fatal(t, err)
			row[border] = at
		}
		got = append(got, row)
	}
	for _, row := range want {
		for name, v := range row {
			if n, counted := v.(int64); counted {
				row[name] = float64(n)
			}
		}
	}
	differ(t, path, got, want)
}

// What cannot be asked is refused with the parameter to blame; what is left out
// has a sensible default.
func TestStatsQueries(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "task"})
	a := s.agent("Ann", q)
	for _, base := range []string{"/v1/queues/" + q + "/stats", "/v1/agents/" + a + "/stats"} {
		for query, pointer := range map[string]string{
			"since=yesterday":            "?since",
			"since=2999-01-01T00:00:00Z": "?since",
			"since=2024-01-02T00:00:00Z&until=2024-01-01T00:00:00Z": "?since",
			"until=soon":          "?until",
			"interval=5m":         "?interval",
			"time_zone=Mars/Base": "?time_zone",
			"time_zone=CET":       "?time_zone",
			"time_zone=Local":     "?time_zone",
			"interval=15m&since=2024-01-01T00:00:00Z&until=2024-03-01T00:00:00Z": "?interval",
			"colour=red": "?colour",
		} {
			s.call(s.analyst, "GET", base+"?"+query, nil).problem(422, "invalid").blames(pointer)
		}
		day := s.call(s.analyst, "GET", base, nil).want(200)
		if n := len(day.list()); n != 25 && n != 24 || day.json["interval"] != "1h" || day.json["time_zone"] != "UTC" {
			t.Errorf("%s: %d intervals, %v in %v", base, n, day.json["interval"], day.json["time_zone"])
		}
		future := s.call(s.analyst, "GET", base+"?until=2999-01-01T00:00:00Z&interval=total", nil).want(200)
		if until := future.json["until"].(string); until >= "2999" {
			t.Errorf("%s: figures are known until %s", base, until)
		}
		s.call(s.stranger, "GET", base, nil).problem(404, "not_found")
	}
	for _, bad := range []string{"threshold_sec=-1", "short_sec=x", "drop_after_sec=86401"} {
		s.call(s.analyst, "GET", "/v1/queues/"+q+"/stats?"+bad, nil).problem(422, "invalid").blames("?" + strings.Split(bad, "=")[0])
	}
	s.call(s.admin, "DELETE", "/v1/agents/"+a, nil).want(204)
	s.call(s.analyst, "GET", "/v1/agents/"+a+"/stats", nil).want(200)
	s.call(s.analyst, "GET", "/v1/queues/999999/stats", nil).problem(404, "not_found")
}

package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// benchConnections is the yardstick's parallelism and the endpoints' together.
const benchConnections = 16

// counter is a receiver that only reads and counts.
type counter struct {
	*httptest.Server
	n    atomic.Int64
	want int64
	done chan struct{}
}

func newCounter(b testing.TB) *counter {
	c := &counter{done: make(chan struct{}, 1)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if c.n.Add(1) == c.want {
			c.done <- struct{}{}
		}
	}))
	b.Cleanup(c.Close)
	return c
}

// expect arms the counter for n requests from now on.
func (c *counter) expect(n int64) { c.n.Store(0); c.want = n }

// yardstick is a bare keep-alive POST loop against the receiver: requests a
// second.
func (c *counter) yardstick(b testing.TB, body []byte, n int) float64 {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConnections}}
	defer client.CloseIdleConnections()
	c.expect(-1)
	began := time.Now()
	var group sync.WaitGroup
	for range benchConnections {
		group.Go(func() {
			for range n / benchConnections {
				resp, err := client.Post(c.URL, "application/json; charset=utf-8", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	group.Wait()
	return float64(n) / time.Since(began).Seconds()
}

func benchConfig() dispatcher.Config {
	return dispatcher.Config{
		Guard:  dispatcher.GuardConfig{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Logger: slog.New(slog.DiscardHandler),
	}
}

// BenchmarkDeliver sends a stored log to one and to five endpoints, beside a
// bare POST loop against the same receiver. ratio is deliveries a second over
// the loop's requests a second; statements are those of the pool.
func BenchmarkDeliver(b *testing.B) {
	for _, endpoints := range []int{1, 5} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			var ratios, rates, statements []float64
			for b.Loop() {
				rate, ratio, sql := deliverOnce(b, endpoints, 180_000/endpoints)
				ratios, rates, statements = append(ratios, ratio), append(rates, rate), append(statements, sql)
			}
			b.ReportMetric(median(rates), "deliveries/s")
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(median(statements), "sql/delivery")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func deliverOnce(b *testing.B, endpoints, events int) (rate, ratio, sql float64) {
	pool := storetest.New(b) // with the session settings of serve
	st, d := store.New(pool), newDelivery(b, pool)
	receiver := newCounter(b)
	now := time.Now()
	if err := st.EnsurePartitions(b.Context(), now, 1); err != nil {
		b.Fatal(err)
	}
	var batch []queue.Event
	for i := range events / 5 {
		batch = append(batch, dispatchertest.Attempt(int64(i+1), 5, now)...)
		if len(batch) >= 5000 || i == events/5-1 {
			appendEvents(b, pool, now, batch...)
			batch = batch[:0]
		}
	}
	body := dispatchertest.Event(1, 2, queue.EventOffering, now)
	receiver.yardstick(b, body.AppendJSON(nil), 8000) // warm
	before := receiver.yardstick(b, body.AppendJSON(nil), 40_000)
	for range endpoints {
		ep := dispatchertest.Endpoint(receiver.URL)
		ep.MaxInFlight = max(benchConnections/endpoints, ep.MaxInFlight) // the default, at least
		createAt(b, d, ep, dispatcher.Position{})
	}
	total := int64(events / 5 * 5 * endpoints)
	receiver.expect(total)
	disp := dispatcher.New(d, benchConfig())
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	statements := st.Statements()
	began := time.Now()
	go func() { ended <- disp.Run(ctx) }()
	<-receiver.done
	took := time.Since(began)
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	statements = st.Statements() - statements
	after := receiver.yardstick(b, body.AppendJSON(nil), 40_000)
	rate = float64(total) / took.Seconds()
	return rate, rate / ((before + after) / 2), float64(statements) / float64(total)
}

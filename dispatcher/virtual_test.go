package dispatcher_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// network is a way to endpoints that never leaves the bubble of virtual time.
type network struct {
	mu     sync.Mutex
	at     []time.Time
	answer func(n int, r *http.Request) (*http.Response, error)
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.at = append(n.at, time.Now())
	i := len(n.at)
	n.mu.Unlock()
	return n.answer(i, r)
}

func reply(status int) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(http.NoBody)}, nil
}

// virtual runs a dispatcher with one endpoint and one event in virtual time
// until nothing is parked, and returns when requests were made.
func virtual(t *testing.T, change func(*dispatcher.Endpoint), answer func(n int, r *http.Request) (*http.Response, error)) ([]time.Duration, []dispatcher.Try) {
	t.Helper()
	m, net := &dispatchertest.Memory{}, &network{answer: answer}
	ep := dispatchertest.Endpoint("https://crm.example/")
	change(&ep)
	began := time.Now()
	m.Append(began, dispatchertest.Event(1, 1, queue.EventJoined, began))
	m.Create(ep, dispatcher.Position{})
	cfg := loopback()
	cfg.PollEvery, cfg.Jitter = time.Minute, func() float64 { return 0 }
	d := dispatcher.New(m, cfg)
	d.SetTransport(net)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	for {
		time.Sleep(time.Second) // virtual
		synctest.Wait()
		b, err := m.Backlog(ctx, ref(ep))
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Parked) == 0 && b.Settled.Seq == 1 || time.Since(began) > 100*time.Hour {
			break
		}
		time.Sleep(20 * time.Second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var at []time.Duration
	for _, when := range net.at {
		at = append(at, when.Sub(began).Truncate(time.Second))
	}
	return at, m.Tries(ref(ep))
}

func TestTheWholeRecordScheduleInVirtualTime(t *testing.T) {
	if testing.Short() {
		t.Skip("many virtual days")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, tries := virtual(t, func(*dispatcher.Endpoint) {}, func(int, *http.Request) (*http.Response, error) { return reply(500) })
		if len(at) != 12 || len(tries) != 12 {
			t.Fatalf("%d requests and %d tries, want 12: %v", len(at), len(tries), at)
		}
		// A request may come up to a settle late: 20 ms a try.
		if last := at[11]; last < 75*time.Hour+36*time.Minute+12*time.Second || last > 75*time.Hour+36*time.Minute+13*time.Second {
			t.Errorf("the last request came after %s", last)
		}
		for i, try := range tries {
			want := dispatcher.StateRetrying
			if i == 11 {
				want = dispatcher.StateExhausted
			}
			if try.Number != i+1 || try.State != want {
				t.Errorf("try %d: number %d, %s", i+1, try.Number, try.State)
			}
		}
	})
}

func TestTheWholeLiveScheduleInVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, tries := virtual(t, func(e *dispatcher.Endpoint) { e.Profile = dispatcher.ProfileLive },
			func(int, *http.Request) (*http.Response, error) { return nil, errors.New("EOF") })
		equal(t, "requests", at, []string{"0s", "1s", "3s", "7s", "15s", "30s", "45s"})
		if last := tries[len(tries)-1]; last.State != dispatcher.StateExhausted {
			t.Errorf("the last try: %+v", last)
		}
	})
}

func TestTheDeadlineCoversTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, tries := virtual(t, func(e *dispatcher.Endpoint) { e.Timeout = 7 * time.Second },
			func(n int, r *http.Request) (*http.Response, error) {
				if n == 1 { // headers never come
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				resp, err := reply(200)
				resp.Body = io.NopCloser(drip{r.Context()})
				return resp, err
			})
		if len(tries) != 2 || tries[0].Outcome != dispatcher.OutcomeTimeout || tries[0].Duration != 7*time.Second {
			t.Fatalf("tries: %+v", tries)
		}
		if last := tries[1]; last.Outcome != dispatcher.OutcomeDelivered || !last.BodyTruncated || last.Duration != 7*time.Second {
			t.Errorf("a body of one byte a second: %+v", last)
		}
		equal(t, "requests", at, []string{"0s", "9s"})
	})
}

// drip is a body of one byte a second without end.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = '.'
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

package dispatcher_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// delivery is one request as a receiver saw it.
type delivery struct {
	id       string
	attempt  int64
	sequence int
	prev     int
	try      int
	// overtakes are the sequences that the request says it overtakes.
	overtakes map[int]bool
	header    http.Header
	body      []byte
	accepted  bool
}

// receiver is an endpoint that checks every signature with the public library
// and remembers what came.
type receiver struct {
	*httptest.Server
	t      testing.TB
	hooks  []*standardwebhooks.Webhook
	answer func(d *delivery, w http.ResponseWriter) // nil = 200

	mu      sync.Mutex
	seen    []*delivery
	changed chan struct{}
}

// newReceiver starts a receiver and returns it with an endpoint for it.
func newReceiver(t testing.TB, answer func(d *delivery, w http.ResponseWriter)) (*receiver, dispatcher.Endpoint) {
	t.Helper()
	r := &receiver{t: t, answer: answer, changed: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	ep := dispatchertest.Endpoint(r.URL + "/hook?token=hush")
	r.trust(ep.Secrets[0].Key)
	return r, ep
}

func (r *receiver) trust(secret string) {
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		r.t.Fatal(err)
	}
	r.hooks = append(r.hooks, wh)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Errorf("read request: %v", err)
	}
	for _, wh := range r.hooks {
		// The oracle ignores the time: some tests move the clock by hand.
		if err := wh.VerifyIgnoringTimestamp(body, req.Header); err != nil {
			r.t.Errorf("the public library refuses the request: %v", err)
		}
	}
	d := &delivery{id: req.Header.Get("webhook-id"), header: req.Header, body: body}
	d.attempt, _ = strconv.ParseInt(req.Header.Get("Offhook-Attempt"), 10, 64)
	d.sequence, _ = strconv.Atoi(req.Header.Get("Offhook-Sequence"))
	d.prev, _ = strconv.Atoi(req.Header.Get("Offhook-Prev-Sequence"))
	d.try, _ = strconv.Atoi(req.Header.Get("Offhook-Try"))
	d.overtakes = map[int]bool{}
	for _, n := range strings.FieldsFunc(req.Header.Get("Offhook-Overtakes"), func(r rune) bool { return r == ',' }) {
		sequence, err := strconv.Atoi(n)
		if err != nil {
			r.t.Errorf("Offhook-Overtakes: %v", err)
		}
		d.overtakes[sequence] = true
	}
	r.mu.Lock()
	r.seen = append(r.seen, d)
	r.mu.Unlock()
	rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	if r.answer != nil {
		r.answer(d, rec)
	}
	r.mu.Lock()
	d.accepted = rec.status < 300
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// all returns what came so far.
func (r *receiver) all() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]delivery, len(r.seen))
	for i, d := range r.seen {
		out[i] = *d
	}
	return out
}

// distinct returns how many different events were accepted.
func (r *receiver) distinct() int {
	ids := map[string]bool{}
	for _, d := range r.all() {
		if d.accepted {
			ids[d.id] = true
		}
	}
	return len(ids)
}

// eventually waits until the condition holds, looking whenever something came.
func (r *receiver) eventually(what string, cond func() bool) {
	r.t.Helper()
	waitFor(r.t, what, r.changed, cond)
}

func waitFor(t testing.TB, what string, changed <-chan struct{}, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-changed:
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// loopback lets a dispatcher reach test servers.
func loopback() dispatcher.Config {
	return dispatcher.Config{
		Guard:     dispatcher.GuardConfig{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		PollEvery: 10 * time.Millisecond,
		Logger:    slog.New(slog.DiscardHandler),
	}
}

// run runs a dispatcher until the test ends, or stop is called.
func run(t testing.TB, store dispatcher.Store, cfg dispatcher.Config) (d *dispatcher.Dispatcher, stop func()) {
	t.Helper()
	d = dispatcher.New(store, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return d, stop
}

// clock is a hand-moved Config.Now.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

var start = time.Date(2026, 8, 22, 10, 15, 30, 0, time.UTC)

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// eventID returns the webhook-id that a try was sent with.
func eventID(t dispatcher.Try) string { return queue.EventID(t.EventID) }

package dispatcher

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/queue"
)

// Store keeps endpoints, cursors, parked events and tries, and has the log. It
// is safe for concurrent use.
type Store interface {
	// Active returns every endpoint of every domain that is not disabled.
	Active(ctx context.Context) ([]Subscription, error)
	// Events returns up to limit events behind a position, in the order of the
	// log.
	Events(ctx context.Context, domainID int64, after Position, limit int) ([]queue.Event, error)
	// EventsAt returns the events at the positions, in any order; those that are
	// no longer stored are missing.
	EventsAt(ctx context.Context, domainID int64, at []Position) ([]queue.Event, error)
	// Earlier returns the attempt.* events of attempts, by attempt and sequence,
	// that were recorded at or after since.
	Earlier(ctx context.Context, domainID int64, attempts []int64, since time.Time) (map[int64][]Earlier, error)
	// Backlog returns what an endpoint's worker starts from, or ErrGone.
	Backlog(ctx context.Context, ref Ref) (Backlog, error)
	// Claim marks what is about to be sent; no two claims are of one endpoint.
	// What does not exist any more is left out. It fails with ErrSuperseded when
	// the term (see Lead; 0 = none) is over.
	Claim(ctx context.Context, term int64, claims []Claim) error
	// Settle writes outcomes, all or nothing. Rows for an endpoint that is gone
	// are left out, except tries. It fails with ErrSuperseded when s.Term is
	// over.
	Settle(ctx context.Context, s Settlement) error
	// Lead waits until no other process delivers from this store, begins a term
	// and runs deliver with its number; from that moment on no write of an
	// earlier term succeeds. It calls waiting once if another process is at it.
	// The context of deliver ends with ctx, or when its term is over. After an
	// error deliver did not run.
	Lead(ctx context.Context, waiting func(), deliver func(ctx context.Context, term int64)) error
}

// ErrGone says that an endpoint does not exist any more.
var ErrGone = errors.New("the endpoint does not exist any more")

// ErrSuperseded says that another process has begun to deliver.
var ErrSuperseded = errors.New("another process delivers now")

// Config says how a Dispatcher works. The zero Config is good for targets on
// the public internet.
type Config struct {
	Now    func() time.Time // nil = time.Now
	Logger *slog.Logger     // nil = slog.Default
	// Jitter returns a number in [0,1); nil = random.
	Jitter    func() float64
	UserAgent string // empty = offhook
	Guard     GuardConfig
	Resolver  Resolver       // nil = the system's
	RootCAs   *x509.CertPool // nil = the system's
	// PollEvery is how often the log is looked at for events that were not fed,
	// ReloadEvery the endpoints for changes that were not announced. Zero = 1 s
	// and 10 s.
	PollEvery   time.Duration
	ReloadEvery time.Duration
	// DrainTimeout is how long Run waits for requests under way when it ends,
	// and then again for their outcomes to be written. Zero = 5 s.
	DrainTimeout time.Duration
	// MaxParked bounds the parked events of an endpoint that fails: from then on
	// its backlog stays in the log. One whose last request succeeded may have
	// ten times as many. Zero = 10,000.
	MaxParked int
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.UserAgent == "" {
		c.UserAgent = "offhook"
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&c.PollEvery, time.Second}, {&c.ReloadEvery, 10 * time.Second}, {&c.DrainTimeout, 5 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if c.MaxParked == 0 {
		c.MaxParked = 10_000
	}
	return c
}

// Dispatcher takes events to endpoints while Run runs. Its methods are safe for
// concurrent use.
type Dispatcher struct {
	store  Store
	cfg    Config
	sender *sender
	reload chan struct{}
	// What Probe asks: another process delivers; when the endpoints were last
	// looked after, in unix nanoseconds.
	standby  atomic.Bool
	lastTurn atomic.Int64
	// Of all outcomes that are not stored.
	weight atomic.Int64

	// Of the term under way; set before its workers start.
	term    int64
	claims  *claimer
	settles *settler

	mu      sync.Mutex
	logs    map[int64]*eventLog
	workers map[Ref]*worker
}

// New returns a Dispatcher that does nothing until Run.
func New(store Store, cfg Config) *Dispatcher {
	cfg = cfg.withDefaults()
	return &Dispatcher{
		store: store, cfg: cfg, sender: newSender(cfg), reload: make(chan struct{}, 1),
		logs: map[int64]*eventLog{}, workers: map[Ref]*worker{},
	}
}

// Feed hands over events that were just committed, in the order of the log, so
// that they need not be read from the table. It does not block and may be left
// out. The events must not change afterwards.
func (d *Dispatcher) Feed(events []queue.Event) {
	for len(events) > 0 {
		domain, n := events[0].DomainID, 1
		for n < len(events) && events[n].DomainID == domain {
			n++
		}
		d.mu.Lock()
		log := d.logs[domain]
		d.mu.Unlock()
		if log != nil {
			log.feed(newEntries(events[:n]))
			d.wake(domain)
		}
		events = events[n:]
	}
}

// Wake makes every worker look at the log and the clock again: after a hint
// from another replica, or when a test has moved Config.Now.
func (d *Dispatcher) Wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.logs {
		l.pollNow()
	}
	for _, w := range d.workers {
		signal(w.wake)
	}
}

func (d *Dispatcher) wake(domain int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ref, w := range d.workers {
		if ref.DomainID == domain {
			signal(w.wake)
		}
	}
}

// Reload makes the Dispatcher read the endpoints again, soon: after one was
// created, changed, enabled, disabled or deleted.
func (d *Dispatcher) Reload() { signal(d.reload) }

// Probe returns nil while Run looks after its endpoints, or waits for its turn
// while another process delivers.
func (d *Dispatcher) Probe(context.Context) error {
	if d.standby.Load() {
		return nil
	}
	last := d.lastTurn.Load()
	if last == 0 {
		return errors.New("deliveries have not begun")
	}
	if silent := d.cfg.Now().Sub(time.Unix(0, last)); silent > 3*d.cfg.ReloadEvery {
		return fmt.Errorf("the endpoints were last looked after %v ago", silent.Round(time.Second))
	}
	return nil
}

// Run delivers until ctx ends, as long as no other process delivers from the
// same store; otherwise it waits for its turn. Then it starts no more requests,
// waits for those under way, writes their outcomes, and returns nil when all is
// quiet; each of the two takes no longer than Config.DrainTimeout. Requests
// that took longer are on record as unknown and are sent again by the next Run.
func (d *Dispatcher) Run(ctx context.Context) error {
	waiting := func() {
		d.standby.Store(true)
		d.cfg.Logger.Warn("another offhook delivers from this database; waiting until it ends")
	}
	for ctx.Err() == nil {
		if err := d.store.Lead(ctx, waiting, d.deliver); err != nil && ctx.Err() == nil {
			d.cfg.Logger.Error("deliveries do not begin, trying again", "error", err)
			sleep(ctx, time.Second)
		}
	}
	return nil
}

// deliver is one term: alone at the store, until ctx ends or another process
// has taken over.
func (d *Dispatcher) deliver(ctx context.Context, term int64) {
	d.standby.Store(false)
	ctx, over := context.WithCancel(ctx)
	defer over()
	// Writing goes on for a while after ctx has ended.
	late, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	d.term, d.claims, d.settles = term, newClaimer(d.store, term), newSettler(d.store, d.cfg, term, over)
	var writers sync.WaitGroup
	writers.Go(func() { d.claims.run(late) })
	writers.Go(func() { d.settles.run(late) })
	bound := context.AfterFunc(ctx, func() { time.AfterFunc(2*d.cfg.DrainTimeout, stop) })
	defer bound()
	d.supervise(ctx, late)
	stop()
	writers.Wait()
}

// supervise keeps one worker an active endpoint until ctx ends, and returns
// when all have ended.
func (d *Dispatcher) supervise(ctx, late context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.reload:
		case <-timer.C:
		}
		wait := d.cfg.ReloadEvery
		subs, err := d.active(ctx)
		if err == nil {
			d.lastTurn.Store(d.cfg.Now().UnixNano())
			d.reconcile(ctx, subs, func(ctx context.Context, w *worker) {
				group.Go(func() {
					w.run(ctx, late)
					d.ended(w)
				})
			})
		} else if ctx.Err() == nil {
			d.cfg.Logger.Error("endpoints are not read, trying again", "error", err)
			wait = min(wait, time.Second)
		}
		timer.Reset(wait)
	}
}

func (d *Dispatcher) active(ctx context.Context) ([]Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return d.store.Active(ctx)
}

// reconcile starts, changes and stops workers, so that they are those of subs.
func (d *Dispatcher) reconcile(ctx context.Context, subs []Subscription, start func(context.Context, *worker)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	active := make(map[Ref]bool, len(subs))
	for i := range subs {
		t, err := newTarget(subs[i].Endpoint, d.cfg.UserAgent)
		if err != nil {
			d.cfg.Logger.Error("endpoint cannot be served", "endpoint", subs[i].Endpoint.ID, "error", err)
			continue
		}
		active[t.ref()] = true
		if w := d.workers[t.ref()]; w != nil {
			w.change(t) // a worker that is ending takes no notice; ended reloads
			continue
		}
		w := newWorker(d, d.logOf(t.DomainID), t)
		d.workers[t.ref()] = w
		own, cancel := context.WithCancel(ctx)
		w.stop = cancel
		start(own, w)
	}
	for ref, w := range d.workers {
		if !active[ref] {
			w.stop()
		}
	}
}

// ended forgets a worker. Its endpoint may have been enabled again meanwhile.
func (d *Dispatcher) ended(w *worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.stop()
	delete(d.workers, w.ref)
	d.Reload()
}

// logOf returns the log of a domain; the caller holds mu.
func (d *Dispatcher) logOf(domain int64) *eventLog {
	l := d.logs[domain]
	if l == nil {
		l = &eventLog{now: d.cfg.Now, every: d.cfg.PollEvery,
			read: func(ctx context.Context, after Position) ([]queue.Event, error) {
				ctx, cancel := context.WithTimeout(ctx, storeTimeout)
				defer cancel()
				return d.store.Events(ctx, domain, after, pageSize)
			}}
		d.logs[domain] = l
	}
	return l
}

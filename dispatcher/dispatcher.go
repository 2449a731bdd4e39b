package dispatcher

import (
	"context"
	"crypto/x509"
	"errors"
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
	// Failed returns how many events of each attempt (0 = of none) failed at an
	// endpoint since an instant: those with a try that ended otherwise than
	// delivered, expired or unknown.
	Failed(ctx context.Context, ref Ref, since time.Time) (map[int64]int, error)
	// Backlog returns what an endpoint's worker starts from, or ErrGone.
	Backlog(ctx context.Context, ref Ref) (Backlog, error)
	// Recovered returns the parked events of an endpoint that a recovery has put
	// there and that were not tried since, in the order of the log.
	Recovered(ctx context.Context, ref Ref) ([]Parked, error)
	// Claim marks what is about to be sent; no two claims are of one endpoint.
	// What does not exist any more is left out. It fails with ErrSuperseded when
	// the replica (0 = none) is taken for dead, and with a *LostError when claims
	// are not of the epochs of its leases; then nothing is marked.
	Claim(ctx context.Context, replica int64, claims []Claim) error
	// Settle writes outcomes, all or nothing. Rows for an endpoint that is gone
	// are left out, except tries. It fails as Claim does.
	Settle(ctx context.Context, s Settlement) error
	// Enlist makes this process one of the replicas that deliver, under a number
	// that no other had or will have, and runs serve. The context of serve ends
	// with ctx, or when others took the replica for dead. Afterwards its leases
	// are free at once. Name is for people; ttl is as in Beat. After an error
	// serve did not run.
	Enlist(ctx context.Context, name string, ttl time.Duration, serve func(ctx context.Context, replica int64)) error
	// Hold prolongs the replica's life, hands back leases, strikes off replicas
	// that are dead, and takes free leases up to the replica's share, which is
	// none for one that leaves. It fails
	// with ErrSuperseded when the replica itself was struck off. From the moment
	// at which a lease is taken, no write of an earlier holder succeeds.
	Hold(ctx context.Context, b Beat) (Holding, error)
}

// ErrGone says that an endpoint does not exist any more.
var ErrGone = errors.New("the endpoint does not exist any more")

// Config says how a Dispatcher works. The zero Config is good for targets on
// the public internet.
type Config struct {
	// Instance names this process to people who look at the replicas. Empty =
	// unnamed.
	Instance string
	Now      func() time.Time // nil = time.Now
	Logger   *slog.Logger     // nil = slog.Default
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
	Metrics     *Metrics // nil = none
	// LeaseTTL is how long other replicas wait for one of which they hear
	// nothing; it says that it lives three times as often. Zero = 6 s.
	LeaseTTL time.Duration
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
	if c.Instance == "" {
		c.Instance = "unnamed"
	}
	if c.UserAgent == "" {
		c.UserAgent = "offhook"
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&c.PollEvery, time.Second}, {&c.ReloadEvery, 10 * time.Second}, {&c.DrainTimeout, 5 * time.Second},
		{&c.LeaseTTL, 6 * time.Second}} {
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
	// What Probe asks: when the endpoints were last looked after, in unix
	// nanoseconds.
	lastTurn atomic.Int64
	// Of all outcomes that are not stored.
	weight atomic.Int64

	// Of the time as one replica; set before its workers start.
	replica int64
	over    context.CancelFunc // ends it
	claims  *claimer
	settles *settler

	mu      sync.Mutex
	logs    map[int64]*eventLog
	workers map[Ref]*worker
	release []Lease // to be handed back
	// unserved are endpoints whose settings cannot be carried out here, such as
	// one whose secret no key opens, as of their version.
	unserved map[Ref]time.Time
}

// New returns a Dispatcher that does nothing until Run.
func New(store Store, cfg Config) *Dispatcher {
	cfg = cfg.withDefaults()
	return &Dispatcher{
		store: store, cfg: cfg, sender: newSender(cfg), reload: make(chan struct{}, 1),
		logs: map[int64]*eventLog{}, workers: map[Ref]*worker{}, unserved: map[Ref]time.Time{},
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

// Run delivers to its share of the endpoints until ctx ends: every replica that
// runs on the same store has one. Then it starts no more requests, waits for
// those under way, writes their outcomes, hands its endpoints over, and returns
// nil when all is quiet; each of the two waits takes no longer than
// Config.DrainTimeout. Requests that took longer are on record as unknown and
// are sent again by whoever delivers next.
func (d *Dispatcher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.store.Enlist(ctx, d.cfg.Instance, d.cfg.LeaseTTL, d.serve); err != nil && ctx.Err() == nil {
			d.cfg.Logger.Error("deliveries do not begin, trying again", "error", err)
			sleep(ctx, time.Second)
		}
	}
	return nil
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

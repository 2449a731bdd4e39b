package store

import (
	"context"
	"time"
)

// notifyEvery is the pause between two hints. NOTIFY takes a lock of the whole
// server as it commits; one in a while costs nothing, one a batch halves the
// rate of commits.
const notifyEvery = 75 * time.Millisecond

// relistenAfter is the pause before a lost connection is made again.
const relistenAfter = time.Second

// Notifier tells other replicas that something was committed: a hint that saves
// them waiting for their next poll, and may be lost.
type Notifier struct {
	store *Store
	wake  chan struct{}
}

// NewNotifier returns a Notifier; Run starts it.
func (s *Store) NewNotifier() *Notifier {
	return &Notifier{store: s, wake: make(chan struct{}, 1)}
}

// Wake asks for a hint. It never blocks.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

const notify = `SELECT pg_notify('offhook_log', '')`

// notifyEndpoints says that an endpoint was changed, or that a lease may be free.
const notifyEndpoints = `SELECT pg_notify('offhook_endpoints', '')`

// Run sends at most one hint every 75 ms, until ctx ends; then it returns nil.
// A hint that cannot be sent is dropped: the others poll.
func (n *Notifier) Run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		}
		if _, err := n.store.pool.Exec(ctx, notify); err != nil && ctx.Err() != nil {
			return nil
		}
		pause.Reset(notifyEvery)
	}
}

// Hints are called by Listen; they must not block.
type Hints struct {
	// Log: something was committed to a log.
	Log func()
	// Endpoints: an endpoint was changed, or a lease may be free.
	Endpoints func()
}

// Listen calls hints whenever some replica, perhaps this one, says that there is
// something, and all once after each (re)connection, because hints were lost
// meanwhile. It holds one connection of the pool, makes a lost one again by
// itself, and returns nil when ctx ends.
func (s *Store) Listen(ctx context.Context, hints Hints) error {
	for ctx.Err() == nil {
		// Only the end of ctx or a lost connection ends this; both are handled
		// by looking at ctx.
		_ = s.listenOnce(ctx, hints)
		select {
		case <-ctx.Done():
		case <-time.After(relistenAfter):
		}
	}
	return nil
}

func (s *Store) listenOnce(ctx context.Context, hints Hints) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// Taken out of the pool: a connection that listens is of no other use.
	conn := pooled.Hijack()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN offhook_log; LISTEN offhook_endpoints"); err != nil {
		return err
	}
	hints.Log()
	hints.Endpoints()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if n.Channel == "offhook_endpoints" {
			hints.Endpoints()
		} else {
			hints.Log()
		}
	}
}

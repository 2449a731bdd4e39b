package dispatcher

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"
)

// claimer raises claimed marks for all endpoints: what is asked for while one
// write is under way goes into the next one together.
type claimer struct {
	store   Store
	replica int64
	in      chan claimRequest
}

type claimRequest struct {
	claim Claim
	done  chan error
}

func newClaimer(store Store, replica int64) *claimer {
	return &claimer{store: store, replica: replica, in: make(chan claimRequest, 64)}
}

// claim returns when the marks are stored, or why they are not. After an error
// they may be stored all the same.
func (c *claimer) claim(ctx context.Context, claim Claim) error {
	done := make(chan error, 1)
	select {
	case c.in <- claimRequest{claim, done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *claimer) run(ctx context.Context) {
	for {
		var batch []claimRequest
		select {
		case r := <-c.in:
			batch = append(batch, r)
		case <-ctx.Done():
			return
		}
		// Whoever was woken by the same event is about to ask, too.
		runtime.Gosched()
		for more := true; more && len(batch) < 1000; {
			select {
			case r := <-c.in:
				batch = append(batch, r)
			default:
				more = false
			}
		}
		c.answer(ctx, batch)
	}
}

// answer writes a batch. Claims on endpoints that we lost are refused, and the
// others written without them.
func (c *claimer) answer(ctx context.Context, batch []claimRequest) {
	for len(batch) > 0 {
		claims := make([]Claim, len(batch))
		for i, r := range batch {
			claims[i] = r.claim
		}
		err := c.write(ctx, claims)
		var lost *LostError
		some := errors.As(err, &lost)
		batch = slices.DeleteFunc(batch, func(r claimRequest) bool {
			if some && !slices.Contains(lost.Refs, r.claim.Ref) {
				return false
			}
			r.done <- err
			return true
		})
	}
}

// storeTimeout bounds one call of the store: a connection whose other end is
// gone without a word would hold its caller for a quarter of an hour.
const storeTimeout = 30 * time.Second

func (c *claimer) write(ctx context.Context, claims []Claim) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return c.store.Claim(ctx, c.replica, claims)
}

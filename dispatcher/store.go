package dispatcher

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// Subscription is an endpoint and how far it is in its domain's log.
type Subscription struct {
	Endpoint Endpoint
	// Up to Settled everything is delivered, filtered out, parked or refused;
	// up to Claimed it may have been sent.
	Settled Position
	Claimed Position
	// Recoveries rises whenever a recovery has put events into parked.
	Recoveries int64
}

// Ref names an endpoint of a domain.
type Ref struct {
	DomainID   int64
	EndpointID string
}

// Parked is an event that waits for an endpoint outside the cursor: for its
// next try, or held behind such an event of its lane.
type Parked struct {
	Ref
	Position
	// Lane is the event's lane at this endpoint (see LaneOf).
	Lane string
	// Tries is how many tries were made; 0 for a held event. Lost is how many of
	// them have no known outcome.
	Tries, Lost int
	// NextAt is when the next try is due; zero while held, and then due as soon
	// as the event is the first of its lane.
	NextAt time.Time
	// HeldSince is since when it is held behind another event of its lane, which
	// it may overtake some day; zero when it is not.
	HeldSince time.Time
	// Sequence is the event's number in its attempt, 0 outside attempt.*.
	Sequence int
	// RecoveredAt is when a recovery took the event up again: its age counts from
	// then on. Zero for all others.
	RecoveredAt time.Time
	// Claimed says that the next try may have been sent.
	Claimed bool
}

// Backlog is what an endpoint's worker finds when it starts.
type Backlog struct {
	Settled Position
	Claimed Position
	Health  Health
	// Parked is in the order of the log.
	Parked []Parked
	// Done are the events in (Settled, Claimed] that have a final try, in no
	// order.
	Done []int64
	// ClaimedFor is the Claim.For that came last; empty when there was none.
	ClaimedFor string
}

// Claim marks events that are about to be sent.
type Claim struct {
	Ref
	// Epoch is that of the lease it relies on; 0 for none.
	Epoch int64
	// Upto raises the cursor's claimed mark; the zero Position leaves it. For, if
	// not empty, is kept as what the endpoint is subscribed to from now on.
	Upto Position
	For  string
	// Parked are the parked events to mark.
	Parked []int64
}

// Settlement is one bulk write of outcomes. Writing it twice is the same as
// writing it once: a commit whose answer was lost is simply repeated.
type Settlement struct {
	// Replica is who writes, and Leases are those that the settlement relies on,
	// one for each of its endpoints. Zero for tries that belong to no replica's
	// work.
	Replica int64
	Leases  []Lease
	Tries   []Try
	// Answered are manual tries that were recorded as unknown before they were
	// sent, with what came of them.
	Answered []Try
	// Park are rows to insert or replace, Unpark rows to delete; no event is in
	// both.
	Park   []Parked
	Unpark []ParkedKey
	// Cursors raise settled marks, and claimed with them where it is behind.
	Cursors []Cursor
	// Unclaim lowers claimed marks, though not below settled: what is behind was
	// claimed and will not be sent after all.
	Unclaim []Unclaim
	Healths []HealthOf
	Disable []Disabling
	// Notices go on the log, each once.
	Notices []queue.Notice
	// At is the instant of the write.
	At time.Time
}

// ParkedKey names one parked row.
type ParkedKey struct {
	Ref
	Seq int64
}

// Cursor is a settled mark.
type Cursor struct {
	Ref
	Settled Position
}

// Unclaim is a claimed mark that comes down.
type Unclaim struct {
	Ref
	Claimed Position
}

// Earlier is one event of an attempt, as far as a subscription looks at it.
type Earlier struct {
	Position
	Sequence int
	Type     queue.EventType
}

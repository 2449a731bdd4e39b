package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// appendNotices puts operational events at the end of their domains' logs, at
// the instant at and in the transaction tx: what a notice tells of and the
// notice are there together, or not at all. It takes the lock that orders the
// writers of a log and the desks wait for, so it comes last in a transaction. A
// notice that is on the log already is passed over. Readers hear of it as of
// any other commit.
func appendNotices(ctx context.Context, tx pgx.Tx, at time.Time, notices ...queue.Notice) error {
	if len(notices) == 0 {
		return nil
	}
	byDomain := map[int64][]queue.Notice{}
	var domains []int64
	for _, n := range notices {
		if byDomain[n.DomainID] == nil {
			domains = append(domains, n.DomainID)
		}
		byDomain[n.DomainID] = append(byDomain[n.DomainID], n)
	}
	slices.Sort(domains) // two who write to the same logs must not wait for each other
	for _, domain := range domains {
		if err := appendTo(ctx, tx, at, domain, byDomain[domain]); err != nil {
			return fmt.Errorf("append notices to the log of domain %d: %w", domain, err)
		}
	}
	// Rare enough to be part of the transaction: see notifyEvery.
	_, err := tx.Exec(ctx, notifyBoth)
	return err
}

const notifyBoth = `SELECT pg_notify('offhook_log', ''), pg_notify('offhook_endpoints', '')`

// Who writes a settlement again does so within minutes. The bound prunes
// partitions, of which there may be one for each of 400 days.
const noticesKnown = `SELECT id FROM events WHERE domain_id = $1 AND id = ANY ($2) AND recorded_at >= $3`

const noticeAgain = 24 * time.Hour

func appendTo(ctx context.Context, tx pgx.Tx, at time.Time, domainID int64, notices []queue.Notice) error {
	domain := queue.Domain{ID: domainID}
	var head desk.Head
	var recordedAt *time.Time
	if err := tx.QueryRow(ctx, lockHead, domainID).Scan(
		(*[16]byte)(&domain.Namespace), &head.Seq, &recordedAt, &head.Version); err != nil {
		return notFound(err)
	}
	head.RecordedAt = instant(recordedAt)
	at = at.UTC().Truncate(time.Millisecond)
	events, ids := make([]queue.Event, len(notices)), make([][16]byte, len(notices))
	for i := range notices {
		events[i] = notices[i].Event(domain, at)
		ids[i] = events[i].ID
	}
	rows, _ := tx.Query(ctx, noticesKnown, domainID, ids, at.Add(-noticeAgain))
	known, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		return err
	}
	events = slices.DeleteFunc(events, func(ev queue.Event) bool { return slices.Contains(known, [16]byte(ev.ID)) })
	if len(events) == 0 {
		return nil
	}
	if at.After(head.RecordedAt) { // the log's time never falls
		head.RecordedAt = at
	}
	head.Version++
	for i := range events {
		head.Seq++
		events[i].Seq, events[i].RecordedAt = head.Seq, head.RecordedAt
	}
	if err := copySeq(ctx, tx.Conn(), "events", eventColumns, eventRowsOf(&domainID, events)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, moveHead, domainID, head.Seq, head.RecordedAt, head.Version)
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// Delivery is the store of endpoints, their cursors and their tries, for all
// domains. It implements dispatcher.Store.
type Delivery struct {
	store *Store
	pool  *pgxpool.Pool
	ring  *KeyRing
}

// NewDelivery returns the delivery side of a database. The ring seals secrets
// and custom headers.
func NewDelivery(s *Store, ring *KeyRing) *Delivery {
	return &Delivery{store: s, pool: s.pool, ring: ring}
}

// ErrEndpointChanged says that somebody else saved the endpoint since it was
// read.
var ErrEndpointChanged = errors.New("endpoint was changed meanwhile")

const insertEndpoint = `
INSERT INTO endpoints (domain_id, id, url, description, events, queues, format, profile, ordering,
                       max_in_flight, timeout_ms, headers, disabled, disabled_reason, created_at, updated_at,
                       order_wait_ms, rate, schedule_ms, filter, queue_types)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17, $18, $19, $20)`

const insertCursor = `
INSERT INTO endpoint_cursors (domain_id, endpoint_id, settled_at, settled_seq, claimed_at, claimed_seq)
VALUES ($1, $2, $3, $4, $3, $4)`

// CreateEndpoint stores a validated endpoint with its id and secrets, starting
// at from. ep.CreatedAt and UpdatedAt are set to by.At.
func (d *Delivery) CreateEndpoint(ctx context.Context, ep dispatcher.Endpoint, from From, by By) error {
	id, err := endpointUUID(ep.ID)
	if err != nil {
		return err
	}
	at := by.At.UTC().Truncate(time.Microsecond)
	reason := ""
	if ep.Disabled {
		reason = dispatcher.DisabledManual
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertEndpoint, ep.DomainID, id, ep.URL, ep.Description,
			texts(ep.Events), queueIDs(ep.Queues), ep.Format, ep.Profile, ep.Ordering, ep.MaxInFlight,
			ep.Timeout.Milliseconds(), d.sealHeaders(ep), ep.Disabled, reason, at,
			ep.OrderWait.Milliseconds(), ep.Rate, millis(ep.Schedule), ep.Filter, texts(ep.QueueTypes)); err != nil {
			return err
		}
		// Oldest first, so that the newest secret has the highest id.
		for i := len(ep.Secrets) - 1; i >= 0; i-- {
			if err := d.insertSecret(ctx, tx, &ep, ep.Secrets[i], at); err != nil {
				return err
			}
		}
		start, err := from.find(ctx, tx, ep.DomainID)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertCursor, ep.DomainID, id, start.RecordedAt, start.Seq); err != nil {
			return err
		}
		if err := audit(ctx, tx, ep.DomainID, by.did("create", "endpoint", ep.ID)); err != nil {
			return err
		}
		return appendNotices(ctx, tx, at, ep.Notice(queue.EventEndpointCreated, "", queue.EndpointData{}))
	})
	if err != nil {
		return fmt.Errorf("create endpoint: %w", err)
	}
	return nil
}

const endpointColumns = `
SELECT e.domain_id, e.id, e.url, e.description, e.events, e.queues, e.format, e.profile, e.ordering,
       e.max_in_flight, e.timeout_ms, e.headers, e.disabled, e.disabled_reason, e.created_at, e.updated_at,
       e.order_wait_ms, e.rate, e.schedule_ms, e.filter, e.queue_types, c.paused_until, c.paused_reason, c.breaker_openings,
       c.last_success_at, c.failing_since, c.failing_told, c.settled_at, c.settled_seq, c.claimed_at, c.claimed_seq, c.recoveries,
       ARRAY(SELECT s.sealed FROM endpoint_secrets s
             WHERE s.domain_id = e.domain_id AND s.endpoint_id = e.id ORDER BY s.id DESC) AS secrets,
       ARRAY(SELECT s.expires_at FROM endpoint_secrets s
             WHERE s.domain_id = e.domain_id AND s.endpoint_id = e.id ORDER BY s.id DESC) AS expiries
FROM endpoints e JOIN endpoint_cursors c ON c.domain_id = e.domain_id AND c.endpoint_id = e.id`

const selectEndpoint = endpointColumns + ` WHERE e.domain_id = $1 AND e.id = $2`

// Endpoint returns one endpoint with its secrets, or ErrNotFound.
func (d *Delivery) Endpoint(ctx context.Context, domainID int64, id string) (dispatcher.Endpoint, error) {
	uid, err := endpointUUID(id)
	if err != nil {
		return dispatcher.Endpoint{}, err
	}
	rows, _ := d.pool.Query(ctx, selectEndpoint, domainID, uid)
	sub, err := pgx.CollectExactlyOneRow(rows, d.scanEndpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatcher.Endpoint{}, ErrNotFound
	}
	if err != nil {
		return dispatcher.Endpoint{}, fmt.Errorf("read endpoint: %w", err)
	}
	return sub.Endpoint, nil
}

const selectEndpoints = endpointColumns + `
WHERE e.domain_id = $1 AND e.id > $2 ORDER BY e.id LIMIT $3`

// Endpoints lists a domain's endpoints in the order of their ids, which is that
// of their creation: up to limit behind the id after; an empty after is the
// beginning. One whose secrets no key of the ring opens comes without them.
func (d *Delivery) Endpoints(ctx context.Context, domainID int64, after string, limit int) ([]dispatcher.Endpoint, error) {
	var from uuid.UUID
	if after != "" {
		var err error
		if from, err = endpointUUID(after); err != nil {
			return nil, err
		}
	}
	rows, _ := d.pool.Query(ctx, selectEndpoints, domainID, from, limit)
	subs, err := pgx.CollectRows(rows, d.scanListed)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	out := make([]dispatcher.Endpoint, len(subs))
	for i := range subs {
		out[i] = subs[i].Endpoint
	}
	return out, nil
}

// A new URL begins anew: how the old target was doing says nothing about it.
const updateEndpoint = `
WITH old AS (
    SELECT url FROM endpoints WHERE domain_id = $1 AND id = $2 AND updated_at = $13 FOR UPDATE
), changed AS (
    UPDATE endpoints SET url = $3, description = $4, events = $5, queues = $6, format = $7, profile = $8,
           ordering = $9, max_in_flight = $10, timeout_ms = $11, headers = $12, updated_at = $14,
           order_wait_ms = $15, rate = $16, schedule_ms = $17, filter = $18, queue_types = $19
    FROM old WHERE domain_id = $1 AND id = $2
    RETURNING old.url <> endpoints.url AS moved
), unpaused AS (
    UPDATE endpoint_cursors SET ` + freshHealth + `
    FROM changed WHERE domain_id = $1 AND endpoint_id = $2 AND changed.moved
)
SELECT count(*) FROM changed`

// UpdateEndpoint saves the settings of an endpoint that was read before; its
// secrets, its health and whether it is enabled stay as they are. It returns
// ErrEndpointChanged when ep.UpdatedAt is not the stored one, ErrNotFound
// when it is gone.
func (d *Delivery) UpdateEndpoint(ctx context.Context, ep dispatcher.Endpoint, by By) error {
	id, err := endpointUUID(ep.ID)
	if err != nil {
		return err
	}
	changed := laterThan(ep.UpdatedAt, by.At)
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, updateEndpoint, ep.DomainID, id, ep.URL, ep.Description,
			texts(ep.Events), queueIDs(ep.Queues), ep.Format, ep.Profile, ep.Ordering, ep.MaxInFlight,
			ep.Timeout.Milliseconds(), d.sealHeaders(ep), ep.UpdatedAt, changed,
			ep.OrderWait.Milliseconds(), ep.Rate, millis(ep.Schedule), ep.Filter, texts(ep.QueueTypes)).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return ErrEndpointChanged
		}
		if err := audit(ctx, tx, ep.DomainID, by.did("update", "endpoint", ep.ID)); err != nil {
			return err
		}
		return appendNotices(ctx, tx, by.At, ep.Notice(queue.EventEndpointUpdated, noticeKey(changed), queue.EndpointData{}))
	})
	if errors.Is(err, ErrEndpointChanged) {
		if _, err := d.Endpoint(ctx, ep.DomainID, ep.ID); err != nil {
			return err
		}
		return ErrEndpointChanged
	}
	if err != nil {
		return fmt.Errorf("update endpoint: %w", err)
	}
	return nil
}

// noticeKey tells apart what is said of one endpoint: by the version of its
// settings.
func noticeKey(changed time.Time) string { return changed.UTC().Format(time.RFC3339Nano) }

// laterThan returns at, or just after old when the clock did not move:
// updated_at is what tells two versions apart.
func laterThan(old, at time.Time) time.Time {
	at = at.UTC().Truncate(time.Microsecond)
	if !at.After(old) {
		return old.Add(time.Microsecond)
	}
	return at
}

const deleteEndpoint = `
DELETE FROM endpoints WHERE domain_id = $1 AND id = $2 AND ($3::timestamptz IS NULL OR updated_at = $3)
RETURNING url, description`

// DeleteEndpoint removes an endpoint with its secrets, cursor and parked
// events at the instant by.At; its tries stay. It returns ErrNotFound when there
// is none.
func (d *Delivery) DeleteEndpoint(ctx context.Context, ref dispatcher.Ref, by By) error {
	return d.DeleteEndpointOf(ctx, ref, time.Time{}, by)
}

// DeleteEndpointOf is DeleteEndpoint for one that was last updated at the
// instant updated, zero = any; else it returns ErrEndpointChanged.
func (d *Delivery) DeleteEndpointOf(ctx context.Context, ref dispatcher.Ref, updated time.Time, by By) error {
	uid, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return err
	}
	ep := dispatcher.Endpoint{ID: ref.EndpointID, DomainID: ref.DomainID}
	err = d.inTxAgain(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, deleteEndpoint, ref.DomainID, uid, null(updated)).Scan(&ep.URL, &ep.Description); err != nil {
			return notFound(err)
		}
		if err := audit(ctx, tx, ref.DomainID, by.did("delete", "endpoint", ref.EndpointID)); err != nil {
			return err
		}
		return appendNotices(ctx, tx, by.At, ep.Notice(queue.EventEndpointDeleted, "", queue.EndpointData{}))
	})
	if errors.Is(err, ErrNotFound) {
		if _, err := d.Endpoint(ctx, ref.DomainID, ref.EndpointID); err == nil && !updated.IsZero() {
			return ErrEndpointChanged
		}
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	return nil
}

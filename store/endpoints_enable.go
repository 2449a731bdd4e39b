package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// freshHealth is how an endpoint begins, and begins anew.
const freshHealth = `paused_until = NULL, paused_reason = '', breaker_openings = 0, failing_since = NULL, failing_told = 0`

// Enabling one that is enabled still ends its pause.
const setEndpointEnabled = `
WITH old AS (
    SELECT disabled FROM endpoints WHERE domain_id = $1 AND id = $2 FOR UPDATE
), changed AS (
    UPDATE endpoints e SET disabled = NOT $3, disabled_reason = CASE WHEN $3 THEN '' ELSE 'manual' END,
           updated_at = greatest($4, updated_at + interval '1 microsecond')
    FROM old WHERE domain_id = $1 AND id = $2
    RETURNING e.id, e.url, e.description, e.updated_at, old.disabled <> e.disabled AS switched
), unpaused AS (
    UPDATE endpoint_cursors SET ` + freshHealth + `
    FROM changed WHERE domain_id = $1 AND endpoint_id = $2 AND $3
)
SELECT url, description, updated_at, switched FROM changed`

// SetEndpointEnabled switches an endpoint on, where it goes on from where it
// stopped without any pause, or off, by hand. It returns ErrNotFound when
// there is none.
func (d *Delivery) SetEndpointEnabled(ctx context.Context, ref dispatcher.Ref, enabled bool, by By) error {
	uid, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		_, err := setEnabled(ctx, tx, switching{ref, uid, enabled, by})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("enable endpoint: %w", err)
	}
	return nil
}

// ErrEndpointEnabled says that an endpoint is enabled: to pass over what it is
// owed, it has to be disabled first, so that nothing is on its way.
var ErrEndpointEnabled = errors.New("endpoint is enabled")

const lockEndpoint = `SELECT FROM endpoints WHERE domain_id = $1 AND id = $2 FOR UPDATE`

const forgetParked = `DELETE FROM parked WHERE domain_id = $1 AND endpoint_id = $2`

const jumpToHead = `
UPDATE endpoint_cursors c
SET settled_at = h.at, settled_seq = h.seq, claimed_at = h.at, claimed_seq = h.seq
FROM (SELECT coalesce(head_recorded_at, 'epoch') AS at, head_seq AS seq FROM domains WHERE id = $1) h
WHERE c.domain_id = $1 AND c.endpoint_id = $2 AND c.claimed_seq <= h.seq`

// EnableEndpointFromNow switches a disabled endpoint on and passes over all that
// it missed: it gets what comes from now on. The events stay on the log. It
// returns ErrEndpointEnabled when it is on already, and ErrNotFound when there
// is none.
func (d *Delivery) EnableEndpointFromNow(ctx context.Context, ref dispatcher.Ref, by By) error {
	uid, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		// Endpoints are touched before cursors, and the log last, as everywhere.
		for _, sql := range []string{lockEndpoint, forgetParked, jumpToHead} {
			if _, err := tx.Exec(ctx, sql, ref.DomainID, uid); err != nil {
				return err
			}
		}
		switched, err := setEnabled(ctx, tx, switching{ref, uid, true, by})
		if err == nil && !switched {
			return ErrEndpointEnabled
		}
		return err
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrEndpointEnabled) {
		return err
	}
	if err != nil {
		return fmt.Errorf("enable endpoint from now: %w", err)
	}
	return nil
}

// switching is who switches which endpoint on or off.
type switching struct {
	ref dispatcher.Ref
	id  uuid.UUID
	on  bool
	by  By
}

// setEnabled reports whether the endpoint was switched; if so, it says so on the
// log and in the audit log.
func setEnabled(ctx context.Context, tx pgx.Tx, s switching) (switched bool, err error) {
	ep := dispatcher.Endpoint{ID: s.ref.EndpointID, DomainID: s.ref.DomainID}
	var changed time.Time
	if err := tx.QueryRow(ctx, setEndpointEnabled, s.ref.DomainID, s.id, s.on, s.by.At.UTC()).Scan(
		&ep.URL, &ep.Description, &changed, &switched); err != nil {
		return false, notFound(err)
	}
	if !switched {
		return false, nil
	}
	typ, data, action := queue.EventEndpointEnabled, queue.EndpointData{}, "enable"
	if !s.on {
		manual := dispatcher.DisabledManual
		typ, data.Reason, action = queue.EventEndpointDisabled, &manual, "disable"
	}
	if err := audit(ctx, tx, s.ref.DomainID, s.by.did(action, "endpoint", s.ref.EndpointID)); err != nil {
		return true, err
	}
	return true, appendNotices(ctx, tx, s.by.At, ep.Notice(typ, noticeKey(changed), data))
}

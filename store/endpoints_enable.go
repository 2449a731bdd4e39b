package store

import (
	"context"
	"errors"
	"fmt"
	"time"

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
		ep := dispatcher.Endpoint{ID: ref.EndpointID, DomainID: ref.DomainID}
		var changed time.Time
		var switched bool
		if err := tx.QueryRow(ctx, setEndpointEnabled, ref.DomainID, uid, enabled, by.At.UTC()).Scan(
			&ep.URL, &ep.Description, &changed, &switched); err != nil {
			return notFound(err)
		}
		if !switched {
			return nil
		}
		typ, data, action := queue.EventEndpointEnabled, queue.EndpointData{}, "enable"
		if !enabled {
			manual := dispatcher.DisabledManual
			typ, data.Reason, action = queue.EventEndpointDisabled, &manual, "disable"
		}
		if err := audit(ctx, tx, ref.DomainID, by.did(action, "endpoint", ref.EndpointID)); err != nil {
			return err
		}
		return appendNotices(ctx, tx, by.At, ep.Notice(typ, noticeKey(changed), data))
	})
	if errors.Is(err, ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("enable endpoint: %w", err)
	}
	return nil
}

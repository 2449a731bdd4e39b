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

const insertSecret = `
INSERT INTO endpoint_secrets (domain_id, endpoint_id, sealed, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`

// insertSecret stores a secret as the newest of its endpoint.
func (d *Delivery) insertSecret(ctx context.Context, tx pgx.Tx, ep *dispatcher.Endpoint, s dispatcher.Secret, at time.Time) error {
	id, err := endpointUUID(ep.ID)
	if err != nil {
		return err
	}
	sealed := d.ring.seal([]byte(s.Key), purpose("secret", ep.ID))
	_, err = tx.Exec(ctx, insertSecret, ep.DomainID, id, sealed, at, null(s.Until))
	return err
}

// Rotation replaces the secret of an endpoint.
type Rotation struct {
	// Key is the new one, as in dispatcher.Secret.
	Key string
	// Grace is how long the ones before it go on signing.
	Grace time.Duration
}

// maxSecrets bounds how many keys sign one request.
const maxSecrets = 5

// ErrManySecrets says that too many replaced secrets of an endpoint still sign.
var ErrManySecrets = errors.New("too many replaced secrets are still signing")

// The new version of the settings is what makes workers take the secret over.
const touchEndpoint = `
UPDATE endpoints SET updated_at = greatest($3, updated_at + interval '1 microsecond')
WHERE domain_id = $1 AND id = $2
RETURNING url, description, updated_at`

// A secret that was replaced before does not live longer by being replaced
// again.
const retireSecrets = `
WITH gone AS (
    DELETE FROM endpoint_secrets
    WHERE domain_id = $1 AND endpoint_id = $2 AND ($3::timestamptz >= $4::timestamptz OR expires_at <= $3)
), kept AS (
    UPDATE endpoint_secrets SET expires_at = least(expires_at, $4)
    WHERE domain_id = $1 AND endpoint_id = $2 AND $3 < $4 AND coalesce(expires_at > $3, true)
    RETURNING id
)
SELECT count(*) FROM kept`

// RotateSecret makes a new key the one that an endpoint's requests are signed
// with from by.At on; the ones before it sign beside it for the grace,
// and are then good for nothing. It returns ErrNotFound, or ErrManySecrets when
// more would sign than a receiver should have to look at.
func (d *Delivery) RotateSecret(ctx context.Context, ref dispatcher.Ref, r Rotation, by By) error {
	uid, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return err
	}
	at := by.At.UTC().Truncate(time.Microsecond)
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		ep := dispatcher.Endpoint{ID: ref.EndpointID, DomainID: ref.DomainID}
		var changed time.Time
		var kept int
		if err := tx.QueryRow(ctx, touchEndpoint, ref.DomainID, uid, at).Scan(&ep.URL, &ep.Description, &changed); err != nil {
			return notFound(err)
		}
		if err := tx.QueryRow(ctx, retireSecrets, ref.DomainID, uid, at, at.Add(r.Grace)).Scan(&kept); err != nil {
			return err
		}
		if kept >= maxSecrets {
			return ErrManySecrets
		}
		if err := d.insertSecret(ctx, tx, &ep, dispatcher.Secret{Key: r.Key}, at); err != nil {
			return err
		}
		if err := audit(ctx, tx, ref.DomainID, by.did("rotate_secret", "endpoint", ref.EndpointID)); err != nil {
			return err
		}
		return appendNotices(ctx, tx, at, ep.Notice(queue.EventEndpointSecretRotated, noticeKey(changed), queue.EndpointData{}))
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrManySecrets) {
		return err
	}
	if err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	return nil
}

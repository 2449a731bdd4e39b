package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/offhook/offhook/queue/desk"
)

// KeepIdempotency is how long a key is remembered after its first request.
const KeepIdempotency = 24 * time.Hour

// Claim is a request that carries an Idempotency-Key.
type Claim struct {
	DomainID int64
	// Key is a hash that names client and key, Digest one of the request.
	Key, Digest [32]byte
	At          time.Time
	// Hold is how long the claim is in force without an answer: longer than the
	// request can take. A server that dies leaves its claims to the next one who
	// asks after that.
	Hold time.Duration
}

// Answer is what a request was answered with.
type Answer struct {
	Status int // below 500
	Header map[string][]string
	Body   []byte
}

// Claimed is what is known of a key.
type Claimed struct {
	// Once is set when the claim is the caller's: he carries out the request and
	// passes Once on.
	Once desk.Once
	// Other says that the key came first with another request.
	Other bool
	// Answer is the first request's, nil while there is none.
	Answer *Answer
	// Kind and ObjectID name what the request has changed; empty for nothing yet.
	// With Once, somebody changed it and died before he could answer.
	Kind, ObjectID string
	// Lost says that there was an answer which no key of the ring opens any more.
	Lost bool
}

// A claim is taken over when its time is over and nobody has answered, by the
// same request only; and whatever came of it, when the key is forgotten.
const claimKey = `
INSERT INTO idempotency_keys AS k (domain_id, key, token, digest, created_at, claimed_until)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (domain_id, key) DO UPDATE
SET token = EXCLUDED.token, digest = EXCLUDED.digest, claimed_until = EXCLUDED.claimed_until,
    created_at  = CASE WHEN k.created_at < $7 THEN EXCLUDED.created_at ELSE k.created_at END,
    effect_kind = CASE WHEN k.created_at < $7 THEN NULL ELSE k.effect_kind END,
    effect_id   = CASE WHEN k.created_at < $7 THEN NULL ELSE k.effect_id END,
    status      = NULL,
    answer      = NULL
WHERE k.created_at < $7 OR k.status IS NULL AND k.claimed_until < $5 AND k.digest = EXCLUDED.digest
RETURNING coalesce(effect_kind, ''), coalesce(effect_id, '')`

const readKey = `
SELECT digest <> $3, status, answer, coalesce(effect_kind, ''), coalesce(effect_id, '')
FROM idempotency_keys WHERE domain_id = $1 AND key = $2`

// ClaimKey claims the key of a request, or tells what is known of it.
func (d *Delivery) ClaimKey(ctx context.Context, c Claim) (Claimed, error) {
	out := Claimed{Once: desk.Once{Key: c.Key}}
	// It never fails: it stops the program when the system has no randomness.
	_, _ = rand.Read(out.Once.Token[:])
	err := d.pool.QueryRow(ctx, claimKey, c.DomainID, c.Key[:], out.Once.Token[:], c.Digest[:],
		c.At, c.At.Add(c.Hold), c.At.Add(-KeepIdempotency)).Scan(&out.Kind, &out.ObjectID)
	if !errors.Is(err, pgx.ErrNoRows) {
		if err != nil {
			err = fmt.Errorf("claim an idempotency key: %w", err)
		}
		return out, err
	}
	out.Once = desk.Once{}
	var status *int
	var sealed []byte
	err = d.pool.QueryRow(ctx, readKey, c.DomainID, c.Key[:], c.Digest[:]).Scan(&out.Other, &status, &sealed, &out.Kind, &out.ObjectID)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, nil // given up between the two statements: as one under way
	}
	if err != nil {
		return out, fmt.Errorf("read an idempotency key: %w", err)
	}
	if status == nil || out.Other {
		return out, nil
	}
	return out, d.openAnswer(&out, *status, sealed)
}

const answerPurpose = "idempotency answer"

// openAnswer unseals an answer.
func (d *Delivery) openAnswer(out *Claimed, status int, sealed []byte) error {
	plain, err := d.ring.open(sealed, answerPurpose)
	if err != nil {
		out.Lost = true
		return nil
	}
	out.Answer = &Answer{Status: status}
	if err := json.Unmarshal(plain, out.Answer); err != nil {
		return fmt.Errorf("read the answer of an idempotency key: %w", err)
	}
	return nil
}

const answerKey = `
UPDATE idempotency_keys SET status = $4, answer = $5 WHERE domain_id = $1 AND key = $2 AND token = $3`

// AnswerKey keeps the answer of a claimed request, before it is sent. A claim
// that is lost keeps nothing.
func (d *Delivery) AnswerKey(ctx context.Context, domainID int64, once desk.Once, a Answer) error {
	plain, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	sealed := d.ring.seal(plain, answerPurpose)
	if _, err := d.pool.Exec(ctx, answerKey, domainID, once.Key[:], once.Token[:], a.Status, sealed); err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

const releaseKey = `
DELETE FROM idempotency_keys
WHERE domain_id = $1 AND key = $2 AND token = $3 AND effect_kind IS NULL AND status IS NULL`

// ReleaseKey gives up a claim whose request had no effect, so that the next one
// is tried anew.
func (d *Delivery) ReleaseKey(ctx context.Context, domainID int64, once desk.Once) error {
	if _, err := d.pool.Exec(ctx, releaseKey, domainID, once.Key[:], once.Token[:]); err != nil {
		return fmt.Errorf("give up an idempotency key: %w", err)
	}
	return nil
}

const dropKeys = `
DELETE FROM idempotency_keys WHERE (domain_id, key) IN (
    SELECT domain_id, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)`

// keysAtOnce is how many keys one statement deletes.
const keysAtOnce = 10_000

// DropIdempotency deletes the keys whose time is over at now, and returns how
// many.
func (d *Delivery) DropIdempotency(ctx context.Context, now time.Time) (int64, error) {
	var dropped int64
	for {
		tag, err := d.pool.Exec(ctx, dropKeys, now.Add(-KeepIdempotency), keysAtOnce)
		if err != nil {
			return dropped, fmt.Errorf("delete old idempotency keys: %w", err)
		}
		dropped += tag.RowsAffected()
		if tag.RowsAffected() < keysAtOnce {
			return dropped, nil
		}
	}
}

// markClaims marks claims with their effects. When not all of them are in force
// it divides by zero: so the transaction fails, although its commit is already
// on its way behind.
const markClaims = `
WITH marked AS (
    UPDATE idempotency_keys AS k SET effect_kind = c.kind, effect_id = c.id
    FROM unnest($2::bytea[], $3::bytea[], $4::text[], $5::text[]) AS c (key, token, kind, id)
    WHERE k.domain_id = $1 AND k.key = c.key AND k.token = c.token
    RETURNING 1)
SELECT 1 / (CASE WHEN (SELECT count(*) FROM marked) = cardinality($2::bytea[]) THEN 1 ELSE 0 END)`

// queueClaims marks the claims of what a desk's commands changed.
func queueClaims(batch *pgx.Batch, domainID int64, notes []desk.Note) {
	var keys, tokens [][]byte
	var kinds, ids []string
	for i := range notes {
		if n := &notes[i]; n.Once.Set() {
			keys, tokens = append(keys, n.Once.Key[:]), append(tokens, n.Once.Token[:])
			kinds, ids = append(kinds, n.Kind), append(ids, n.ObjectID)
		}
	}
	if len(keys) > 0 {
		batch.Queue(markClaims, domainID, keys, tokens, kinds, ids)
	}
}

// overtaken gives the refusal of markClaims its name.
func overtaken(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == divisionByZero {
		return fmt.Errorf("%w: %w", desk.ErrOvertaken, err)
	}
	return err
}

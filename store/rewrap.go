package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Rewrapped says what a Rewrap has done.
type Rewrapped struct {
	// Done is how many values were encrypted anew.
	Done int64
	// Lost counts the values that no key of the ring opens, by the id of the key
	// that they name. They stay as they are.
	Lost map[string]int64
}

// sealedColumn is a place of sealed values: its rows have a key of (domain,
// endpoint, number). $1 is how a value begins that the newest key has sealed.
type sealedColumn struct{ purpose, count, page, update string }

var sealedColumns = []sealedColumn{
	{
		purpose: "secret",
		count:   `SELECT count(*) FROM endpoint_secrets WHERE substring(sealed FROM 1 FOR octet_length($1::bytea)) <> $1`,
		page: `
SELECT domain_id, endpoint_id, id, sealed FROM endpoint_secrets
WHERE substring(sealed FROM 1 FOR octet_length($1::bytea)) <> $1 AND (domain_id, endpoint_id, id) > ($2, $3, $4)
ORDER BY domain_id, endpoint_id, id LIMIT $5 FOR UPDATE`,
		update: `
UPDATE endpoint_secrets s SET sealed = w.sealed
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bytea[]) AS w (domain_id, endpoint_id, id, sealed)
WHERE s.domain_id = w.domain_id AND s.endpoint_id = w.endpoint_id AND s.id = w.id`,
	},
	{
		purpose: "headers",
		count:   `SELECT count(*) FROM endpoints WHERE substring(headers FROM 1 FOR octet_length($1::bytea)) <> $1`,
		page: `
SELECT domain_id, id, 0::bigint, headers FROM endpoints
WHERE substring(headers FROM 1 FOR octet_length($1::bytea)) <> $1 AND (domain_id, id, 0) > ($2, $3, $4)
ORDER BY domain_id, id LIMIT $5 FOR NO KEY UPDATE`,
		// Not a new version of the settings: nothing that anybody sees has changed.
		update: `
UPDATE endpoints e SET headers = w.sealed
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bytea[]) AS w (domain_id, id, number, sealed)
WHERE e.domain_id = w.domain_id AND e.id = w.id`,
	},
}

// rewrapPage is how many values one transaction encrypts anew.
const rewrapPage = 200

// sealedRow is one sealed value and its place.
type sealedRow struct {
	domain   int64
	endpoint uuid.UUID
	number   int64
	sealed   []byte
}

// Rewrap encrypts every secret and every sealed header of all domains under the
// newest key of the ring, a page at a time, and tells after each how many of how
// many it has looked at. What another key has sealed is found by its beginning:
// so a Rewrap that was interrupted goes on where it stopped, and one that has
// nothing to do does nothing. It may run beside servers whose rings have both
// keys.
func (d *Delivery) Rewrap(ctx context.Context, progress func(seen, total int64)) (Rewrapped, error) {
	out := Rewrapped{Lost: map[string]int64{}}
	newest := d.ring.mark()
	var total, seen int64
	for _, column := range sealedColumns {
		var n int64
		if err := d.pool.QueryRow(ctx, column.count, newest).Scan(&n); err != nil {
			return out, fmt.Errorf("count sealed values: %w", err)
		}
		total += n
	}
	for _, column := range sealedColumns {
		var last sealedRow
		for more := true; more; {
			var n int
			err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
				rows, err := pageOf(ctx, tx, column, newest, last)
				if err != nil || len(rows) == 0 {
					return err
				}
				n, last = len(rows), rows[len(rows)-1]
				return d.rewrapRows(ctx, tx, column, rows, &out)
			})
			if err != nil {
				return out, fmt.Errorf("encrypt anew: %w", err)
			}
			more = n == rewrapPage
			seen += int64(n)
			progress(seen, max(total, seen))
		}
	}
	return out, nil
}

func pageOf(ctx context.Context, tx pgx.Tx, column sealedColumn, newest []byte, last sealedRow) ([]sealedRow, error) {
	rows, _ := tx.Query(ctx, column.page, newest, last.domain, last.endpoint, last.number, rewrapPage)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r sealedRow, err error) {
		err = row.Scan(&r.domain, &r.endpoint, &r.number, &r.sealed)
		return r, err
	})
}

// rewrapRows encrypts values anew and writes those that open.
func (d *Delivery) rewrapRows(ctx context.Context, tx pgx.Tx, column sealedColumn, rows []sealedRow, out *Rewrapped) error {
	var domains, numbers []int64
	var endpoints []uuid.UUID
	var sealed [][]byte
	for _, r := range rows {
		bound := purpose(column.purpose, "ep_"+r.endpoint.String())
		plain, err := d.ring.open(r.sealed, bound)
		if err != nil {
			out.Lost[keyOf(r.sealed)]++
			continue
		}
		domains, endpoints, numbers = append(domains, r.domain), append(endpoints, r.endpoint), append(numbers, r.number)
		sealed = append(sealed, d.ring.seal(plain, bound))
	}
	tag, err := tx.Exec(ctx, column.update, domains, endpoints, numbers, sealed)
	out.Done += tag.RowsAffected()
	return err
}

const dropSecrets = `DELETE FROM endpoint_secrets WHERE expires_at <= $1`

// DropSecrets deletes the secrets of all domains that no longer sign at the
// instant, and returns how many they were.
func (d *Delivery) DropSecrets(ctx context.Context, at time.Time) (int64, error) {
	tag, err := d.pool.Exec(ctx, dropSecrets, at)
	if err != nil {
		return 0, fmt.Errorf("drop secrets: %w", err)
	}
	return tag.RowsAffected(), nil
}

package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Role is what an API key may do. Each role includes the ones after it.
type Role string

// The roles. Admin: everything. Operator: agents' statuses, attempts, reports.
// Analyst: reading, except endpoints and keys.
const (
	RoleAdmin    Role = "admin"
	RoleOperator Role = "operator"
	RoleAnalyst  Role = "analyst"
)

// Roles lists every role, the mightiest first.
var Roles = []Role{RoleAdmin, RoleOperator, RoleAnalyst}

// Includes reports whether r may do what needs the role other. An unknown role
// may do nothing.
func (r Role) Includes(other Role) bool {
	for _, role := range Roles {
		if role == r {
			return true
		}
		if role == other {
			return false
		}
	}
	return false
}

// APIKey is one API key as it is stored: without its secret.
type APIKey struct {
	ID       string // key_ and a UUIDv7
	DomainID int64
	Role     Role
	Name     string
	// Prefix is the beginning of the secret, so that people can tell keys apart.
	Prefix    string
	CreatedAt time.Time
	// RevokedAt is zero while the key is good.
	RevokedAt time.Time
}

// MaxKeyName is how many bytes the name of a key may have.
const MaxKeyName = 200

// keyPrefix begins every secret, so that scanners of leaked secrets know them.
const keyPrefix = "ohk_"

// HashKey returns what is stored of a secret. The secret has 200 random bits,
// so a plain hash cannot be searched.
func HashKey(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

const createKeySQL = `
INSERT INTO api_keys (id, domain_id, role, name, hash, prefix, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)`

// CreateKey makes a key of the domain for by and returns it with its
// secret, which is not stored and cannot be shown again. It errs for an unknown
// role, an empty name and an unknown domain.
func (s *Store) CreateKey(ctx context.Context, domainID int64, role Role, name string, by By) (APIKey, string, error) {
	if !role.Includes(RoleAnalyst) {
		return APIKey{}, "", fmt.Errorf("create key: role %q is none of %v", role, Roles)
	}
	if name == "" || len(name) > MaxKeyName {
		return APIKey{}, "", fmt.Errorf("create key: a key needs a name of at most %d bytes", MaxKeyName)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return APIKey{}, "", fmt.Errorf("create key: %w", err)
	}
	random := make([]byte, 25)
	if _, err := rand.Read(random); err != nil {
		return APIKey{}, "", fmt.Errorf("create key: %w", err)
	}
	secret := keyPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(random))
	key := APIKey{
		ID: "key_" + id.String(), DomainID: domainID, Role: role, Name: name,
		Prefix: secret[:len(keyPrefix)+4], CreatedAt: by.At.UTC(),
	}
	hash := HashKey(secret)
	by.After = map[string]any{"role": role, "name": name, "prefix": key.Prefix}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, createKeySQL, key.ID, domainID, role, name, hash[:], key.Prefix, by.At); err != nil {
			return err
		}
		return audit(ctx, tx, domainID, by.did("create", "key", key.ID))
	})
	if err != nil {
		return APIKey{}, "", fmt.Errorf("create key: %w", err)
	}
	return key, secret, nil
}

const keyColumns = `id, domain_id, role, name, prefix, created_at, revoked_at`

const lookupKeySQL = `
SELECT ` + keyColumns + `
FROM api_keys
WHERE hash = $1 AND revoked_at IS NULL`

// LookupKey returns the good key with that hash, or ErrNotFound.
func (s *Store) LookupKey(ctx context.Context, hash [sha256.Size]byte) (APIKey, error) {
	rows, err := s.pool.Query(ctx, lookupKeySQL, hash[:])
	if err != nil {
		return APIKey{}, fmt.Errorf("look up key: %w", err)
	}
	key, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return APIKey{}, ErrNotFound
	}
	if err != nil {
		return APIKey{}, fmt.Errorf("look up key: %w", err)
	}
	return key, nil
}

const keysSQL = `
SELECT ` + keyColumns + `
FROM api_keys
WHERE domain_id = $1
ORDER BY id`

// Keys lists the domain's keys, revoked ones too, oldest first.
func (s *Store) Keys(ctx context.Context, domainID int64) ([]APIKey, error) {
	rows, err := s.pool.Query(ctx, keysSQL, domainID)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

const keySQL = `SELECT ` + keyColumns + ` FROM api_keys WHERE domain_id = $1 AND id = $2`

// Key returns one key of the domain, revoked or not, or ErrNotFound.
func (s *Store) Key(ctx context.Context, domainID int64, id string) (APIKey, error) {
	rows, _ := s.pool.Query(ctx, keySQL, domainID, id)
	key, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return APIKey{}, fmt.Errorf("read key: %w", notFound(err))
	}
	return key, nil
}

// KeyFilter narrows a list of keys. Zero fields do not narrow.
type KeyFilter struct {
	Role  Role
	After string // the id where the page before ended
	Limit int
}

const keyPageSQL = `
SELECT ` + keyColumns + `
FROM api_keys
WHERE domain_id = $1 AND id > $2 AND ($3 = '' OR role = $3)
ORDER BY id LIMIT $4`

// KeyPage lists keys of the domain, revoked ones too, oldest first.
func (s *Store) KeyPage(ctx context.Context, domainID int64, f KeyFilter) ([]APIKey, error) {
	rows, _ := s.pool.Query(ctx, keyPageSQL, domainID, f.After, string(f.Role), f.Limit)
	keys, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// IsKeyID reports whether the text can be the id of a key.
func IsKeyID(id string) bool {
	text, ok := strings.CutPrefix(id, "key_")
	return ok && uuid.Validate(text) == nil
}

const revokeKeySQL = `
UPDATE api_keys SET revoked_at = $3
WHERE domain_id = $1 AND id = $2 AND revoked_at IS NULL`

// RevokeKey makes a key of the domain useless from by.At on; servers that have
// just used it notice within seconds. ErrNotFound when there is no such good
// key.
func (s *Store) RevokeKey(ctx context.Context, domainID int64, id string, by By) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, revokeKeySQL, domainID, id, by.At)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return audit(ctx, tx, domainID, by.did("revoke", "key", id))
	})
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	return nil
}

func scanKey(row pgx.CollectableRow) (APIKey, error) {
	var k APIKey
	var revoked *time.Time
	err := row.Scan(&k.ID, &k.DomainID, &k.Role, &k.Name, &k.Prefix, &k.CreatedAt, &revoked)
	k.CreatedAt = k.CreatedAt.UTC()
	if revoked != nil {
		k.RevokedAt = revoked.UTC()
	}
	return k, err
}

package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue/desk"
)

// By says who changes something, when and on what grounds. Every method of this
// package that changes what users decide takes one, and writes a row of the
// audit log in the transaction of the change: there is neither without the
// other.
type By struct {
	At time.Time
	// KeyID and KeyName name the API key, Role is what it may do; all empty for
	// offhook itself. The command line has only a name.
	KeyID, KeyName string
	Role           Role
	// RequestID finds the request in the server's log; empty without one.
	RequestID string
	// Before and After are the thing as its users see it, without secrets; nil
	// when there is none, or nothing to show. Of two only the members that
	// differ are kept.
	Before, After any
	// Once, if set, is the claim of the request's Idempotency-Key. It is marked in
	// the transaction of the change, which fails when the claim is lost.
	Once desk.Once

	action, kind, id string
}

// did returns by as the author of an action on an object.
func (b By) did(action, kind, id string) By {
	b.action, b.kind, b.id = kind+"."+action, kind, id
	return b
}

// AuditEntry is one row of the audit log.
type AuditEntry struct {
	ID             int64
	At             time.Time
	KeyID, KeyName string // see By
	Role           Role
	RequestID      string
	Action         string // such as endpoint.update
	Kind           string // of the object: endpoint, queue, agent …
	ObjectID       string
	// Before and After hold what differs: JSON objects, or nil.
	Before, After []byte
}

const insertAudit = `
INSERT INTO audit_log (domain_id, at, key_id, key_name, role, request_id, action, object_kind, object_id, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// audit writes the row of a change into its transaction.
func audit(ctx context.Context, tx pgx.Tx, domainID int64, by By) error {
	before, after, err := Difference(by.Before, by.After)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	_, err = tx.Exec(ctx, insertAudit, domainID, by.At.UTC(), by.KeyID, cleanText(by.KeyName), string(by.Role), by.RequestID,
		by.action, by.kind, by.id, before, after)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	if !by.Once.Set() {
		return nil
	}
	if _, err := tx.Exec(ctx, markClaims, domainID, [][]byte{by.Once.Key[:]}, [][]byte{by.Once.Token[:]}, []string{by.kind}, []string{by.id}); err != nil {
		return overtaken(fmt.Errorf("mark the idempotency key: %w", err))
	}
	return nil
}

// Deed is what somebody does that changes nothing in the database, and is noted
// all the same: looking at a secret, sending an event by hand.
type Deed struct {
	Action   string // such as read_secret
	Kind     string // of the object: endpoint …
	ObjectID string
}

// NoteDeed writes a deed down, before it is done: what cannot be written must
// not be done.
func (s *Store) NoteDeed(ctx context.Context, domainID int64, d Deed, by By) error {
	return s.inTx(ctx, func(tx pgx.Tx) error { return audit(ctx, tx, domainID, by.did(d.Action, d.Kind, d.ObjectID)) })
}

const insertNotes = `
INSERT INTO audit_log (domain_id, at, key_id, key_name, role, request_id, action, object_kind, object_id, before, after)
SELECT $1, n.at, n.key_id, n.key_name, n.role, n.request_id, n.action, n.kind, n.object_id, n.before::jsonb, n.after::jsonb
FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[])
    AS n (at, key_id, key_name, role, request_id, action, kind, object_id, before, after)`

// queueNotes adds the rows of what a desk's commands changed to its batch.
func queueNotes(batch *pgx.Batch, domainID int64, notes []desk.Note) {
	queueClaims(batch, domainID, notes)
	notes = slices.DeleteFunc(slices.Clone(notes), func(n desk.Note) bool { return n.Action == "" })
	if len(notes) == 0 {
		return
	}
	at := make([]time.Time, len(notes))
	var texts [7][]string
	var facts [2][]*string
	for i := range notes {
		n := &notes[i]
		at[i] = n.At.UTC()
		for j, text := range []string{n.KeyID, cleanText(n.KeyName), n.Role, n.RequestID, n.Action, n.Kind, n.ObjectID} {
			texts[j] = append(texts[j], text)
		}
		for j, fact := range [][]byte{n.Before, n.After} {
			var text *string
			if fact != nil {
				s := string(fact)
				text = &s
			}
			facts[j] = append(facts[j], text)
		}
	}
	args := []any{domainID, at}
	for _, column := range texts {
		args = append(args, column)
	}
	batch.Queue(insertNotes, append(args, facts[0], facts[1])...)
}

// Difference renders two versions of a thing as JSON objects with only the
// members that differ. A nil version gives nil, and the other one whole.
func Difference(before, after any) (old, changed []byte, err error) {
	if old, err = object(before); err != nil {
		return nil, nil, err
	}
	if changed, err = object(after); err != nil || old == nil || changed == nil {
		return old, changed, err
	}
	var was, is map[string]json.RawMessage
	if json.Unmarshal(old, &was) != nil || json.Unmarshal(changed, &is) != nil {
		return old, changed, nil // not objects: shown whole
	}
	for name, value := range was {
		if now, ok := is[name]; ok && bytes.Equal(now, value) {
			delete(was, name)
			delete(is, name)
		}
	}
	if old, err = json.Marshal(was); err != nil {
		return nil, nil, err
	}
	changed, err = json.Marshal(is)
	return old, changed, err
}

func object(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

// AuditFilter narrows a list of audit entries. Zero fields do not narrow.
type AuditFilter struct {
	Kind          string
	ObjectID      string // needs Kind
	KeyID, Action string
	Since, Until  time.Time // from Since on, before Until
	// Before is where the page before ended; zero begins with the latest.
	Before AuditCursor
	Limit  int
}

// AuditCursor is a place in the audit log.
type AuditCursor struct {
	At time.Time
	ID int64
}

// auditBound is how many entries one page looks at.
const auditBound = 2000

// auditFrom begins what looks at entries, the latest first, along an index.
const auditFrom = `
FROM audit_log
WHERE domain_id = $1
  AND at <= coalesce($2::timestamptz, 'infinity') AND (at, id) < (coalesce($2::timestamptz, 'infinity'), $3::bigint)
  AND at >= coalesce($4::timestamptz, '-infinity')`

// The entries of one object have an index of their own.
const (
	auditOfAll    = ` AND $9 = '' AND $10 = ''`
	auditOfObject = ` AND object_kind = $9 AND object_id = $10`
	auditOrder    = ` ORDER BY at DESC, id DESC`
)

// auditSQL looks at no more than $5 entries and returns no more than $11 of them.
// If it has looked at so many, the last one is returned in any case.
func (f *AuditFilter) auditSQL() (sql string, args []any) {
	along, kind, object := auditOfAll, "", ""
	if f.ObjectID != "" {
		along, kind, object = auditOfObject, f.Kind, f.ObjectID
	}
	begin := f.Before
	if !f.Until.IsZero() && (begin.At.IsZero() || f.Until.Before(begin.At)) {
		begin = AuditCursor{At: f.Until} // see finishedFrom
	}
	return `
SELECT id, at, key_id, key_name, role, request_id, action, object_kind, object_id, before, after, m.matches, a.place = $5
FROM (SELECT *, row_number() OVER (ORDER BY at DESC, id DESC) AS place` + auditFrom + along + auditOrder + ` LIMIT $5) AS a,
  LATERAL (SELECT ($6 = '' OR key_id = $6) AND ($7 = '' OR action = $7) AND ($8 = '' OR object_kind = $8) AS matches) AS m
WHERE m.matches OR a.place = $5` + auditOrder + ` LIMIT $11`,
		[]any{null(begin.At), begin.ID, null(f.Since), auditBound, f.KeyID, f.Action, f.Kind, kind, object, f.Limit}
}

// Audit lists the changes of a domain, the latest first. A page may hold fewer
// than f.Limit, or none, while next is not nil: then the list goes on there.
func (s *Store) Audit(ctx context.Context, domainID int64, f AuditFilter) (found []AuditEntry, next *AuditCursor, err error) {
	sql, args := f.auditSQL()
	rows, err := s.pool.Query(ctx, sql, append([]any{domainID}, args...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("list the audit log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var matches, last bool
		e, err := scanAudit(extended{rows, []any{&matches, &last}})
		if err != nil {
			return nil, nil, fmt.Errorf("list the audit log: %w", err)
		}
		if matches {
			found = append(found, e)
		}
		if last || len(found) == f.Limit {
			next = &AuditCursor{At: e.At, ID: e.ID}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("list the audit log: %w", err)
	}
	return found, next, nil
}

func scanAudit(row pgx.CollectableRow) (AuditEntry, error) {
	var e AuditEntry
	err := row.Scan(&e.ID, &e.At, &e.KeyID, &e.KeyName, &e.Role, &e.RequestID, &e.Action, &e.Kind, &e.ObjectID, &e.Before, &e.After)
	e.At = e.At.UTC()
	return e, err
}

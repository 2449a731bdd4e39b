package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// rowReader reads the columns of rows, one after the other, like the driver's
// Scan, which finds out for every value of every row what it is and allocates
// what may be NULL. It is for the one table that is read by the million.
type rowReader struct {
	rows   pgx.Rows
	fields []pgconn.FieldDescription
	values [][]byte
	at     int   // the next column
	err    error // the first one
	names  map[string]string
}

func newRowReader(rows pgx.Rows) *rowReader {
	return &rowReader{rows: rows, names: map[string]string{}}
}

// next goes on to the next row; false when there is none, or no use in it.
func (r *rowReader) next() bool {
	if r.err != nil || !r.rows.Next() {
		return false
	}
	r.fields, r.values, r.at = r.rows.FieldDescriptions(), r.rows.RawValues(), 0
	return true
}

// failure is why next was false, nil for the end.
func (r *rowReader) failure() error {
	if r.err != nil {
		return r.err
	}
	return r.rows.Err()
}

// fixed returns the next column's value of so many bytes. Nil is NULL, or a value
// that came in another form and was scanned into dst by the driver.
func (r *rowReader) fixed(size int, dst any) []byte {
	value, field := r.values[r.at], &r.fields[r.at]
	r.at++
	if value == nil || field.Format == pgx.BinaryFormatCode && len(value) == size {
		return value
	}
	if err := r.rows.Conn().TypeMap().Scan(field.DataTypeOID, field.Format, value, dst); err != nil && r.err == nil {
		r.err = fmt.Errorf("read the column %s: %w", field.Name, err)
	}
	return nil
}

// number reads a bigint, 0 for NULL.
func (r *rowReader) number() (n int64) {
	if value := r.fixed(8, &n); value != nil {
		n = int64(binary.BigEndian.Uint64(value))
	}
	return n
}

// instant reads a timestamptz, zero for NULL.
func (r *rowReader) instant() (t time.Time) {
	if value := r.fixed(8, &t); value != nil {
		t = time.UnixMicro(int64(binary.BigEndian.Uint64(value)) + microsTo2000)
	}
	return t.UTC()
}

// truth reads a boolean, false for NULL.
func (r *rowReader) truth() (b bool) {
	if value := r.fixed(1, &b); value != nil {
		b = value[0] != 0
	}
	return b
}

// uuid reads a uuid.
func (r *rowReader) uuid() (id [16]byte) {
	copy(id[:], r.fixed(16, &id))
	return id
}

// bytes reads a text, a json or a jsonb, nil for NULL. They are valid until the
// next row.
func (r *rowReader) bytes() []byte {
	value, field := r.values[r.at], &r.fields[r.at]
	r.at++
	if value != nil && field.Format == pgx.BinaryFormatCode && field.DataTypeOID == jsonbOID {
		return value[1:] // behind the version
	}
	return value
}

const jsonbOID = 3802

// name reads a text of which there are few different ones: each is made once.
func (r *rowReader) name() string { return r.intern(r.bytes()) }

func (r *rowReader) intern(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	name, known := r.names[string(value)]
	if !known {
		name = string(value)
		r.names[name] = name
	}
	return name
}

// null reports whether the next column is NULL, and if it is, passes it over.
func (r *rowReader) null() bool {
	if r.values[r.at] != nil {
		return false
	}
	r.at++
	return true
}

// numberIn reads a bigint into a place and returns that, nil for NULL.
func (r *rowReader) numberIn(place *int64) *int64 {
	if r.null() {
		return nil
	}
	*place = r.number()
	return place
}

// textIn is numberIn for a text.
func (r *rowReader) textIn(place *string) *string {
	if r.null() {
		return nil
	}
	*place = string(r.bytes())
	return place
}

package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// A row is a slice of pointers to what its columns hold, so that making one
// copies nothing. The types decide the columns': *int and *int64 are a bigint,
// *string a text, *bool a boolean, *time.Time a timestamptz, *[16]byte a uuid,
// []byte a jsonb and json.RawMessage a json. nil, typed or not, is NULL.

// copyRows appends rows to a table by COPY, in one round trip. The encoder is
// our own because the general one spends most of its time finding out types.
func copyRows(ctx context.Context, conn *pgx.Conn, table string, columns []string, rows [][]any) error {
	return copySeq(ctx, conn, table, columns, slices.Values(rows))
}

// copyBuffers are those that rows were encoded in.
var copyBuffers = sync.Pool{New: func() any { return new([]byte) }}

// maxCopyBuffer is the largest that is kept.
const maxCopyBuffer = 4 << 20

// copySeq is copyRows for rows that are made one after the other: each is done
// with before the next one is asked for.
func copySeq(ctx context.Context, conn *pgx.Conn, table string, columns []string, rows iter.Seq[[]any]) error {
	kept := copyBuffers.Get().(*[]byte)
	buf, err := encodeRows((*kept)[:0], rows)
	if err != nil {
		return fmt.Errorf("copy rows into %s: %w", table, err)
	}
	sql := "COPY " + table + " (" + strings.Join(columns, ", ") + ") FROM STDIN BINARY"
	if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(buf), sql); err != nil {
		return fmt.Errorf("copy rows into %s: %w", table, err)
	}
	if cap(buf) <= maxCopyBuffer {
		*kept = buf
		copyBuffers.Put(kept)
	}
	return nil
}

// encodeRows appends rows in the binary format of COPY.
func encodeRows(buf []byte, rows iter.Seq[[]any]) ([]byte, error) {
	buf = append(buf, "PGCOPY\n\xff\r\n\x00"...)
	buf = binary.BigEndian.AppendUint64(buf, 0) // no flags, no extension
	for row := range rows {
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(row)))
		for i, v := range row {
			// The length comes first and is known last.
			start := len(buf)
			buf = binary.BigEndian.AppendUint32(buf, math.MaxUint32) // -1 is NULL
			filled, err := appendField(buf, v)
			if err != nil {
				return nil, fmt.Errorf("column %d: %w", i+1, err)
			}
			if filled != nil {
				buf = filled
				binary.BigEndian.PutUint32(buf[start:], uint32(len(buf)-start-4))
			}
		}
	}
	return binary.BigEndian.AppendUint16(buf, math.MaxUint16), nil
}

// microsTo2000 is Postgres's epoch in microseconds of Unix time.
const microsTo2000 = 946_684_800_000_000

// appendField appends the bytes of a value, or returns nil for NULL.
func appendField(buf []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case *int64:
		if v != nil {
			return binary.BigEndian.AppendUint64(buf, uint64(*v)), nil
		}
	case *int:
		if v != nil {
			return binary.BigEndian.AppendUint64(buf, uint64(*v)), nil
		}
	case *string:
		if v != nil {
			return append(buf, *v...), nil
		}
	case *bool:
		if v != nil && *v {
			return append(buf, 1), nil
		} else if v != nil {
			return append(buf, 0), nil
		}
	case *time.Time:
		if v != nil {
			return binary.BigEndian.AppendUint64(buf, uint64(v.UnixMicro()-microsTo2000)), nil
		}
	case *[16]byte:
		if v != nil {
			return append(buf, v[:]...), nil
		}
	case []byte:
		if v != nil {
			return append(append(buf, 1), v...), nil // 1 is jsonb's version
		}
	case json.RawMessage:
		if v != nil {
			return append(buf, v...), nil
		}
	case nil:
	default:
		return nil, fmt.Errorf("cannot store a %T", v)
	}
	return nil, nil
}

// instantOf is the column of an instant: NULL when it is not set.
func instantOf(t *time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return t
}

// nameOf is the column of a text that is NULL when it is empty.
func nameOf(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

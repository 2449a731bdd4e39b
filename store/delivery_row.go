package store

import (
	"encoding/json"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
)

// triesColumns are the columns of tries, in the order of tryRow.
var triesColumns = []string{
	"domain_id", "endpoint_id", "seq", "number", "started_at", "event_id", "event_type", "attempt_id", "outcome",
	"state", "duration_us", "first_byte_us", "status", "header", "body", "body_truncated", "error", "next_at", "manual",
}

var insertTries = insertInto("tries", triesColumns)

// queueTries adds tries that may be there already.
func queueTries(batch *pgx.Batch, tries []dispatcher.Try) {
	for len(tries) > 0 {
		n := min(len(tries), len(insertTries)-1)
		args := make([]any, 0, n*len(triesColumns))
		for i := range tries[:n] {
			args = append(args, tryRow(&tries[i])...)
		}
		batch.Queue(insertTries[n]+` ON CONFLICT DO NOTHING`, args...)
		tries = tries[n:]
	}
}

const answerTry = `
UPDATE tries SET outcome = $6, state = $7, duration_us = $8, first_byte_us = $9, status = $10, header = $11, body = $12,
       body_truncated = $13, error = $14
WHERE domain_id = $1 AND seq = $2 AND endpoint_id = $3 AND number = $4 AND started_at = $5`

// queueAnswered adds what came of tries that were recorded before they were
// sent.
func queueAnswered(batch *pgx.Batch, tries []dispatcher.Try) {
	for i := range tries {
		r := tryRow(&tries[i])
		batch.Queue(answerTry, r[0], r[2], r[1], r[3], r[4], r[8], r[9], r[10], r[11], r[12], r[13], []byte(tries[i].Body), r[15], r[16])
	}
}

// tryRow is a try as a row (see copyRows).
func tryRow(t *dispatcher.Try) []any {
	var r tryRows
	return r.row(t)
}

// tryRowsOf returns tries as rows for copySeq.
func tryRowsOf(tries []dispatcher.Try) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		var r tryRows
		for i := range tries {
			if !yield(r.row(&tries[i])) {
				return
			}
		}
	}
}

// tryRows makes rows of tries in one place, so that each ends the one before.
type tryRows struct {
	columns         [19]any
	endpoint        string // that id was parsed from
	id              uuid.UUID
	duration, first int64
	header, text    string
}

// row is a try as a row. An endpoint's id that is none gives the nil UUID, which
// names no endpoint.
func (r *tryRows) row(t *dispatcher.Try) []any {
	if r.endpoint != t.EndpointID { // they come in runs
		r.endpoint = t.EndpointID
		var err error
		if r.id, err = endpointUUID(t.EndpointID); err != nil {
			r.id = uuid.Nil
		}
	}
	r.duration, r.first = t.Duration.Microseconds(), t.FirstByte.Microseconds()
	r.header, r.text = joinHeader(t.Header), cleanText(t.Error)
	row := r.columns[:]
	row[0], row[1], row[2], row[3] = &t.DomainID, (*[16]byte)(&r.id), &t.Seq, &t.Number
	row[4], row[5], row[6] = &t.StartedAt, (*[16]byte)(&t.EventID), (*string)(&t.EventType)
	row[7] = idOf(&t.AttemptID)
	row[8], row[9] = (*string)(&t.Outcome), (*string)(&t.State)
	row[10], row[11], row[12], row[13] = &r.duration, &r.first, &t.Status, &r.header
	if row[14] = nil; t.Body != nil {
		row[14] = json.RawMessage(t.Body)
	}
	row[15], row[16], row[17], row[18] = &t.BodyTruncated, &r.text, instantOf(&t.NextAt), &t.Manual
	return row
}

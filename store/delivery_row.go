package store

import (
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
)

// triesColumns are the columns of tries, in the order of tryRow.
var triesColumns = []string{
	"domain_id", "endpoint_id", "seq", "number", "started_at", "event_id", "event_type", "attempt_id", "outcome",
	"state", "duration_us", "first_byte_us", "status", "header", "body", "body_truncated", "error", "next_at",
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

// tryRow is a try as a row (see copyRows). An endpoint's id that is none gives
// the nil UUID, which names no endpoint.
func tryRow(t *dispatcher.Try) []any {
	id, err := endpointUUID(t.EndpointID)
	if err != nil {
		id = uuid.Nil
	}
	duration, first := t.Duration.Microseconds(), t.FirstByte.Microseconds()
	header, text := joinHeader(t.Header), cleanText(t.Error)
	row := make([]any, len(triesColumns))
	row[0], row[1], row[2], row[3] = &t.DomainID, (*[16]byte)(&id), &t.Seq, &t.Number
	row[4], row[5], row[6] = &t.StartedAt, (*[16]byte)(&t.EventID), (*string)(&t.EventType)
	if t.AttemptID != 0 {
		row[7] = &t.AttemptID
	}
	row[8], row[9] = (*string)(&t.Outcome), (*string)(&t.State)
	row[10], row[11], row[12], row[13] = &duration, &first, &t.Status, &header
	if t.Body != nil {
		row[14] = json.RawMessage(t.Body)
	}
	row[15], row[16], row[17] = &t.BodyTruncated, &text, instantOf(&t.NextAt)
	return row
}

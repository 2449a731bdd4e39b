package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// scanEndpoint reads a row of endpointColumns.
func (d *Delivery) scanEndpoint(row pgx.CollectableRow) (dispatcher.Subscription, error) {
	var (
		s         dispatcher.Subscription
		ep        = &s.Endpoint
		id        uuid.UUID
		timeoutMS int64
		headers   []byte
		waitMS    int64
		schedule  []int64
		// Null while there was none.
		paused, success, failing *time.Time
		events, queueTypes       []string
		sealed                   [][]byte
		expiries                 []*time.Time
	)
	if err := row.Scan(&ep.DomainID, &id, &ep.URL, &ep.Description, &events, &ep.Queues, &ep.Format,
		&ep.Profile, &ep.Ordering, &ep.MaxInFlight, &timeoutMS, &headers, &ep.Disabled, &ep.DisabledReason,
		&ep.CreatedAt, &ep.UpdatedAt, &waitMS, &ep.Rate, &schedule, &ep.Filter, &queueTypes, &paused, &ep.PausedReason, &ep.Openings,
		&success, &failing, &ep.Told, &s.Settled.RecordedAt, &s.Settled.Seq,
		&s.Claimed.RecordedAt, &s.Claimed.Seq, &s.Recoveries, &sealed, &expiries); err != nil {
		return s, err
	}
	ep.ID = "ep_" + id.String()
	ep.Timeout = time.Duration(timeoutMS) * time.Millisecond
	ep.CreatedAt, ep.UpdatedAt = ep.CreatedAt.UTC(), ep.UpdatedAt.UTC()
	s.Settled.RecordedAt, s.Claimed.RecordedAt = s.Settled.RecordedAt.UTC(), s.Claimed.RecordedAt.UTC()
	ep.OrderWait = time.Duration(waitMS) * time.Millisecond
	for _, ms := range schedule {
		ep.Schedule = append(ep.Schedule, time.Duration(ms)*time.Millisecond)
	}
	ep.PausedUntil, ep.LastSuccess, ep.FailingSince = instant(paused), instant(success), instant(failing)
	if len(ep.Queues) == 0 {
		ep.Queues = nil
	}
	for _, t := range events {
		ep.Events = append(ep.Events, queue.EventType(t))
	}
	for _, t := range queueTypes {
		ep.QueueTypes = append(ep.QueueTypes, queue.Type(t))
	}
	for i, b := range sealed {
		plain, err := d.ring.open(b, purpose("secret", ep.ID))
		if err != nil {
			return s, fmt.Errorf("open secret of %s: %w", ep.ID, err)
		}
		ep.Secrets = append(ep.Secrets, dispatcher.Secret{Key: string(plain), Until: instant(expiries[i])})
	}
	return s, d.openHeaders(headers, ep)
}

// scanListed is scanEndpoint for lists: an endpoint whose secrets or headers no
// key of the ring opens comes without both, and does not hide the others.
func (d *Delivery) scanListed(row pgx.CollectableRow) (dispatcher.Subscription, error) {
	sub, err := d.scanEndpoint(row)
	if errors.Is(err, errSealed) {
		sub.Endpoint.Secrets, sub.Endpoint.Headers, err = nil, nil, nil
	}
	return sub, err
}

func (d *Delivery) sealHeaders(ep dispatcher.Endpoint) []byte {
	if len(ep.Headers) == 0 {
		return nil
	}
	plain, _ := json.Marshal(ep.Headers) // a map of strings cannot fail
	return d.ring.seal(plain, purpose("headers", ep.ID))
}

func (d *Delivery) openHeaders(sealed []byte, ep *dispatcher.Endpoint) error {
	if sealed == nil {
		return nil
	}
	plain, err := d.ring.open(sealed, purpose("headers", ep.ID))
	if err != nil {
		return fmt.Errorf("open headers of %s: %w", ep.ID, err)
	}
	ep.Headers = http.Header{}
	return json.Unmarshal(plain, &ep.Headers)
}

// purpose binds a sealed value to its place.
func purpose(what, endpointID string) string { return what + "/" + endpointID }

// endpointUUID parses an endpoint's public id; anything else names no endpoint.
func endpointUUID(id string) (uuid.UUID, error) {
	text, ok := strings.CutPrefix(id, "ep_")
	u, err := uuid.Parse(text)
	if !ok || err != nil || "ep_"+u.String() != id {
		return uuid.UUID{}, ErrNotFound
	}
	return u, nil
}

// texts is a column of names, which is not null.
func texts[S ~string](names []S) []string {
	out := make([]string, len(names))
	for i, s := range names {
		out[i] = string(s)
	}
	return out
}

func queueIDs(ids []int64) []int64 {
	if ids == nil {
		return []int64{} // the column is not null
	}
	return ids
}

// millis is the column of a list of durations.
func millis(waits []time.Duration) []int64 {
	out := make([]int64, len(waits))
	for i, w := range waits {
		out[i] = w.Milliseconds()
	}
	return out
}

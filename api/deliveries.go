package api

import (
	"unicode/utf8"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// Delivery is the way of one event to one endpoint.
type Delivery struct {
	EndpointID string           `json:"endpoint_id"`
	State      dispatcher.State `json:"state" enum:"pending,held,retrying,suspended,delivered,refused,exhausted,skipped" doc:"pending: its turn has not come. held: behind a failed event of its attempt. suspended: the endpoint is disabled. skipped: the endpoint was enabled from a later place on."`
	NextAt     *string          `json:"next_at" format:"date-time" doc:"When the next try is due."`
	Tries      []Try            `json:"tries" doc:"Every request, in the order in which they were made."`
}

// Try is one request of one event to one endpoint, or the record of why none
// was made.
type Try struct {
	EndpointID string             `json:"endpoint_id"`
	EventID    string             `json:"event_id"`
	EventType  queue.EventType    `json:"event_type"`
	Number     int                `json:"number" doc:"The header Offhook-Try."`
	Manual     bool               `json:"manual" doc:"Somebody asked for it, outside the schedule: a resent event, or a test."`
	Outcome    dispatcher.Outcome `json:"outcome" doc:"delivered, or why not: refused, throttled, redirect, unauthorized, rejected, upstream, http_error, dns, connect, tls, timeout, reset, protocol, blocked_target, unknown, expired."`
	StartedAt  *string            `json:"started_at" format:"date-time"`
	DurationMS float64            `json:"duration_ms"`
	Status     *int               `json:"status" doc:"The answer's status code; null when there was none."`
	// Header is a map of lists, as headers are.
	Header        map[string][]string `json:"response_headers"`
	Body          *string             `json:"response_body" doc:"The beginning of the answer; null when it is not text."`
	BodyTruncated bool                `json:"body_truncated"`
	Error         *string             `json:"error" doc:"Why there was no proper answer."`
	NextAt        *string             `json:"next_at" format:"date-time" doc:"When the next try was due."`
}

func viewDeliveries(all []dispatcher.Delivery) []Delivery {
	out := make([]Delivery, 0, len(all))
	for i := range all {
		d := &all[i]
		v := Delivery{EndpointID: d.EndpointID, State: d.State, NextAt: stamp(d.NextAt), Tries: []Try{}}
		for j := range d.Tries {
			v.Tries = append(v.Tries, viewTry(&d.Tries[j]))
		}
		out = append(out, v)
	}
	return out
}

func viewTry(t *dispatcher.Try) Try {
	v := Try{
		EndpointID: t.EndpointID, EventID: queue.EventID(t.EventID), EventType: t.EventType, Number: t.Number, Manual: t.Manual, Outcome: t.Outcome,
		StartedAt: stamp(t.StartedAt), DurationMS: milliseconds(t.Duration),
		Header: t.Header, BodyTruncated: t.BodyTruncated, Error: orNil(t.Error), NextAt: stamp(t.NextAt),
	}
	if t.Status != 0 {
		v.Status = &t.Status
		if utf8.Valid(t.Body) {
			body := string(t.Body)
			v.Body = &body
		}
	}
	if v.Header == nil {
		v.Header = map[string][]string{}
	}
	return v
}

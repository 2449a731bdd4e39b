package main

import (
	"errors"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// verdict is what a receiver makes of one request.
type verdict string

const (
	accepted  verdict = "accepted"  // new, verified, answered 200
	unheard   verdict = "unheard"   // new and kept, but answered 500 on purpose
	duplicate verdict = "duplicate" // kept before, answered 200
	failed    verdict = "failed"    // answered 500 on purpose and not kept
	rejected  verdict = "rejected"  // not ours: wrong signature or timestamp
)

// receipt is one line of `offhook receive`: a request and what became of it.
type receipt struct {
	At       time.Time `json:"at"`
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Attempt  int64     `json:"attempt_id,omitempty"`
	Sequence int       `json:"sequence,omitempty"`
	Try      int       `json:"try,omitempty"`
	Verdict  verdict   `json:"verdict"`
	Status   int       `json:"status"`
	// Repeated says that this event was asked for before, kept or not.
	Repeated bool `json:"repeated,omitempty"`
	// Misordered says why the event breaks its attempt's order; empty when it
	// does not.
	Misordered string `json:"misordered,omitempty"`
	// Error says why the request was rejected.
	Error string `json:"error,omitempty"`
}

// kept reports whether the event is new and counts as received.
func (r receipt) kept() bool { return r.Verdict == accepted || r.Verdict == unheard }

// stats are the counters of a receiver.
type stats struct {
	Requests   int            `json:"requests"`
	Accepted   int            `json:"accepted"` // distinct events with a good signature
	Repeated   int            `json:"repeated"` // requests for an event that was asked for before
	Failed     int            `json:"failed"`   // answered 500 on purpose
	Rejected   int            `json:"rejected"` // wrong signature, timestamp or headers
	Misordered int            `json:"misordered"`
	Attempts   int            `json:"attempts"`
	ByType     map[string]int `json:"by_type"`
}

// receiver is the reference for whoever writes one: verify, then forget what
// was seen before, then check the order.
type receiver struct {
	now  func() time.Time
	fail float64 // share of requests that are answered 500

	mu      sync.Mutex
	keys    []string              // none until they are known: then nothing can be verified
	seen    *recent[string, bool] // event id → kept
	attempt *recent[int64, int]   // attempt → sequence of its last event
	passed  *recent[place, bool]  // what others overtook, and said so
	stats   stats
}

// place is the place of an event in its attempt.
type place struct {
	attempt  int64
	sequence int
}

// remembered is how many events and attempts a receiver knows again. A sender's
// longest schedule is days, so a real receiver keeps ids in its database.
const remembered = 200_000

func newReceiver(secret string, fail float64, now func() time.Time) *receiver {
	return &receiver{
		now: now, fail: fail, keys: keys(secret),
		seen: newRecent[string, bool](remembered), attempt: newRecent[int64, int](remembered),
		passed: newRecent[place, bool](remembered),
		stats:  stats{ByType: map[string]int{}},
	}
}

// take judges one request. It is the only writer of the receiver's memory.
func (r *receiver) take(h http.Header, body []byte) receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Requests++
	rec := receipt{At: r.now().UTC(), ID: h.Get("webhook-id"), Type: h.Get("Offhook-Event")}
	rec.Attempt, _ = strconv.ParseInt(h.Get("Offhook-Attempt"), 10, 64)
	rec.Sequence, _ = strconv.Atoi(h.Get("Offhook-Sequence"))
	rec.Try, _ = strconv.Atoi(h.Get("Offhook-Try"))
	if len(r.keys) == 0 {
		rec.Verdict, rec.Status = failed, http.StatusServiceUnavailable
		return rec
	}
	if err := dispatcher.Verify(h, body, r.keys, r.now()); err != nil {
		r.stats.Rejected++
		rec.Verdict, rec.Status, rec.Error = rejected, rejectStatus(err), err.Error()
		return rec
	}
	r.judge(&rec, h)
	return rec
}

func rejectStatus(err error) int {
	if errors.Is(err, dispatcher.ErrBadSignature) {
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

// judge decides on a request that is genuine.
func (r *receiver) judge(rec *receipt, h http.Header) {
	kept, known := r.seen.get(rec.ID)
	if known {
		rec.Repeated = true
		r.stats.Repeated++
	}
	luck := chance(rec.ID, rec.Try)
	switch {
	case kept:
		rec.Verdict, rec.Status = duplicate, http.StatusOK
		return
	case luck < r.fail/2:
		rec.Verdict, rec.Status = failed, http.StatusInternalServerError
		r.stats.Failed++
		r.seen.put(rec.ID, false)
		return
	case luck < r.fail: // the other half is kept, but the sender does not learn of it
		rec.Verdict, rec.Status = unheard, http.StatusInternalServerError
		r.stats.Failed++
	default:
		rec.Verdict, rec.Status = accepted, http.StatusOK
	}
	r.seen.put(rec.ID, true)
	r.stats.Accepted++
	r.stats.ByType[rec.Type]++
	r.checkOrder(rec, h)
}

// checkOrder compares an event with the last one of its attempt.
// Offhook-Prev-Sequence names the event that must have come before, so that a
// filter's gaps are not mistaken for losses, and Offhook-Overtakes those that
// will come later.
func (r *receiver) checkOrder(rec *receipt, h http.Header) {
	if rec.Attempt == 0 || rec.Sequence == 0 {
		return // not an event of an attempt
	}
	last, known := r.attempt.get(rec.Attempt)
	if !known {
		r.stats.Attempts++
	}
	prev, _ := strconv.Atoi(h.Get("Offhook-Prev-Sequence"))
	overtaken := strings.Split(h.Get("Offhook-Overtakes"), ",")
	for _, number := range overtaken {
		if n, err := strconv.Atoi(number); err == nil {
			r.passed.put(place{rec.Attempt, n}, true)
		}
	}
	overtakes := overtaken[0] != ""
	late, _ := r.passed.get(place{rec.Attempt, rec.Sequence})
	switch {
	case late: // as announced
	case known && rec.Sequence < last:
		rec.Misordered = "comes after " + strconv.Itoa(last)
	case known && prev > last && !overtakes:
		rec.Misordered = "comes before " + strconv.Itoa(prev)
	case !known && prev > 0 && !overtakes:
		rec.Misordered = "first of its attempt here, but not the first that was owed"
	}
	if rec.Misordered != "" {
		r.stats.Misordered++
	}
	r.attempt.put(rec.Attempt, max(last, rec.Sequence))
}

func (r *receiver) setSecret(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = keys(secret)
}

// snapshot returns the counters as they are now.
func (r *receiver) snapshot() stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.ByType = make(map[string]int, len(r.stats.ByType))
	for k, v := range r.stats.ByType {
		s.ByType[k] = v
	}
	return s
}

// chance is a number in [0, 1) for one try of one event: the same on every run,
// so that a failure can be looked at again.
func chance(id string, try int) float64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	h.Write([]byte{byte(try)})
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd // FNV alone leaves the high bits of short inputs alike
	return float64((x^x>>33)>>11) / (1 << 53)
}

// recent is a map that forgets its oldest keys beyond a limit.
type recent[K comparable, V any] struct {
	values map[K]V
	order  []K
	next   int
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{values: map[K]V{}, order: make([]K, 0, limit)}
}

func (r *recent[K, V]) get(k K) (V, bool) { v, ok := r.values[k]; return v, ok }

func (r *recent[K, V]) put(k K, v V) {
	if _, known := r.values[k]; !known {
		if len(r.order) < cap(r.order) {
			r.order = append(r.order, k)
		} else {
			delete(r.values, r.order[r.next])
			r.order[r.next] = k
			r.next = (r.next + 1) % len(r.order)
		}
	}
	r.values[k] = v
}

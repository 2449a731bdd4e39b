package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// subscriber is an endpoint and who stands behind it.
type subscriber struct {
	*witness
	endpoint string
	// wants says which events are for it; nil = all.
	wants func(*queue.Event) bool
}

// findings is what a run has shown. All are 0 when the promise was kept.
type findings struct{ lost, unrecorded, misordered int }

func (f findings) String() string {
	return fmt.Sprintf("lost=%d unrecorded=%d misordered=%d", f.lost, f.unrecorded, f.misordered)
}

// inspector reads what the database holds after a run.
type inspector struct {
	t   *testing.T
	st  *store.Store
	log []queue.Event
}

func newInspector(t *testing.T, url string) *inspector {
	t.Helper()
	pool, err := store.Open(t.Context(), store.Config{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &inspector{t: t, st: store.New(pool)}
}

// read takes over what was logged since.
func (in *inspector) read() {
	in.t.Helper()
	var after dispatcher.Position
	if n := len(in.log); n > 0 {
		after = dispatcher.Position{RecordedAt: in.log[n-1].RecordedAt, Seq: in.log[n-1].Seq}
	}
	more, err := readLog(in.t.Context(), in.st, after)
	if err != nil {
		in.t.Fatal(err)
	}
	in.log = append(in.log, more...)
}

func (in *inspector) wanted(s *subscriber) []queue.Event {
	if s.wants == nil {
		return in.log
	}
	var out []queue.Event
	for i := range in.log {
		if s.wants(&in.log[i]) {
			out = append(out, in.log[i])
		}
	}
	return out
}

// settle waits until everybody has left and everything has arrived, and returns
// how many events have not.
func (in *inspector) settle(subscribers []*subscriber, patience time.Duration) (missing int) {
	in.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		in.read()
		missing = 0
		var some []string
		for _, s := range subscribers {
			ids := s.missing(in.wanted(s))
			missing += len(ids)
			some = append(some, ids[:min(3, len(ids))]...)
		}
		if missing == 0 && everybodyLeft(in.log) {
			return 0
		}
		if time.Now().After(deadline) {
			in.t.Errorf("%d of %d events did not arrive: %v …; everybody has left: %v", missing, len(in.log), some, everybodyLeft(in.log))
			return missing
		}
		<-time.After(100 * time.Millisecond)
	}
}

// acknowledged returns how many attempts were acknowledged and are not, or not
// once, on the log.
func (in *inspector) acknowledged(l *load) (lost int) {
	joined, left := map[int64]int{}, map[int64]int{}
	for i := range in.log {
		switch in.log[i].Type {
		case queue.EventJoined:
			joined[in.log[i].AttemptID]++
		case queue.EventLeaving:
			left[in.log[i].AttemptID]++
		}
	}
	for id := range l.acked {
		if joined[id] != 1 {
			lost++
			in.t.Errorf("attempt %d was acknowledged and has %d joined events", id, joined[id])
		}
	}
	for id := range l.ended {
		if left[id] != 1 {
			lost++
			in.t.Errorf("the end of attempt %d was acknowledged and it has %d leaving events", id, left[id])
		}
	}
	return lost
}

// atRest waits until nothing of an endpoint is parked: what was recovered has
// arrived before, so settle does not wait for it.
func (in *inspector) atRest(d *store.Delivery, ref dispatcher.Ref, patience time.Duration) {
	in.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		now := time.Now()
		stats, err := d.Stats(in.t.Context(), ref, now, now)
		if err == nil && stats.Retrying+stats.Held == 0 {
			return
		}
		if now.After(deadline) {
			in.t.Errorf("%s does not come to rest: %d retrying, %d held, %v", ref.EndpointID, stats.Retrying, stats.Held, err)
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// judge compares what a subscriber saw with what is on record. A number may be
// there more than once: a try that only found out about the endpoint does not
// spend it, and a request that a crash cut off is on record as unknown whether or
// not it was sent. But each one seen has a row, and each answer on record was
// given.
func (in *inspector) judge(s *subscriber) (f findings, tries int) {
	in.t.Helper()
	d, ref := store.NewDelivery(in.st, nil), dispatcher.Ref{DomainID: firstDomain, EndpointID: s.endpoint}
	in.atRest(d, ref, time.Minute)
	recorded := recordedTries(in.t, d, ref)
	seen := s.requests()
	for request, n := range seen {
		if have := len(recorded[request]); have < n {
			f.unrecorded++
			in.t.Errorf("%s saw try %d of %s %d times, %d are on record", s.endpoint, request.try, request.event, n, have)
		}
	}
	for request, rows := range recorded {
		answered := 0
		for _, try := range rows {
			tries++
			if try.Status != 0 {
				answered++
			}
		}
		if answered > seen[request] {
			in.t.Errorf("%s saw try %d of %s %d times and has answered it %d times by the record: %+v",
				s.endpoint, request.try, request.event, seen[request], answered, rows)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rec := range s.broken {
		if rec.Misordered != "" {
			f.misordered++
		}
		in.t.Errorf("%s: out of order or not genuine: %+v", s.endpoint, rec)
	}
	return f, tries
}

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// hostileRounds is how often TestHostile goes through all receivers; make hostile
// asks for more, and then memory and goroutines must stay flat.
var hostileRounds = flag.Int("hostile-rounds", 1, "how often every hostile receiver gets a request")

// flat is how far memory and goroutines may grow from the first rounds to the
// last, in a run that is long enough to tell.
const (
	flat    = 1.10
	longRun = 20
	// Rounds of a long run before it is measured: idle connections stay for 90 s,
	// so for so long there are more of them after every round.
	warmUp    = 70
	sendAtOne = 64
)

// TestHostile runs a server against every kind of bad receiver there is: by
// real events first, beside an endpoint that is well and must notice nothing,
// then by many requests to each, whose outcomes must be those of their rows.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("its receivers are timed to the second: under the race detector a server is too slow for them")
	}
	if *hostileRounds < longRun {
		t.Parallel()
	}
	arena := dispatchertest.NewArena(t)
	url := storetest.URL(t)
	env := []string{"OFFHOOK_DATABASE_URL=" + url, "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k"), "OFFHOOK_LOG_LEVEL=warn",
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8", "OFFHOOK_WEBHOOK_DNS_SERVER=" + arena.DNS,
		"SSL_CERT_FILE=" + arena.CAFile}
	key := strings.TrimSpace(runOffhook(t, env, "keys", "create", "--role", "admin").stdout)
	env[2] = "OFFHOOK_LOG_LEVEL=info" // startServer waits for the line that it serves
	h := &hostile{t: t, arena: arena, server: startServer(t, env), failed: map[string]string{}}
	h.rest = newRESTClient("http://"+h.server.address, key)

	h.realEvents()
	endpoints := h.register([]string{"task.finished"}) // which never comes: they get what we send
	warm := 1
	if *hostileRounds >= longRun {
		warm = warmUp
	}
	for n := range warm {
		h.round(endpoints, n)
	}
	before := h.measure()
	for n := range *hostileRounds {
		h.round(endpoints, warm+n)
	}
	after := h.measure()
	code, logs := h.server.stop()
	if code != exitDone || strings.Contains(logs, "panic") || strings.Contains(logs, "Unsolicited") {
		t.Errorf("the server ends with %d:\n%s", code, logs)
	}
	h.everythingIsOnRecord(url)
	if len(h.failed) > 0 {
		t.Logf("the log of the server:\n%s", logs)
	}
	for row, problem := range h.failed {
		t.Errorf("%s: %s", row, problem)
	}
	rss, goroutines := after.rss/before.rss, after.goroutines/before.goroutines
	if *hostileRounds >= longRun && (rss > flat || goroutines > flat) {
		t.Errorf("from %+v to %+v in %d rounds", before, after, *hostileRounds)
	}
	verdicts = append(verdicts, fmt.Sprintf("hostile rows=%d failed=%d rss_ratio=%.3f goroutine_ratio=%.3f",
		len(arena.Rows), len(h.failed), rss, goroutines))
}

// hostile is a server among hostile receivers.
type hostile struct {
	t      *testing.T
	arena  *dispatchertest.Arena
	server *runningServer
	rest   *restClient

	endpoints [][]string // ids in the order of the rows, of each time that they were registered

	mu     sync.Mutex
	failed map[string]string // the first problem of a row
}

func (h *hostile) fail(row, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed[row] == "" {
		h.failed[row] = problem
	}
}

// register makes an endpoint of every row, and returns their ids in the order
// of the rows.
func (h *hostile) register(events []string) []string {
	ids := make([]string, len(h.arena.Rows))
	h.each(func(i int, row *dispatchertest.Row) {
		var made struct{ ID string }
		err := h.rest.post(h.t.Context(), "/v1/endpoints", map[string]any{
			"url": row.URL + "/hook", "timeout": 1, "ordering": "none", "max_in_flight": 1, "events": events, "description": row.Name}, &made)
		if err != nil {
			h.fail(row.Name, err.Error())
		}
		ids[i] = made.ID
	})
	h.endpoints = append(h.endpoints, ids)
	return ids
}

// each does something for all rows, many at a time.
func (h *hostile) each(do func(i int, row *dispatchertest.Row)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, sendAtOne)
	for i := range h.arena.Rows {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			do(i, &h.arena.Rows[i])
		})
	}
	group.Wait()
}

// realEvents lets calls come in while every row is subscribed. The endpoint that
// is well gets everything once, in order and soon; every row gets a try with the
// outcome of its kind.
func (h *hostile) realEvents() {
	t := h.t
	well := newReceiver("", 0, time.Now)
	target := httptest.NewServer(receiverHandler(well, newReceiptPrinter(io.Discard, true), 0))
	t.Cleanup(target.Close)
	ids := h.register(nil)
	_, secret, err := h.rest.registerEndpoint(t.Context(), target.URL+"/")
	if err != nil {
		t.Fatal(err)
	}
	well.setSecret(secret)
	queue := openShortQueue(t, h.rest)
	const calls = 10
	for i := range calls {
		var joined any
		err := h.rest.post(t.Context(), fmt.Sprintf("/v1/queues/%d/attempts", queue), map[string]string{"destination": fmt.Sprint("+1202555010", i)}, &joined)
		if err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for s := well.snapshot(); s.ByType["attempt.leaving"] < calls; s = well.snapshot() {
		if time.Now().After(deadline) {
			t.Fatalf("the endpoint that is well got %+v", s)
		}
		<-time.After(20 * time.Millisecond)
	}
	if s := well.snapshot(); s.Misordered+s.Rejected+s.Repeated > 0 || s.Attempts != calls {
		t.Errorf("the endpoint that is well got %+v", s)
	}
	h.each(func(i int, row *dispatchertest.Row) {
		var tries struct {
			Data []struct{ Outcome dispatcher.Outcome }
		}
		for len(tries.Data) == 0 {
			if err := h.rest.call(t.Context(), "GET", "/v1/endpoints/"+ids[i]+"/tries", nil, &tries); err != nil {
				h.fail(row.Name, err.Error())
				return
			}
			if time.Now().After(deadline) {
				h.fail(row.Name, "no try of a real event in 30 s")
				return
			}
			<-time.After(50 * time.Millisecond)
		}
		for _, try := range tries.Data {
			if !row.Allows(try.Outcome) {
				h.fail(row.Name, fmt.Sprintf("a real event ends with %s", try.Outcome))
			}
		}
		// Quietly first: what comes of a deletion amid requests is another test.
		if err := h.rest.post(t.Context(), "/v1/endpoints/"+ids[i]+"/disable", struct{}{}, nil); err != nil {
			h.fail(row.Name, err.Error())
		}
	})
	h.drained()
	h.each(func(i int, row *dispatchertest.Row) {
		if err := h.rest.remove(t.Context(), "/v1/endpoints/"+ids[i]); err != nil {
			h.fail(row.Name, err.Error())
		}
	})
}

// drained waits until the receivers see nothing more.
func (h *hostile) drained() {
	for last, now := int64(-1), int64(0); last != now; {
		last, now = now, 0
		<-time.After(1500 * time.Millisecond) // longer than a request may take
		for i := range h.arena.Rows {
			if seen := h.arena.Rows[i].Seen; seen != nil {
				now += seen.Load()
			}
		}
	}
}

// round sends one request to every row and judges what came of it.
func (h *hostile) round(endpoints []string, n int) {
	h.each(func(i int, row *dispatchertest.Row) {
		var shown struct {
			Outcome dispatcher.Outcome
			Status  *int
			Error   *string
		}
		if err := h.rest.post(h.t.Context(), "/v1/endpoints/"+endpoints[i]+"/test", struct{}{}, &shown); err != nil {
			h.fail(row.Name, err.Error())
			return
		}
		try := dispatcher.Try{Outcome: shown.Outcome}
		if shown.Status != nil {
			try.Status = *shown.Status
		}
		if shown.Error != nil {
			try.Error = *shown.Error
		}
		if !row.Allows(try.Outcome) || try.Status != 0 && try.Status != row.Status {
			h.fail(row.Name, fmt.Sprintf("round %d: %s with status %d (%s), want %v with %d", n, try.Outcome, try.Status, try.Error, row.Want, row.Status))
		}
	})
}

// size is how large a server is.
type size struct{ rss, goroutines float64 }

// measure waits until the number of goroutines stands still.
func (h *hostile) measure() size {
	h.t.Helper()
	var last size
	for still := 0; still < 3; {
		<-time.After(200 * time.Millisecond)
		now := h.scrape()
		if still++; now.goroutines != last.goroutines {
			still = 0
		}
		last = now
	}
	return last
}

func (h *hostile) scrape() (s size) {
	for line := range strings.Lines(get(h.t, h.server, h.rest.key, "/metrics")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		x, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "process_resident_memory_bytes":
			s.rss = x
		case "go_goroutines":
			s.goroutines = x
		}
	}
	if s.rss == 0 || s.goroutines == 0 {
		h.t.Fatal("the metrics do not say how large the server is")
	}
	return s
}

// everythingIsOnRecord compares what the receivers saw with the table of tries,
// once the server has ended.
func (h *hostile) everythingIsOnRecord(url string) {
	pool, err := store.Open(context.Background(), store.Config{URL: url, MaxConns: 4})
	if err != nil {
		h.t.Fatal(err)
	}
	defer pool.Close()
	d := store.NewDelivery(store.New(pool), nil)
	h.each(func(i int, row *dispatchertest.Row) {
		recorded := 0
		for _, ids := range h.endpoints {
			filter := store.TryFilter{Limit: 1000}
			for page := 1000; page == filter.Limit; {
				tries, err := d.Tries(context.Background(), dispatcher.Ref{DomainID: firstDomain, EndpointID: ids[i]}, filter)
				if err != nil {
					h.fail(row.Name, err.Error())
					return
				}
				if page = len(tries); page > 0 {
					filter.Before = store.CursorOf(tries[page-1])
				}
				recorded += page
			}
		}
		if row.Seen != nil && int(row.Seen.Load()) > recorded {
			h.fail(row.Name, fmt.Sprintf("%d requests came, %d are on record", row.Seen.Load(), recorded))
		}
	})
}

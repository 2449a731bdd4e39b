package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/schollz/progressbar/v3"
)

// make crash runs the long forms; the short ones are tests like any other.
var (
	crashRounds = flag.Int("rounds", len(faults), "how often TestCrash breaks something")
	crashSeed   = flag.Uint64("seed", 0, "seed of TestCrash and TestOrderUnderFire; 0 = a new one")
	orderSize   = flag.Int("attempts", 400, "attempts of TestOrderUnderFire")
)

// verdicts are printed when all tests are done, so that they come last.
var verdicts []string

// crashRandom says by which seed a run can be repeated: which faults, where and
// how long between them. The instants at which they strike are the machine's.
func crashRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *crashSeed
	for seed == 0 {
		seed = rand.Uint64() >> 32
	}
	t.Logf("SEED=%d", seed)
	if isLongRun() {
		fmt.Fprintf(os.Stderr, "%s: SEED=%d\n", t.Name(), seed)
	}
	return rand.New(rand.NewPCG(seed, 0))
}

func isLongRun() bool {
	return *crashRounds > 2*len(faults) || *hostileRounds >= longRun || *readingFolder != ""
}

// retrySchedule has room for many failures, soon one after the other.
func retrySchedule() []int {
	waits := make([]int, 24)
	for i := range waits {
		waits[i] = 1
	}
	return waits
}

// subscribe registers a witness.
func subscribe(t *testing.T, rest *restClient, fail float64, settings map[string]any) *subscriber {
	t.Helper()
	s := &subscriber{witness: newWitness(t, fail)}
	var made struct{ ID, Secret string }
	settings["url"], settings["schedule"] = s.server.URL+"/", retrySchedule()
	if err := rest.post(t.Context(), "/v1/endpoints", settings, &made); err != nil {
		t.Fatal(err)
	}
	s.endpoint = made.ID
	s.setSecret(made.Secret)
	return s
}

// TestCrash breaks and mends a site of three replicas under load, again and
// again, while receivers fail and one of them recovers what it has seen. What was
// acknowledged is stored and done, what is stored arrives in order, and every
// request that a receiver saw is on record.
func TestCrash(t *testing.T) {
	t.Parallel()
	site := newCrashSite(t, crashRandom(t), true)
	key := adminKey(t, site.replicas[0].env)
	site.up()
	clients := site.clients(key)
	var subscribers []*subscriber
	for _, s := range []struct {
		fail      float64
		orderWait int
	}{{0.05, 0}, {0.10, 5}, {0.20, 60}} {
		subscribers = append(subscribers, subscribe(t, clients[0], s.fail, map[string]any{"order_wait": s.orderWait}))
	}
	l := &load{rest: clients, queue: openShortQueue(t, clients[0]), rate: 50, acked: map[int64]bool{}, ended: map[int64]bool{}}
	ctx, stopLoad := context.WithCancel(t.Context())
	defer stopLoad()
	calling := start(func() error { l.run(ctx); return nil })

	began := time.Now()
	struck := map[string]int{}
	var recoveries []string
	tell := progressOf(t, *crashRounds)
	for i, f := range site.deck(*crashRounds) {
		site.rest(200*time.Millisecond, 1500*time.Millisecond)
		tell(i, f.name)
		if i%3 == 0 {
			if task := recoverLate(ctx, clients[i/3%len(clients)], subscribers[1].endpoint); task != "" {
				recoveries = append(recoveries, task)
			}
		}
		f.strike(site)
		site.up()
		struck[f.name]++
	}
	site.rest(300*time.Millisecond, 300*time.Millisecond)
	took := time.Since(began)
	stopLoad()
	_ = calling.wait()

	in := newInspector(t, site.url)
	found := findings{lost: in.settle(subscribers, 3*time.Minute)}
	site.standing()
	found.lost += in.acknowledged(l)
	found.lost += tasksDone(t, clients[0], recoveries, time.Minute)
	tries, repeated := 0, 0
	for _, s := range subscribers {
		f, n := in.judge(s)
		found.unrecorded += f.unrecorded
		found.misordered += f.misordered
		tries += n
		repeated += s.snapshot().Repeated
	}
	if len(recoveries) == 0 {
		t.Error("no recovery was begun")
	}
	if least := *crashRounds * l.rate / 10; len(l.acked) < least {
		t.Errorf("only %d joins were acknowledged", len(l.acked))
	}
	t.Logf("%d rounds in %v: %v", *crashRounds, took.Round(time.Second), struck)
	t.Logf("%d joins acknowledged, %d events, %d tries on record, %d requests for an event that had been asked for before, %d recoveries",
		len(l.acked), len(in.log), tries, repeated, len(recoveries))
	verdicts = append(verdicts, fmt.Sprintf("crash rounds=%d %v", *crashRounds, found))
}

// progressOf returns what shows how far a long run is: a bar on a terminal, a
// line now and then elsewhere, nothing in a short run.
func progressOf(t *testing.T, rounds int) func(round int, what string) {
	t.Helper()
	if !isLongRun() {
		return func(round int, what string) { t.Logf("round %d: %s", round+1, what) }
	}
	if !isTerminal(os.Stderr) {
		return func(round int, what string) {
			if (round+1)%10 == 0 {
				fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, rounds, what)
			}
		}
	}
	bar := progressbar.NewOptions(rounds, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionShowCount())
	return func(_ int, what string) {
		bar.Describe(fmt.Sprintf("%-32s", what))
		_ = bar.Add(1) // a terminal that is gone shows nothing
	}
}

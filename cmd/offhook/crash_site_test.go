package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

// crashSite is what is broken and mended: a Postgres that keeps what it
// acknowledged, and replicas of the server, each a process.
type crashSite struct {
	t        *testing.T
	rnd      *rand.Rand
	folder   string
	postgres *localpg.Server
	url      string
	replicas []*crashReplica
}

type crashReplica struct {
	env     []string
	args    []string
	running *runningServer // nil while it is down
}

// newCrashSite starts Postgres and, with commands, two servers that do
// everything and one that only delivers; else three that only deliver.
func newCrashSite(t *testing.T, rnd *rand.Rand, commands bool) *crashSite {
	t.Helper()
	s := &crashSite{t: t, rnd: rnd, folder: passableTempDir(t)}
	t.Cleanup(func() {
		if err := s.postgres.Stop(); err != nil {
			t.Errorf("stop Postgres: %v", err)
		}
		if err := localpg.Remove(s.folder); err != nil {
			t.Error(err)
		}
	})
	s.startPostgres()
	s.url = s.postgres.URL("postgres")
	shared := []string{"OFFHOOK_DATABASE_URL=" + s.url, "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k"),
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8"}
	for i := range 3 {
		r := &crashReplica{env: append([]string{"OFFHOOK_LISTEN=" + steadyAddress(t), fmt.Sprint("OFFHOOK_INSTANCE=", i)}, shared...)}
		if !commands || i == 2 {
			r.args = []string{"--role", "dispatch"}
		}
		s.replicas = append(s.replicas, r)
	}
	return s
}

// steadyAddress is one that a replica can take again after it was down: outside
// the range from which the system gives ports to connections.
func steadyAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port between 10000 and 30000")
	return ""
}

func (s *crashSite) startPostgres() {
	s.t.Helper()
	server, err := localpg.Start(s.t.Context(), localpg.Options{DataDir: s.folder, Durable: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.postgres = server
}

// up starts the replicas that are down.
func (s *crashSite) up() {
	s.t.Helper()
	for _, r := range s.replicas {
		if r.running == nil {
			r.running = startServer(s.t, r.env, r.args...)
		}
	}
}

// standing tells of replicas that have ended by themselves.
func (s *crashSite) standing() {
	s.t.Helper()
	for i, r := range s.replicas {
		if r.running == nil {
			continue
		}
		select {
		case logs := <-r.running.logs:
			_ = r.running.cmd.Wait()
			lines := strings.Split(strings.TrimSpace(logs), "\n")
			s.t.Errorf("replica %d has ended by itself (%v):\n%s", i, r.running.cmd.ProcessState, strings.Join(lines[max(0, len(lines)-100):], "\n"))
			r.running = nil
		default:
		}
	}
}

// clients returns a client of each replica that takes commands.
func (s *crashSite) clients(key string) (all []*restClient) {
	for _, r := range s.replicas {
		if len(r.args) == 0 {
			c := newRESTClient("http://"+strings.TrimPrefix(r.env[0], "OFFHOOK_LISTEN="), key)
			c.http.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
			all = append(all, c)
		}
	}
	return all
}

// rest waits a random while.
func (s *crashSite) rest(least, most time.Duration) {
	<-time.After(least + time.Duration(s.rnd.Int64N(int64(most-least)+1)))
}

// kill ends replicas without a word.
func (s *crashSite) kill(which ...int) {
	for _, i := range which {
		_ = s.replicas[i].running.cmd.Process.Kill()
	}
	for _, i := range which {
		r := s.replicas[i]
		<-r.running.logs
		_ = r.running.cmd.Wait()
		r.running = nil
	}
}

// fault is one way to break a site and mend it.
type fault struct {
	name   string
	weight int // how often, among the others
	strike func(*crashSite)
}

var faults = []fault{
	{"one replica killed", 40, func(s *crashSite) { s.kill(s.rnd.IntN(3)); s.rest(0, 1500*time.Millisecond) }},
	{"two replicas killed", 12, func(s *crashSite) { s.kill(s.rnd.Perm(3)[:2]...); s.rest(0, time.Second) }},
	{"all replicas killed", 16, func(s *crashSite) { s.kill(0, 1, 2) }},
	{"one replica stopped", 10, func(s *crashSite) { s.terminate(s.rnd.IntN(3)) }},
	{"Postgres killed", 10, func(s *crashSite) { s.killPostgres(); s.startPostgres() }},
	{"Postgres restarted", 8, func(s *crashSite) { s.stopPostgres(); s.startPostgres() }},
	{"Postgres killed with a replica", 4, func(s *crashSite) { s.killPostgres(); s.kill(s.rnd.IntN(3)); s.startPostgres() }},
}

// Rare ones, because they take long.
var (
	longStop = fault{"Postgres stopped for 30 s", 0, func(s *crashSite) {
		s.stopPostgres()
		<-time.After(30 * time.Second)
		s.startPostgres()
	}}
	hang = fault{"one replica hangs for 9 s", 0, func(s *crashSite) { s.hang(s.rnd.IntN(3), 9*time.Second) }}
)

// deck returns which faults strike, in which order.
func (s *crashSite) deck(rounds int) []fault {
	var weighted []fault
	for _, f := range faults {
		for range f.weight {
			weighted = append(weighted, f)
		}
	}
	out := make([]fault, rounds)
	for i := range out {
		if out[i] = weighted[s.rnd.IntN(len(weighted))]; rounds <= 2*len(faults) {
			out[i] = faults[i%len(faults)] // a short run shows each kind
		}
	}
	places := s.rnd.Perm(rounds)
	for i := range min(3, rounds/30) {
		out[places[2*i]], out[places[2*i+1]] = longStop, hang
	}
	return out
}

// terminate asks a replica to end, and waits for it.
func (s *crashSite) terminate(i int) {
	r := s.replicas[i]
	if code, logs := r.running.stop(); code != exitDone {
		s.t.Errorf("a replica that is told to stop ends with %d:\n%s", code, logs)
	}
	r.running = nil
}

// hang halts a replica for longer than its leases last, so that it wakes up with
// endpoints that others deliver to.
func (s *crashSite) hang(i int, d time.Duration) {
	process := s.replicas[i].running.cmd.Process
	_ = process.Signal(syscall.SIGSTOP)
	<-time.After(d)
	_ = process.Signal(syscall.SIGCONT)
}

func (s *crashSite) stopPostgres() {
	s.t.Helper()
	if err := s.postgres.Stop(); err != nil {
		s.t.Fatal(err)
	}
}

// killPostgres kills the server process; its backends end as they notice.
func (s *crashSite) killPostgres() {
	s.t.Helper()
	process, err := os.FindProcess(s.postgres.PID())
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.stopPostgres()
}

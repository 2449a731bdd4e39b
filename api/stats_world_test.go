package api_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/api/asterisk"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/sim"
	"github.com/offhook/offhook/store"
)

// past is a domain whose desk lives in virtual time, on the database of a site.
type past struct {
	site   *site
	domain int64
	desk   *desk.Desk
	key    string // an analyst's
	errors int    // refusals

	mu     sync.Mutex
	at     time.Time
	centre *sim.Centre // nil = nobody looks
	unseen []queue.Event
}

func newPast(s *site, domain int64, at time.Time) *past {
	s.t.Helper()
	if _, err := s.pool.Exec(s.t.Context(), `INSERT INTO domains (id, name) VALUES ($1, $2)`, domain, fmt.Sprint("past ", domain)); err != nil {
		s.t.Fatal(err)
	}
	p := &past{site: s, domain: domain, at: at, key: s.key(domain, store.RoleAnalyst)}
	p.desk = desk.New(s.store.DeskLog(domain), desk.Config{
		Now: p.now, Logger: s.cfg.Logger, Lists: s.store.DeskLists(domain), Zones: time.LoadLocation,
		OnCommit: func(events []queue.Event, _ desk.Head) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.unseen = append(p.unseen, events...)
		},
	})
	s.background(p.desk.Run)
	return p
}

func (p *past) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// runOn moves the clock on to the instant, and never back.
func (p *past) runOn(to time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = later(p.at, to)
	return p.at
}

// do runs time on to the instant and carries the commands out. Refusals are
// counted.
func (p *past) do(at time.Time, cmds ...queue.Command) []desk.Answer {
	p.site.t.Helper()
	p.runOn(at)
	answers, err := p.desk.DoAll(p.site.t.Context(), append([]queue.Command{queue.Tick{}}, cmds...))
	if err != nil {
		p.site.t.Fatal(err)
	}
	for _, a := range answers {
		if a.Err != nil {
			p.errors++
		}
	}
	if p.centre != nil {
		p.mu.Lock()
		events := p.unseen
		p.unseen = nil
		p.mu.Unlock()
		p.centre.Observe(events)
	}
	return answers[1:]
}

func (p *past) deadline() (due time.Time, ok bool) {
	p.site.t.Helper()
	if err := p.desk.Read(p.site.t.Context(), func(e *queue.Engine) { due, ok = e.NextDeadline() }); err != nil {
		p.site.t.Fatal(err)
	}
	return due, ok
}

// runTo carries out every deadline up to the instant, each at its time.
func (p *past) runTo(at time.Time) {
	for {
		due, ok := p.deadline()
		if !ok || due.After(at) {
			return
		}
		p.do(due)
	}
}

// replay feeds a recording of the adapter's test data at its own times.
func (p *past) replay(file string) {
	p.site.t.Helper()
	f, err := os.Open(file)
	fatal(p.site.t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	fatal(p.site.t, err)
	player := asterisk.NewPlayer("", p.now())
	fatal(p.site.t, player.Load(z))
	for {
		next, err := player.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		fatal(p.site.t, err)
		p.runTo(next.At)
		p.do(next.At, next.Cmd)
	}
	for _, cmd := range player.End() {
		p.do(cmd.At, cmd.Cmd)
	}
	p.do(player.Now(), player.Closing())
}

// simulate lets a contact centre with queues of every type have a day: a rush
// every three hours, over the end of the hour. Some callers are still inside at
// the end.
func (p *past) simulate(seed uint64, length time.Duration) {
	p.site.t.Helper()
	queues := sim.Queues()
	for i := range queues {
		q := &queues[i]
		// Events do not say when a person was told from a machine; see
		// TestDroppedCountsFromThePerson.
		q.AMD = q.Type == queue.IVR
		q.ID = p.do(p.now(), queue.SaveQueue{Queue: *q})[0].Result.Changed[0].(*queue.Queue).ID
	}
	agents := sim.Agents(queues)
	for i := range agents {
		agents[i].ID = p.do(p.now(), queue.SaveAgent{Agent: agents[i]})[0].Result.Changed[0].(*queue.Agent).ID
	}
	closed := queue.DefaultQueue(0, "closed", queue.Inbound)
	closed.Enabled = false
	closed.ID = p.do(p.now(), queue.SaveQueue{Queue: closed})[0].Result.Changed[0].(*queue.Queue).ID
	number := "+12025550123"
	p.probe()
	end := p.now().Add(length)
	for rush := p.now().Add(time.Hour - rushLength/2); rush.Before(end); rush = rush.Add(3 * time.Hour) {
		p.runTo(rush)
		p.do(rush, queue.Join{QueueID: closed.ID, Destination: &number})
		members := p.list(sim.Members(queues, 8*time.Second, 1))
		p.centre = sim.New(seed, sim.Config{Queues: queues, Agents: agents, Members: members, Length: rushLength})
		seed++
		p.centre.Open(p.runOn(rush))
		p.rush(queues, rush.Add(rushLength))
	}
}

// probe dials with every way to fail that the figures tell apart, by cause and by
// code alone, and has machines and people answer who find nobody.
func (p *past) probe() {
	p.site.t.Helper()
	q := queue.DefaultQueue(0, "probe", queue.IVR)
	q.AMD = true
	q.ID = p.do(p.now(), queue.SaveQueue{Queue: q})[0].Result.Changed[0].(*queue.Queue).ID
	ends := []queue.SwitchReport{{Cause: "ORIGINATOR_CANCEL", SIPCode: 487}, {Cause: "CALL_REJECTED", SIPCode: 486}}
	for _, cause := range []queue.Cause{
		"USER_BUSY", "NO_ANSWER", "NO_USER_RESPONSE", "UNALLOCATED_NUMBER", "NUMBER_CHANGED", "INVALID_NUMBER_FORMAT", "NORMAL_CIRCUIT_CONGESTION",
		"NETWORK_OUT_OF_ORDER", "DESTINATION_OUT_OF_ORDER", "SUBSCRIBER_ABSENT",
	} {
		ends = append(ends, queue.SwitchReport{Cause: cause})
	}
	for _, code := range []int{404, 408, 410, 480, 484, 486, 487, 500, 503, 599, 600, 603, 604} {
		ends = append(ends, queue.SwitchReport{SIPCode: code})
	}
	at := p.now()
	for i := range 2*len(ends) + 9 {
		at = at.Add(1501 * time.Millisecond)
		dialled := p.do(at, queue.Dial{QueueID: q.ID, Destination: fmt.Sprintf("+1202555%04d", i)})[0]
		if dialled.Err != nil {
			p.site.t.Fatal(dialled.Err)
		}
		id := dialled.Result.Attempt.ID
		end := queue.SwitchReport{}
		if i < len(ends) {
			end = ends[i]
		} else {
			answered := queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchAnswered}
			amd := queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchAMD, AMDResult: []string{"HUMAN", "MACHINE", "NOTSURE", "CANCEL"}[i%4]}
			p.do(at.Add(100*time.Millisecond), answered)
			if i%3 > 0 {
				p.do(at.Add(1200*time.Millisecond), amd)
			}
		}
		end.AttemptID, end.Leg, end.Event = id, queue.LegMember, queue.SwitchEnded
		at = at.Add(1300 * time.Millisecond)
		p.do(at, end)
	}
}

const rushLength = 10 * time.Second

func (p *past) rush(queues []queue.Queue, end time.Time) {
	p.site.t.Helper()
	for turn := 0; ; turn++ {
		due, ok := p.centre.NextDue()
		if deadline, running := p.deadline(); running && (!ok || deadline.Before(due)) {
			due, ok = deadline, true
		}
		if !ok || due.After(end) {
			return
		}
		if turn%20 == 0 {
			for i := range queues {
				if queues[i].Type.Outbound() {
					p.desk.Refill(queues[i].ID)
				}
			}
		}
		at := p.now()
		if due.After(at) {
			at = due.Truncate(100 * time.Millisecond).Add(100 * time.Millisecond)
		}
		p.do(at, p.centre.Due(at)...)
	}
}

// list adds the members to their queues and returns them with their ids.
func (p *past) list(members []queue.Member) []queue.Member {
	p.site.t.Helper()
	for len(members) > 0 && members[0].ID == 0 {
		n := slices.IndexFunc(members, func(m queue.Member) bool { return m.QueueID != members[0].QueueID || m.ID != 0 })
		if n < 0 {
			n = len(members)
		}
		in := store.Intake{QueueID: members[0].QueueID, OnDuplicate: store.DuplicateKeep}
		for i := range members[:n] {
			in.Members = append(in.Members, store.Incoming{Member: &members[i]})
		}
		settled, err := p.site.store.AddMembers(p.site.t.Context(), p.domain, in, store.By{At: p.now()})
		fatal(p.site.t, err)
		var made []queue.Member
		for _, x := range settled {
			made = append(made, *x.Member)
		}
		members = append(slices.Clone(members[n:]), made...)
	}
	return members
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

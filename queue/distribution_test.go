package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCallback: the overflow makes a member of the caller, ready since he came,
// whom the list's queue dials before those who were ready later.
func TestCallback(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.e.Stock(5000, 5001)
	back := c.queue("back", Preview, func(q *Queue) { q.Buckets = []Bucket{{Name: "vip", Priority: 3}} })
	sales := c.queue("sales", Inbound, func(q *Queue) {
		q.Buckets = []Bucket{{Name: "vip"}}
		q.Variables = map[string]string{"line": "1"}
		q.Overflow = []OverflowStep{{AfterSec: 30, Action: CallBack, QueueID: back}}
	})
	number, name, anna := "+12025550101", "Smith", c.agent("Anna")
	join := Join{QueueID: sales, Destination: &number, MemberName: &name, Priority: 4, Bucket: "vip", StickyAgentID: &anna, Variables: map[string]string{"id": "7"}}
	c.at(10)
	first := c.do(join).Attempt.ID
	c.now = at(40)
	res := c.do(Tick{})
	i := slices.IndexFunc(res.Changed, func(r Record) bool { _, ok := r.(*Member); return ok })
	if i < 0 {
		t.Fatalf("nobody was put on the list: %v", c.story(first))
	}
	want := &Member{
		ID: 5000, QueueID: back, Name: &name, Numbers: []Number{{Number: number}}, Priority: 4, Bucket: "vip",
		Variables: map[string]string{"line": "1", "id": "7"}, StickyAgentID: &anna, CreatedAt: at(40), ReadyAt: at(10), RetryRule: ByCallback,
	}
	if diff := cmp.Diff(want, res.Changed[i]); diff != "" {
		t.Errorf("the member (-want +got):\n%s", diff)
	}
	c.wantStory(first, "joined", "leaving abandoned callback NORMAL_CLEARING")

	second := c.do(join).Attempt.ID // there is no id for him, until there is
	c.at(75)
	c.wantStory(second, "joined")
	c.e.Stock(5001, 5010)
	c.at(80)
	c.wantStory(second, "joined", "leaving abandoned callback NORMAL_CLEARING")
}

// TestPlacesAreBounded: a queue keeps the most recent places, one for an address,
// and what it has let go is told to the store.
func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	e := New(Domain{ID: 1})
	q := DefaultQueue(1, "sales", Inbound)
	q.ResumeSec = 3600
	e.Put(&q)
	id, now := int64(10), epoch
	giveUp := func(number string) []Record {
		t.Helper()
		id++
		now = now.Add(time.Millisecond)
		if _, err := e.Step(now, Join{AttemptID: id, QueueID: 1, Destination: &number}); err != nil {
			t.Fatal(err)
		}
		res, err := e.Step(now, SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchEnded})
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(res.Changed, func(r Record) bool { _, ok := r.(*Place); return !ok })
	}
	for i := range maxPlaces {
		if got := giveUp(fmt.Sprint(i)); len(got) != 1 || got[0].(*Place).Taken {
			t.Fatalf("the %dth gives %+v", i, got)
		}
	}
	got := giveUp("one more")
	if len(got) != 2 || !got[0].(*Place).Taken || got[0].(*Place).Destination != "0" || got[1].(*Place).Taken {
		t.Errorf("one more lets the first go: %+v", got)
	}
	places := &e.queues[1].places
	if len(places.of) != maxPlaces || places.until.size != maxPlaces {
		t.Errorf("%d places, %d indexed, want %d", len(places.of), places.until.size, maxPlaces)
	}
	now = now.Add(2 * time.Hour)
	if got := giveUp("tomorrow"); len(got) != 1 || len(places.of) != 1 {
		t.Errorf("what is over goes by itself: %+v, %d left", got, len(places.of))
	}
}

// TestRandomIsFair: nobody is offered much more than his share, whoever else is
// free.
func TestRandomIsFair(t *testing.T) {
	t.Parallel()
	e := New(Domain{ID: 1})
	q := DefaultQueue(1, "sales", Inbound)
	q.Strategy = Random
	e.Put(&q)
	const agents, calls = 7, 7000
	for i := range int64(agents) {
		e.Put(&Agent{ID: i + 1, Name: fmt.Sprint(i), Queues: []int64{1}}, &AgentState{AgentID: i + 1, Status: StatusOnline})
	}
	shares, in := map[int64]int{}, map[bool]int{}
	last := int64(0)
	for id := range int64(calls) {
		res, err := e.Step(epoch, Join{AttemptID: 100 + id, QueueID: 1, Destination: &someone})
		if err != nil || len(res.Attempt.Offers) != 1 {
			t.Fatal(err, res.Attempt)
		}
		agent := res.Attempt.Offers[0].Agent.ID
		shares[agent]++
		in[agent == last]++
		last = agent
		if _, err := e.Step(epoch, Cancel{AttemptID: 100 + id}); err != nil {
			t.Fatal(err)
		}
	}
	for id := range int64(agents) {
		if n := shares[id+1]; n < 850 || n > 1150 { // 5 standard deviations
			t.Errorf("agent %d was offered %d of %d calls: %v", id+1, n, calls, shares)
		}
	}
	if in[true] < 850 || in[true] > 1150 {
		t.Errorf("the same agent twice in a row %d times of %d", in[true], calls)
	}
}

// TestTalkIsCounted: what is counted for today is the agent's own part: after an
// attended transfer each has his, and a call that is cancelled counts, too.
func TestTalkIsCounted(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Inbound, func(q *Queue) { q.UseProcessing = false })
	anna, boris := c.agent("Anna", q), c.agent("Boris", q)
	id := c.join(q, "+12025550101")
	c.do(Accept{AttemptID: id, AgentID: anna, Bridged: true})
	c.at(30)
	c.do(Transfer{AttemptID: id, ToAgentID: boris, Attended: true})
	c.at(50)
	c.do(Cancel{AttemptID: id})
	for agent, want := range map[int64]ChannelState{
		anna:  {Day: day(epoch), Calls: 1, TalkMs: 30_000},
		boris: {Day: day(epoch), Calls: 1, TalkMs: 20_000},
	} {
		_, st := c.e.Agent(agent)
		got := st.Channels[channelIndex(ChannelCall)]
		if got.Day != want.Day || got.Calls != want.Calls || got.TalkMs != want.TalkMs {
			t.Errorf("agent %d: %+v, want %+v", agent, got, want)
		}
	}
	c.at(24 * 3600)
	id = c.join(q, "+12025550102")
	c.do(Accept{AttemptID: id, AgentID: anna, Bridged: true})
	if _, st := c.e.Agent(anna); st.Channels[0].Calls != 1 || st.Channels[0].TalkMs != 0 || st.Channels[0].Day != day(epoch)+1 {
		t.Errorf("a new day begins at nothing: %+v", st.Channels[0])
	}
}

// TestQueuesTakeTurns: attempts of several queues that become ready in one step
// go by the priority of their queues, then by who came first.
func TestQueuesTakeTurns(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	var queues []int64
	for i, priority := range []int{0, 0, 5} {
		queues = append(queues, c.queue(fmt.Sprint("q", i), Inbound, func(q *Queue) {
			q.Priority, q.UseProcessing, q.Overflow = priority, false, []OverflowStep{{AfterSec: 60, Action: AddLevel}}
			q.MaxLevel, q.Skills = 0, []QueueSkill{{Name: "german"}}
		}))
	}
	a := c.do(SaveAgent{Agent: Agent{Name: "Anna", Skills: []AgentSkill{{Name: "german", Level: 1, Enabled: true}}}})
	anna := a.Changed[0].(*Agent).ID
	c.do(SetAgentStatus{AgentID: anna, Status: StatusOnline})
	c.at(0.3)
	later := c.join(queues[0], "+12025550101")
	c.at(0.5)
	others := []int64{c.join(queues[1], "+12025550102"), c.join(queues[2], "+12025550103")}
	c.now = at(61) // all three steps come in one
	c.do(Tick{})
	for _, id := range []int64{others[1], later, others[0]} {
		_, st := c.e.Agent(anna)
		if got := st.Channels[0].Slots[0].AttemptID; got != id {
			t.Fatalf("attempt %d is offered, want %d", got, id)
		}
		c.do(Cancel{AttemptID: id})
	}
}

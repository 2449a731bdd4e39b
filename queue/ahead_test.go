package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/queue/pacing"
)

// experienced returns a queue whose pacer has seen so many people, and a centre
// with a hopper for it.
func experienced(t *testing.T, people, agents int) (*centre, int64) {
	t.Helper()
	c := newCentre(t)
	q := c.queue("sales", Predictive)
	p := c.e.queues[q].pace
	for i := range people {
		for range 4 {
			p.LineEnded(c.now, 25*time.Second, pacing.NoAnswer)
		}
		p.LineEnded(c.now, 8*time.Second, pacing.Live)
		p.PersonDone(c.now, pacing.Person{Agents: agents, Bridged: true})
		p.TalkEnded(time.Minute + time.Duration(i%30)*time.Second)
		p.WrapUpEnded(0)
	}
	c.e.Stock(5000, 9000)
	for i := range agents {
		c.agent(fmt.Sprint("agent ", i), q)
	}
	return c, q
}

func (c *centre) load(q int64, first, n int) {
	c.t.Helper()
	var members []*Member
	for i := range n {
		id := int64(first + i)
		members = append(members, &Member{ID: id, QueueID: q, Edition: 1, Numbers: []Number{{Number: fmt.Sprint("+1202555", id)}}})
	}
	c.do(Load{QueueID: q, Members: members})
}

// TestPredictiveDialsAhead: with experience more members are dialled than agents
// are free, and without it one for each.
func TestPredictiveDialsAhead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		people int
		mode   pacing.Mode
	}{{10, pacing.Learning}, {200, pacing.Predictive}} {
		c, q := experienced(t, test.people, 10)
		c.load(q, 1000, 200)
		for range 10 {
			c.at(c.now.Sub(epoch).Seconds() + 1)
		}
		report, _ := c.e.Pacing(q, c.now)
		if ahead := report.Flying > 10; report.Decision.Mode != test.mode || ahead != (test.mode == pacing.Predictive) || report.Flying < 10 {
			t.Errorf("after %d people %d lines fly for 10 agents, mode %s", test.people, report.Flying, report.Decision.Mode)
		}
	}
}

// TestPacedForOneQueue: two predictive queues do not count on the same agent.
func TestPacedForOneQueue(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	low, high := c.queue("low", Predictive), c.queue("high", Predictive, func(q *Queue) { q.Priority = 5 })
	anna := c.agent("Anna", low, high)
	c.e.Stock(5000, 9000)
	c.do(SetAgentStatus{AgentID: anna, Status: StatusPause})
	c.load(low, 1000, 5)
	c.load(high, 2000, 5)
	c.do(SetAgentStatus{AgentID: anna, Status: StatusOnline})
	c.at(5)
	first, _ := c.e.Pacing(high, c.now)
	second, _ := c.e.Pacing(low, c.now)
	if first.Flying != 1 || second.Flying != 0 {
		t.Errorf("for one agent %d and %d lines fly", first.Flying, second.Flying)
	}
}

package sim

import (
	"fmt"
	"time"

	"github.com/offhook/offhook/queue"
)

// Dialler is a room of agents whose queue calls the members of a list that does
// not end. Like a [Floor] it runs the engine itself in virtual time; its agents
// always answer.
type Dialler struct {
	// Type is progressive, predictive or preview.
	Type   queue.Type
	Agents int
	// Seed decides everything that looks like chance.
	Seed uint64
	// Live is the share of the calls that a person answers. Of the others the
	// share Machines is answered by a machine, the share Failing fails at once,
	// and the rest rings out.
	Live, Machines, Failing float64
	// A person answers between AnswerFrom and AnswerTo after the dialling; a
	// machine holds the line for MachineLine until it is recognised, a call that
	// fails for FailLine, and one that nobody answers for RingOut.
	AnswerFrom, AnswerTo, MachineLine, FailLine, RingOut time.Duration
	Talk                                                 Dist
	// Ring is how long an agent's phone rings, or a preview takes, before he
	// accepts; WrapUpSec the seconds he needs after each call.
	Ring      time.Duration
	WrapUpSec int
	// Patience is how long a person waits for an agent before the call is
	// dropped.
	Patience time.Duration
	// PerAgent is how many members a progressive queue dials for one agent.
	PerAgent int
	// Law is how drops are counted and, in a predictive queue, held down; nil =
	// the engine's preset.
	Law *queue.Law
	// From and To bound what is measured; before From the dialler warms up.
	From, To time.Duration
}

// Typical returns a dialler with the lines and talks of docs/pacing.md: of 100
// calls 20 reach a person.
func Typical(t queue.Type, agents int) Dialler {
	return Dialler{
		Type: t, Agents: agents, Seed: 1, Live: 0.2, Machines: 0.3, Failing: 0.15,
		AnswerFrom: 5 * time.Second, AnswerTo: 15 * time.Second, MachineLine: 18500 * time.Millisecond,
		FailLine: 3 * time.Second, RingOut: 25 * time.Second,
		Talk:      Dist{Shape: LogNormal, Mean: 120 * time.Second, CV: 0.8},
		WrapUpSec: 20, Patience: 2 * time.Second, PerAgent: 1,
		From: time.Hour, To: 9 * time.Hour,
	}
}

// What can happen to a dialled call, in the order in which things of one
// millisecond happen.
const (
	hangsUp happening = iota
	agentTakes
	lineFails
	ringsOut
	machineKnown
	personAnswers
)

// dialled is a call of the dialler.
type dialled struct {
	no        int64 // of the attempt: chance is drawn by it
	agent     int64
	personAt  int64 // milliseconds; -1 = nobody yet
	bridgedAt int64
	dialAt    int64
}

// run is a dialler at work.
type run struct {
	d      Dialler
	dice   dice
	engine *queue.Engine
	agenda moments
	calls  map[int64]*dialled
	next   int64 // the last member's id
	now    int64
	busy   int64
	isBusy []bool
	tally  DialTally
}

// firstMember and firstAttempt keep the ids of members, and those of attempts,
// apart from queue and agents.
const (
	firstMember  = 1 << 40
	firstAttempt = 1 << 20
)

// Run lets the dialler work until To and returns what was counted. Each, if not
// nil, is told now and then how much time has passed; an error of its own ends
// the run. Any other error says that the engine refused a command, a fault of
// the program.
func (d Dialler) Run(each func(passed time.Duration) error) (DialTally, error) {
	if err := d.check(); err != nil {
		return DialTally{}, err
	}
	r := &run{
		d: d, dice: dice{d.Seed}, calls: map[int64]*dialled{}, isBusy: make([]bool, d.Agents+1), next: firstMember,
		engine: queue.New(queue.Domain{ID: 1, Namespace: queue.UUID{0x5f}}),
	}
	if err := r.open(); err != nil {
		return DialTally{}, err
	}
	quarter := (15 * time.Minute).Milliseconds()
	for told := int64(0); ; {
		more, err := r.step()
		if err != nil {
			return DialTally{}, err
		}
		if !more {
			break
		}
		if each != nil && r.now-told >= quarter {
			told = r.now
			if err := each(time.Duration(r.now) * time.Millisecond); err != nil {
				return DialTally{}, err
			}
		}
	}
	r.tally.IntervalMS, r.tally.Agents = (d.To - d.From).Milliseconds(), int64(d.Agents)
	if report, paced := r.engine.Pacing(theQueue, r.at()); paced {
		r.tally.Held = report.Decision.Held
	}
	return r.tally, nil
}

func (d Dialler) check() error {
	switch {
	case d.Type != queue.Progressive && d.Type != queue.Predictive && d.Type != queue.Preview:
		return fmt.Errorf("open the dialler: %q is no type that dials for agents", d.Type)
	case d.Agents < 1 || d.WrapUpSec < 0 || d.Ring < 0 || d.From < 0 || d.To <= d.From || d.To > longest:
		return fmt.Errorf("open the dialler: %d agents, from %v to %v cannot be", d.Agents, d.From, d.To)
	case !(d.Live >= 0 && d.Machines >= 0 && d.Failing >= 0 && d.Live <= 1 && d.Machines+d.Failing <= 1):
		return fmt.Errorf("open the dialler: shares of %v, %v and %v cannot be", d.Live, d.Machines, d.Failing)
	case d.AnswerFrom <= 0 || d.AnswerTo < d.AnswerFrom || d.MachineLine <= 0 || d.FailLine <= 0 || d.RingOut <= 0:
		return fmt.Errorf("open the dialler: a line takes time")
	}
	return nil
}

func (r *run) at() time.Time { return firstDay.Add(time.Duration(r.now) * time.Millisecond) }

// open sets the engine up.
func (r *run) open() error {
	q := queue.DefaultQueue(theQueue, "list", r.d.Type)
	q.UseProcessing, q.WrapUpSec = false, r.d.WrapUpSec
	q.OfferTimeoutSec, q.BridgeTimeoutSec, q.MaxTalkSec, q.MaxWaitSec = longestSec, longestSec, longestSec, longestSec
	q.OriginateTimeoutSec, q.AMD, q.AMDTotalAnalysisMs = 600, true, 60_000
	q.ProgressiveCount = max(1, r.d.PerAgent)
	q.RetryAbandonedSec = 0
	if r.d.Law != nil {
		q.Pacing = r.d.Law
	}
	if err := r.do(queue.SaveQueue{Queue: q}); err != nil {
		return err
	}
	r.engine.Stock(firstAttempt, firstMember)
	for id := int64(1); id <= int64(r.d.Agents); id++ {
		a := queue.Agent{ID: id, Name: "agent", Queues: []int64{theQueue}}
		if err := r.do(queue.SaveAgent{Agent: a}); err != nil {
			return err
		}
		if err := r.do(queue.SetAgentStatus{AgentID: id, Status: queue.StatusOnline}); err != nil {
			return err
		}
	}
	return r.refill()
}

// refill hands the engine more of the list whenever it wants some.
func (r *run) refill() error {
	for _, want := range r.engine.Wants(r.at()) {
		members := make([]*queue.Member, want.Limit)
		for i := range members {
			r.next++
			members[i] = &queue.Member{
				ID: r.next, QueueID: theQueue, Edition: 1,
				Numbers: []queue.Number{{Number: fmt.Sprintf("+1%d", r.next)}},
			}
		}
		if err := r.do(queue.Load{QueueID: theQueue, Members: members}); err != nil {
			return err
		}
	}
	return nil
}

// step lets the next thing happen; false when the time is over.
func (r *run) step() (bool, error) {
	end := r.d.To.Milliseconds()
	due := end
	if deadline, ok := r.engine.NextDeadline(); ok {
		due = min(due, deadline.Sub(firstDay).Milliseconds())
	}
	if len(r.agenda) > 0 && r.agenda[0].at <= due {
		m := r.agenda.pop()
		r.pass(m.at)
		if err := r.happen(m); err != nil {
			return false, err
		}
		return true, r.refill()
	}
	r.pass(due)
	if due >= end {
		return false, nil
	}
	if err := r.do(queue.Tick{}); err != nil {
		return false, err
	}
	return true, r.refill()
}

// pass moves the clock, and with it the integral of the agents' work.
func (r *run) pass(now int64) {
	from := max(r.now, r.d.From.Milliseconds())
	if from < now {
		r.tally.BusyMS += r.busy * (now - from)
	}
	r.now = now
}

// happen carries a moment out, unless the call has left.
func (r *run) happen(m moment) error {
	c := r.calls[m.attempt]
	if c == nil {
		return nil
	}
	report := func(leg queue.Leg, what queue.SwitchEvent) queue.SwitchReport {
		return queue.SwitchReport{AttemptID: m.attempt, Leg: leg, Event: what}
	}
	switch m.what {
	case hangsUp:
		if c.bridgedAt >= 0 && m.at < c.bridgedAt+r.talkOf(c) {
			return nil // his patience ended, but he talks
		}
		return r.do(report(queue.LegMember, queue.SwitchEnded))
	case agentTakes:
		bridged := r.d.Type != queue.Preview
		return r.do(queue.Accept{AttemptID: m.attempt, AgentID: c.agent, Bridged: bridged})
	case lineFails, ringsOut:
		end := report(queue.LegMember, queue.SwitchEnded)
		end.Cause = queue.CauseNoAnswer
		if m.what == lineFails {
			end.Cause = queue.Cause("UNALLOCATED_NUMBER")
		}
		return r.do(end)
	case machineKnown:
		if r.d.Type == queue.Preview { // the agent hears it himself
			return r.do(report(queue.LegMember, queue.SwitchEnded))
		}
		amd := report(queue.LegMember, queue.SwitchAMD)
		amd.AMDResult = queue.AMDMachine
		return r.do(amd)
	default:
		return r.answer(m.attempt, c)
	}
}

// answer: a person is on the line.
func (r *run) answer(id int64, c *dialled) error {
	c.personAt = r.now
	if r.counts(c.dialAt) {
		r.tally.Persons++
	}
	r.agenda.push(moment{at: r.now + r.d.Patience.Milliseconds(), what: hangsUp, attempt: id})
	if r.d.Type == queue.Preview {
		if err := r.do(queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchAnswered}); err != nil {
			return err
		}
		return r.do(queue.SwitchReport{AttemptID: id, Event: queue.SwitchBridged})
	}
	return r.do(queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchAMD, AMDResult: queue.AMDHuman})
}

func (r *run) talkOf(c *dialled) int64 { return r.d.Talk.draw(r.dice, "talk", c.no).Milliseconds() }

// counts reports whether a call that was dialled at the millisecond is measured.
func (r *run) counts(dialAt int64) bool { return dialAt >= r.d.From.Milliseconds() }

// do has the engine carry out a command and takes in what it caused.
func (r *run) do(cmd queue.Command) error {
	res, err := r.engine.Step(r.at(), cmd)
	if err != nil {
		return fmt.Errorf("step %T: %w", cmd, err)
	}
	for i := range res.Events {
		if ev := &res.Events[i]; ev.Ext != nil || ev.Type == queue.EventSwitchDial {
			r.moved(ev)
		}
	}
	for _, rec := range res.Changed {
		if st, ok := rec.(*queue.AgentState); ok {
			r.worked(st)
		}
	}
	return nil
}

// worked counts the agents who ring, talk or wrap up. One for whom a member is
// only dialled is idle.
func (r *run) worked(st *queue.AgentState) {
	call := &st.Channels[0]
	busy := call.Block != ""
	for i := range call.Slots {
		busy = busy || call.Slots[i].State != queue.AgentReserved
	}
	if busy != r.isBusy[st.AgentID] {
		r.isBusy[st.AgentID] = busy
		if busy {
			r.busy++
		} else {
			r.busy--
		}
	}
}

// moved takes in an event of an attempt.
func (r *run) moved(ev *queue.Event) {
	c := r.calls[ev.AttemptID]
	switch ev.Type {
	case queue.EventJoined:
		r.calls[ev.AttemptID] = &dialled{no: ev.AttemptID, personAt: -1, bridgedAt: -1}
	case queue.EventSwitchDial:
		c.dialAt = r.now
		if r.counts(r.now) {
			r.tally.Lines++
		}
		r.agenda.push(r.fate(ev.AttemptID, c))
	case queue.EventOffering:
		c.agent = *ev.Listed.AgentID
		r.agenda.push(moment{at: r.now + r.d.Ring.Milliseconds(), what: agentTakes, attempt: ev.AttemptID})
	case queue.EventBridged:
		c.bridgedAt = r.now
		r.agenda.push(moment{at: r.now + r.talkOf(c), what: hangsUp, attempt: ev.AttemptID})
	case queue.EventLeaving:
		delete(r.calls, ev.AttemptID)
		r.left(c, ev)
	}
}

// fate decides what becomes of a line.
func (r *run) fate(id int64, c *dialled) moment {
	after := func(what happening, d time.Duration) moment {
		return moment{at: r.now + d.Milliseconds(), what: what, attempt: id}
	}
	if r.dice.share("live", c.no, 0) < r.d.Live {
		return after(personAnswers, r.dice.between(r.d.AnswerFrom, r.d.AnswerTo, "answer", c.no, 0))
	}
	switch x := r.dice.share("else", c.no, 0); {
	case x < r.d.Machines:
		return after(machineKnown, r.d.MachineLine)
	case x < r.d.Machines+r.d.Failing:
		return after(lineFails, r.d.FailLine)
	default:
		return after(ringsOut, r.d.RingOut)
	}
}

// left writes a call into the books.
func (r *run) left(c *dialled, ev *queue.Event) {
	if c.personAt < 0 || !r.counts(c.dialAt) {
		return
	}
	wait := r.now - c.personAt
	if c.bridgedAt >= 0 {
		wait = c.bridgedAt - c.personAt
	}
	r.tally.WaitMS += wait
	r.tally.LongestMS = max(r.tally.LongestMS, wait)
	if c.bridgedAt < 0 || wait > r.d.Patience.Milliseconds() {
		r.tally.Dropped++
	} else {
		r.tally.Connected++
		r.tally.TalkMS += ev.Ext.EndedAt.Sub(ev.Ext.BridgedAt).Milliseconds()
	}
}

package queue

import (
	"time"

	"github.com/offhook/offhook/queue/pacing"
)

// Pace is what a queue that dials ahead of its agents has learned of its calls,
// and the books of who was dropped (engine.md B.14): the stored state of its
// pacer, with the decision made last.
type Pace struct {
	QueueID int64        `json:"queue_id"`
	State   pacing.State `json:"state"`
	// DecidedAt is the second for which lines were last decided, and Decision
	// what was decided; zero in a progressive queue, which only keeps the books.
	DecidedAt time.Time       `json:"decided_at,omitzero"`
	Decision  pacing.Decision `json:"decision,omitzero"`
}

// Law is how a queue may dial ahead of its agents, and by which rules dropped
// calls are counted.
type Law = pacing.Settings

// paced types dial members before an agent is there for each, so that a person
// may be dropped: the law counts those.
func (t Type) paced() bool { return t == Predictive || t == Progressive }

// pace is a queue's pacer at work.
type pace struct {
	*pacing.Pacer
	at       time.Time // of the last decision
	decision pacing.Decision
	left     int  // lines that the decision still allows
	shared   bool // some of the agents serve another predictive queue, too
	dirty    bool
}

// law returns the settings of the queue's pacer, which have been validated.
func (q *Queue) law() pacing.Settings {
	if q.Pacing == nil {
		return pacing.US()
	}
	return *q.Pacing
}

// setPace gives the queue a pacer that goes on where st ends.
func (q *queueState) setPace(st pacing.State) {
	p, err := pacing.New(q.cfg.law(), st)
	if err != nil {
		panic(err) // see law
	}
	q.pace = &pace{Pacer: p}
}

// keepPace gives a queue its pacer, or its pacer the settings that changed.
func (q *queueState) keepPace() {
	switch {
	case !q.cfg.Type.paced():
		q.pace = nil
	case q.pace == nil:
		q.setPace(pacing.NewState())
	default:
		if err := q.pace.SetSettings(q.cfg.law()); err != nil {
			panic(err) // see law
		}
	}
}

// pacerOf returns the pacer of the attempt's queue, which is about to be told
// something; nil where there is none.
func (s *step) pacerOf(a *attempt) *pace {
	if !a.Queue.Type.paced() {
		return nil
	}
	q := s.queueOf(a)
	s.touchPace(q)
	return q.pace
}

// touchPace marks what the queue has learned as changed by this step.
func (s *step) touchPace(q *queueState) {
	if !q.pace.dirty {
		q.pace.dirty = true
		s.paced = append(s.paced, q)
	}
}

// personAnswered: somebody who is there for an agent is on the line.
func (s *step) personAnswered(a *attempt) {
	p := s.pacerOf(a)
	if p == nil {
		return
	}
	a.PersonAt = s.when(a)
	p.LineEnded(s.now, a.PersonAt.Sub(a.DialAt), pacing.Live)
}

// personConnected: he has an agent, in time or late.
func (s *step) personConnected(a *attempt) {
	if a.PersonAt.IsZero() {
		return
	}
	q := s.queueOf(a)
	if p := s.pacerOf(a); p != nil {
		late := a.BridgedAt.Sub(a.PersonAt) > p.Settings().Threshold()
		p.PersonDone(s.now, pacing.Person{Agents: q.online, Late: late, Bridged: true})
	}
}

// lineLeft tells the pacer how the attempt that leaves ended: how its line did,
// whether a person found nobody, or how long its agent was kept.
func (s *step) lineLeft(a *attempt) {
	switch {
	case !a.Queue.Type.paced() || a.DialAt.IsZero():
	case !a.BridgedAt.IsZero():
		p := s.pacerOf(a)
		p.TalkEnded(a.EndedAt.Sub(a.BridgedAt))
		p.WrapUpEnded(a.LeavingAt.Sub(a.EndedAt) + time.Duration(s.wrapUp(a))*time.Second)
	case !a.PersonAt.IsZero():
		q, p := s.queueOf(a), s.pacerOf(a)
		late := a.EndedAt.Sub(a.PersonAt) >= p.Settings().Threshold()
		p.PersonDone(s.now, pacing.Person{Agents: q.online, Late: late})
	default:
		if how, known := a.lineEnding(); known {
			s.pacerOf(a).LineEnded(s.now, a.EndedAt.Sub(a.DialAt), how)
		}
	}
}

// lineEnding says how a line that brought no person ended; false when the engine
// cut it itself, which says nothing of the numbers.
func (a *attempt) lineEnding() (pacing.Ending, bool) {
	switch a.ResultReason {
	case ReasonMachine, ReasonAMDNotSure:
		return pacing.Machine, true
	case ReasonBusy, ReasonNoAnswer, ReasonRejected, ReasonUnreachable, ReasonAMDCancel:
		return pacing.NoAnswer, true
	case ReasonBadNumber, ReasonNetwork, ReasonBarred:
		return pacing.Failed, true
	default:
		return 0, false
	}
}

// paceRecord returns what is stored of the queue's pacer.
func (q *queueState) paceRecord() *Pace {
	return &Pace{QueueID: q.cfg.ID, State: q.pace.State(), DecidedAt: q.pace.at, Decision: q.pace.decision}
}

// putPace takes over what another engine has learned.
func (e *Engine) putPace(r *Pace) {
	if q := e.queues[r.QueueID]; q != nil && q.cfg.Type.paced() {
		q.setPace(r.State)
		q.pace.at, q.pace.decision = r.DecidedAt, r.Decision
	}
}

// PaceReport is what a queue's pacing looks like at one instant: the last
// decision and the shares of dropped calls with the numbers that prove them.
type PaceReport struct {
	DecidedAt time.Time
	Decision  pacing.Decision
	Rates     pacing.Rates
	// Flying is how many lines are being dialled or examined.
	Flying int
}

// Pacing reports on the queue at the instant at; false when nothing is paced in it.
func (e *Engine) Pacing(queueID int64, at time.Time) (PaceReport, bool) {
	q := e.queues[queueID]
	if q == nil || q.pace == nil {
		return PaceReport{}, false
	}
	return PaceReport{
		DecidedAt: q.pace.at, Decision: q.pace.decision, Rates: q.pace.Rates(at), Flying: len(e.flying(q, at)),
	}, true
}

// flying are the ages of the queue's lines that have brought nobody yet.
func (e *Engine) flying(q *queueState, now time.Time) []time.Duration {
	var ages []time.Duration
	for _, id := range sortedIDs(q.open) {
		if a := e.attempts[id]; a.State == StateDialing {
			ages = append(ages, now.Sub(a.DialAt))
		}
	}
	return ages
}

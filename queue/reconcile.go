package queue

import (
	"slices"
	"time"
)

// unknownNet is how old a call of which its switch has said nothing may become
// before it is missed in the switch's lists (engine.md B.10, 21).
const unknownNet = 60 * time.Second

// reconcile closes the attempts whose call the switch no longer has (engine.md
// B.10, 21). What happened since it made its lists is not in them.
func (s *step) reconcile(c Reconcile) error {
	asked := notAfter(c.At, s.now)
	live := make(map[string]bool, len(c.Live))
	for _, channel := range c.Live {
		live[channel] = true
	}
	for _, id := range sortedIDs(s.e.queues) {
		q := s.e.queues[id]
		external := q.cfg.Distribution == DistributionExternal
		if !external && (!c.Engine || q.cfg.Type.Channel() != ChannelCall) || c.Queues != nil && !slices.Contains(c.Queues, q.cfg.Name) {
			continue
		}
		for _, attemptID := range sortedIDs(q.open) {
			a := s.e.attempts[attemptID]
			if a == nil || a.State == StateProcessing || a.LastAt.After(asked) { // or another one's end has closed it
				continue
			}
			s.at = asked
			switch {
			case !a.external():
				s.reconcileOwn(a, c.Lost, live)
			case a.MemberChannelID != nil && live[*a.MemberChannelID]:
			case c.Lost:
				s.recover(a)
			default:
				s.memberEnded(a, SwitchReport{})
			}
		}
	}
	return nil
}

// reconcileOwn compares a call that the engine distributes.
func (s *step) reconcileOwn(a *attempt, lost bool, live map[string]bool) {
	switch {
	case !a.hasMemberLeg(): // not dialled yet
	case live[*a.MemberChannelID]:
		// An id that we made need not be the one that the agent's leg has.
		known := a.AgentChannel != s.e.domain.derive("agent_leg", a.ID, a.Accepted).String() && a.Transfers == 0
		if a.State == StateBridged && a.AgentChannel != "" && known && !live[a.AgentChannel] && a.RejoinUntil.IsZero() {
			s.ended = a.AgentChannel
			s.agentHungUp(a, SwitchReport{})
		}
	case lost || !s.known(a) && s.at.Sub(a.DialAt) >= unknownNet:
		if a.Agent != nil && a.AgentChannel != "" {
			s.orderHangup(a, LegAgent, a.accepted(), CauseSystemShutdown)
		}
		s.recover(a)
	case s.known(a):
		s.memberEnded(a, SwitchReport{})
	}
}

// known reports whether the switch has told of the member's leg: it brought the
// call, or said that it rings or was answered.
func (s *step) known(a *attempt) bool {
	ours := *a.MemberChannelID == s.e.domain.derive("member_leg", a.ID, 0).String()
	return !ours || !a.MemberRingingAt.IsZero() || a.Queue.Type.Outbound() && !a.MemberAnsweredAt.IsZero() || !a.BridgedAt.IsZero()
}

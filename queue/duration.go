package queue

import "time"

// durations returns call_bill_sec, call_duration and call_voice_sec at the
// instant t (engine.md B.3): whole seconds, cut off, never negative, nil where
// the formula has no beginning. They stop growing when the member leg ended.
func (a *Attempt) durations(t time.Time) (bill, duration, voice *int64) {
	if a.Channel() != ChannelCall {
		return nil, nil, nil
	}
	if !a.EndedAt.IsZero() {
		t = a.EndedAt
	}
	bill = seconds(a.MemberAnsweredAt, t)
	duration = seconds(a.DialAt, t)
	if a.Queue.Type != IVR {
		voice = seconds(a.BridgedAt, t)
	}
	return bill, duration, voice
}

// waitSec returns the whole seconds from joined_at to the first of bridged_at,
// ended_at and t.
func (a *Attempt) waitSec(t time.Time) int64 {
	return *seconds(a.JoinedAt, earliest(a.BridgedAt, a.EndedAt, t))
}

func seconds(from, to time.Time) *int64 {
	if from.IsZero() {
		return nil
	}
	n := max(0, to.Sub(from).Milliseconds()/1000)
	return &n
}

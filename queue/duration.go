package queue

import "time"

// setDurations sets call_bill_sec, call_duration and call_voice_sec at the
// instant t (engine.md B.3): whole seconds, cut off, never negative, nil where
// the formula has no beginning. They stop growing when the member leg ended.
func (b *attemptBody) setDurations(a *attempt, t time.Time) {
	if a.Channel() != ChannelCall {
		return
	}
	if !a.EndedAt.IsZero() {
		t = a.EndedAt
	}
	b.listed.BillSec = setSeconds(&b.bill, a.MemberAnsweredAt, t)
	b.listed.Duration = setSeconds(&b.duration, a.DialAt, t)
	if a.Queue.Type != IVR {
		b.listed.VoiceSec = setSeconds(&b.voice, a.BridgedAt, t)
	}
}

// setSeconds returns room with the time that has passed, or nil.
func setSeconds(room *int64, from, to time.Time) *int64 {
	if from.IsZero() {
		return nil
	}
	*room = seconds(from, to)
	return room
}

// waitSec returns the whole seconds from joined_at to the first of bridged_at,
// ended_at and t.
func (a *Attempt) waitSec(t time.Time) int64 {
	return seconds(a.JoinedAt, earliest(a.BridgedAt, a.EndedAt, t))
}

func seconds(from, to time.Time) int64 { return max(0, to.Sub(from).Milliseconds()/1000) }

package store

import (
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// appendAgentState appends what an agent is doing as json.Marshal would. It is
// written by hand, unlike other records, because a call changes it three times. A
// test holds it to the struct tags.
func appendAgentState(b []byte, s *queue.AgentState) []byte {
	b = strconv.AppendInt(append(b, `{"agent_id":`...), s.AgentID, 10)
	b = appendString(append(b, `,"status":`...), string(s.Status))
	b = memberText(b, `,"reason":`, s.Reason)
	b = appendTime(append(b, `,"since":`...), s.Since)
	b = memberText(b, `,"pending":`, string(s.Pending))
	b = memberText(b, `,"pending_reason":`, s.PendingReason)
	b = append(b, `,"channels":`...)
	for i := range s.Channels {
		b = append(b, "[,"[min(i, 1)])
		b = appendChannelState(b, &s.Channels[i])
	}
	b = append(b, ']')
	b = memberNumber(b, `,"no_answers":`, int64(s.NoAnswers))
	b = memberNumber(b, `,"unreachables":`, int64(s.Unreachables))
	b = memberTime(b, `,"last_at":`, s.LastAt)
	b = memberTime(b, `,"left_at":`, s.LeftAt)
	b = memberTime(b, `,"free_since":`, s.FreeSince)
	b = memberTime(b, `,"offered_at":`, s.OfferedAt)
	b = memberNumber(b, `,"changes":`, int64(s.Changes))
	return append(b, '}')
}

// appendChannelState begins with the numbers, which are nearly always there, but
// need not be: an object may begin with nothing.
func appendChannelState(b []byte, c *queue.ChannelState) []byte {
	start := len(b)
	b = memberNumber(b, `,"day":`, c.Day)
	b = memberNumber(b, `,"calls":`, int64(c.Calls))
	b = memberNumber(b, `,"talk_ms":`, c.TalkMs)
	b = memberText(b, `,"block":`, string(c.Block))
	b = memberTime(b, `,"since":`, c.Since)
	b = memberTime(b, `,"until":`, c.Until)
	for i := range c.Slots {
		b = append(b, [...]string{`,"slots":[`, `,`}[min(i, 1)]...)
		b = appendSlot(b, &c.Slots[i])
	}
	if len(c.Slots) > 0 {
		b = append(b, ']')
	}
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{' // in place of the first comma
	return append(b, '}')
}

func appendSlot(b []byte, x *queue.Slot) []byte {
	b = strconv.AppendInt(append(b, `{"attempt_id":`...), x.AttemptID, 10)
	b = strconv.AppendInt(append(b, `,"offer_no":`...), int64(x.OfferNo), 10)
	b = appendString(append(b, `,"state":`...), string(x.State))
	b = appendTime(append(b, `,"since":`...), x.Since)
	b = memberNumber(b, `,"queue_id":`, x.QueueID)
	return append(b, '}')
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// The members of an object that are left out when they are empty; name is a
// comma, the name and a colon.

func memberText(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, name...), s)
}

func memberNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

func memberTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendTime(append(b, name...), t)
}

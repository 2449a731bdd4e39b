package queue

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// show renders an event as one line: its second, its subject, and every field
// that is not null. Legs have names of their own, so that it can be seen which
// events speak of the same one.
func (p *play) show(ev Event, whole bool) string {
	if whole {
		return string(ev.AppendJSON(nil))
	}
	line := second(ev.At) + " "
	switch {
	case ev.Listed != nil:
		return line + p.showAttempt(ev)
	case ev.Type == EventAgentState:
		return line + p.showAgent(ev)
	case ev.Type == EventAgentChanged:
		return line + p.showAgentChanged(ev)
	case ev.Type == EventJoinRejected:
		return line + p.showRejected(ev)
	case ev.Type == EventMemberExpired:
		return line + p.showExpired(ev)
	case ev.Type == EventSwitchTransfer:
		return line + p.showTransfer(ev)
	default:
		return line + p.showOrder(ev)
	}
}

// pairs collects what is not null.
type pairs struct{ strings.Builder }

func (b *pairs) add(name string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case *string:
		if v == nil {
			return
		}
		value = *v
	case *int64:
		if v == nil {
			return
		}
		value = *v
	}
	fmt.Fprintf(&b.Builder, " %s=%v", name, value)
}

func (p *play) showAttempt(ev Event) string {
	l, x := ev.Listed, ev.Ext
	var b pairs
	fmt.Fprintf(&b, "%s %d %s", p.attemptName(ev.AttemptID), ev.Sequence, ev.Type[len("attempt."):])
	if l.AgentName != nil {
		b.WriteString(" " + *l.AgentName)
	}
	if l.Result != "" {
		fmt.Fprintf(&b, " %s %s", l.Result, x.ResultReason)
	}
	if x.MissedReason != "" {
		b.WriteString(" " + string(x.MissedReason))
	}
	if ev.Type == EventJoined {
		b.add(map[bool]string{true: "to", false: "from"}[ev.Queue.Type.Outbound()], l.Destination)
		b.add("member_leg", p.leg(l.MemberChannelID))
		if l.UseProcessing {
			b.add("use_processing", "true")
		}
	}
	if x.OfferNo != 0 && ev.Type != EventLeaving {
		b.add("offer", fmt.Sprint(x.OfferNo))
	}
	b.add("agent_leg", p.leg(l.AgentChannelID))
	b.add("duration", l.Duration)
	b.add("bill", l.BillSec)
	b.add("voice", l.VoiceSec)
	if l.Cause != nil {
		fmt.Fprintf(&b, " cause=%s/%d/%s", *l.Cause, *l.SIPCode, x.SIPCodeSource)
	}
	b.add("agent_cause", string(x.AgentCause))
	b.add("amd", l.AMD)
	b.add("amd_cause", x.AMDCause)
	b.add("state", string(x.State))
	if ev.Type != EventJoined {
		b.add("wait", fmt.Sprint(x.WaitSec))
	}
	if l.AttemptSeq > 1 {
		b.add("attempt_seq", fmt.Sprint(l.AttemptSeq))
	}
	if x.ParentAttemptID != 0 {
		b.add("parent", p.attemptName(x.ParentAttemptID))
	}
	if x.ChildAttemptID != 0 {
		b.add("child", p.attemptName(x.ChildAttemptID))
	}
	if x.PreviousAgentID != 0 {
		b.add("previous", p.names[key("agent", x.PreviousAgentID)])
	}
	if !x.RetryAt.IsZero() {
		b.add("retry", second(x.RetryAt))
	}
	if !x.ProcessingDeadline.IsZero() {
		b.add("deadline", second(x.ProcessingDeadline))
	}
	return b.String() + showVariables(ev.Variables)
}

func showVariables(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	b, _ := json.Marshal(m)
	return " " + string(b)
}

func (p *play) showAgent(ev Event) string {
	var d AgentStateData
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		p.t.Fatal(err)
	}
	var b pairs
	fmt.Fprintf(&b, "%s is %s", d.AgentName, d.Status)
	b.add("reason", d.Reason)
	if d.Channel != nil {
		fmt.Fprintf(&b, " %s=%s", *d.Channel, *d.State)
	}
	b.add("since", p.instant(d.Since))
	if d.AttemptID != nil {
		b.add("attempt", p.attemptName(*d.AttemptID))
	}
	return b.String()
}

func (p *play) showOrder(ev Event) string {
	var d Order
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		p.t.Fatal(err)
	}
	var b pairs
	fmt.Fprintf(&b, "  order %s", d.Order)
	if d.Leg != nil {
		b.add("leg", string(*d.Leg))
	}
	if d.OfferNo != nil {
		b.add("offer", fmt.Sprint(*d.OfferNo))
	}
	if d.AgentID != nil {
		b.add("agent", p.names[key("agent", *d.AgentID)])
	}
	b.add("extension", d.AgentExtension)
	b.add("ref", d.AgentRef)
	b.add("agent_leg", p.leg(d.AgentChannelID))
	b.add("member_leg", p.leg(d.MemberChannelID))
	if d.Cause != nil {
		b.add("cause", string(*d.Cause))
	}
	if d.Order == "dial" {
		b.add("to", d.Destination)
		b.add("trunk", d.Trunk)
	}
	if d.AMDTotalAnalysisMs != nil {
		b.add("amd_ms", fmt.Sprint(*d.AMDTotalAnalysisMs))
	}
	if d.Deadline != nil {
		b.add("deadline", p.instant(*d.Deadline))
	}
	return b.String()
}

func (p *play) instant(rfc3339 string) string {
	t, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		p.t.Fatal(err)
	}
	return second(t)
}

// leg returns the name of a leg: what an adapter called it, or L and a number
// for an id that the engine made.
func (p *play) leg(id *string) string {
	if id == nil {
		return ""
	}
	if len(*id) != 36 {
		return *id
	}
	k := key("leg", *id)
	if p.names[k] == "" {
		p.names[k] = fmt.Sprint("L", p.count("L")+1)
	}
	return p.names[k]
}

// attemptName returns the name of an attempt, which may be seen before the
// command that makes it has returned.
func (p *play) attemptName(id int64) string {
	k := key("attempt", id)
	if p.names[k] == "" {
		p.names[k] = fmt.Sprint("a", p.count("a")+1)
		p.last = id
	}
	return p.names[k]
}

func (p *play) showAgentChanged(ev Event) string {
	var d AgentChangedData
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		p.t.Fatal(err)
	}
	var b pairs
	fmt.Fprintf(&b, "%s agent_changed %s", p.attemptName(d.AttemptID), d.AgentName)
	b.add("extension", d.AgentExtension)
	b.add("agent_leg", p.leg(&d.AgentChannelID))
	b.add("member_leg", p.leg(d.MemberChannelID))
	b.add("previous", d.PreviousAgentName)
	b.add("previous_leg", p.leg(&d.PreviousAgentChannelID))
	return b.String()
}

func (p *play) showRejected(ev Event) string {
	var d JoinRejectedData
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		p.t.Fatal(err)
	}
	var b pairs
	fmt.Fprintf(&b, "%s join_rejected %s", ev.Queue.Name, d.Code)
	b.add("channel", string(d.Channel))
	b.add("destination", d.Destination)
	b.add("name", d.MemberName)
	b.add("member", d.MemberID)
	b.add("member_leg", p.leg(d.MemberChannelID))
	if d.Test {
		b.add("test", "true")
	}
	return b.String()
}

func (p *play) showExpired(ev Event) string {
	var d MemberExpiredData
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		p.t.Fatal(err)
	}
	var b pairs
	fmt.Fprintf(&b, "%s expired %d", ev.Queue.Name, d.MemberID)
	b.add("name", d.MemberName)
	b.add("at", p.instant(d.ExpiresAt))
	b.add("attempts", fmt.Sprint(d.Attempts))
	return b.String()
}

func (p *play) showTransfer(ev Event) string {
	var d TransferOrder
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		p.t.Fatal(err)
	}
	var b pairs
	b.WriteString("  order transfer")
	b.add("member_leg", p.leg(d.MemberChannelID))
	if d.AgentID != nil {
		b.add("agent", p.names[key("agent", *d.AgentID)])
	}
	b.add("agent_leg", p.leg(d.AgentChannelID))
	if d.Attended {
		b.add("attended", "true")
	}
	b.add("to", d.To)
	if d.ToAgentID != nil {
		b.add("to_agent", p.names[key("agent", *d.ToAgentID)])
	}
	b.add("to_ref", d.ToAgentRef)
	b.add("to_leg", p.leg(d.ToChannelID))
	b.add("to_queue", d.ToQueueName)
	if d.ChildAttemptID != nil {
		b.add("child", p.attemptName(*d.ChildAttemptID))
	}
	return b.String()
}

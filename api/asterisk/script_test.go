package asterisk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/offhook/offhook/queue"
)

// epoch is the second at which scripts begin.
const epoch = 1795248351

// class says in which class of the manager interface an event is sent.
func class(event string) string {
	switch {
	case event == "VarSet":
		return "dialplan"
	case strings.HasPrefix(event, "Queue"), strings.HasPrefix(event, "Agent"):
		return "agent"
	default:
		return "call"
	}
}

// stream writes a script as the switch would send it. A line is the seconds
// since the epoch, the event, and fields; c=N stands for the block of the
// caller's channel N, d=N for that of an agent's leg, a=NAME for its member.
// Fields after these replace or follow the block's. Lines that begin with # are
// for the reader. Only events of the named classes are written; none = all.
func stream(t testing.TB, script string, classes ...string) string {
	t.Helper()
	b := []byte("Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nActionID: x-1\r\nMessage: Authentication accepted\r\n\r\n")
	for line := range strings.SplitSeq(script, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if len(words) < 2 {
			t.Fatalf("script line %q", line)
		}
		in := class(words[1])
		if len(classes) > 0 && !strings.Contains(strings.Join(classes, ","), in) {
			continue
		}
		var at float64
		fmt.Sscan(words[0], &at)
		b = fmt.Appendf(b, "Event: %s\r\nPrivilege: %s,all\r\nTimestamp: %.6f\r\nSystemName: lab1\r\n", words[1], in, epoch+at)
		for _, word := range words[2:] {
			key, value, _ := strings.Cut(word, "=")
			value = strings.ReplaceAll(value, "_", " ")
			b = appendBlock(b, key, value)
		}
		b = append(b, "\r\n"...)
	}
	return string(b)
}

func appendBlock(b []byte, key, value string) []byte {
	switch key {
	case "c", "ringing":
		state, desc := "6", "Up"
		if key == "ringing" {
			state, desc = "4", "Ring"
		}
		return fmt.Appendf(b, "Channel: SIP/trunk-%s\r\nChannelState: %s\r\nChannelStateDesc: %s\r\nCallerIDNum: 20255501%s\r\n"+
			"CallerIDName: <unknown>\r\nContext: queues\r\nExten: support\r\nPriority: 5\r\nUniqueid: u.%s\r\nLinkedid: u.%s\r\n",
			value, state, desc, value, value, value)
	case "d":
		return fmt.Appendf(b, "DestChannel: PJSIP/%s-1\r\nDestChannelState: 5\r\nDestUniqueid: u.%s\r\nDestLinkedid: u.%s\r\n", value, value, value)
	case "a":
		return fmt.Appendf(b, "Queue: support\r\nInterface: PJSIP/%s\r\nMemberName: %s\r\n", strings.ToLower(value), value)
	case "q":
		return fmt.Appendf(b, "Queue: %s\r\n", value)
	default:
		return fmt.Appendf(b, "%s: %s\r\n", key, value)
	}
}

// story tells what a recording gives, one line an attempt event:
// "2.319 missed 1 Alice timeout NO_ANSWER". Attempts are numbered from 1.
func story(t testing.TB, recording string) string {
	t.Helper()
	numbers := map[int64]int{}
	var lines []string
	for _, ev := range rehearse(t, recording) {
		l, x := ev.Listed, ev.Ext
		if l == nil {
			continue
		}
		number := func(id int64) int {
			if numbers[id] == 0 {
				numbers[id] = len(numbers) + 1
			}
			return numbers[id]
		}
		line := fmt.Sprintf("%.3f %s %d", float64(ev.At.UnixMilli()-epoch*1000)/1000,
			strings.TrimPrefix(string(ev.Type), "attempt."), number(l.AttemptID))
		if l.AgentName != nil {
			line += " " + *l.AgentName
		}
		switch ev.Type {
		case queue.EventJoined:
			line += " " + ev.Queue.Name
			if x.ParentAttemptID != 0 {
				line += fmt.Sprint(" from ", number(x.ParentAttemptID))
			}
		case queue.EventMissed:
			line += " " + string(x.MissedReason)
			if x.AgentCause != "" {
				line += " " + string(x.AgentCause)
			}
		case queue.EventLeaving:
			line += " " + string(l.Result) + " " + string(x.ResultReason)
			if l.Cause != nil {
				line += fmt.Sprintf(" %s %d %s", *l.Cause, *l.SIPCode, x.SIPCodeSource)
			}
			if x.ChildAttemptID != 0 {
				line += fmt.Sprint(" to ", number(x.ChildAttemptID))
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

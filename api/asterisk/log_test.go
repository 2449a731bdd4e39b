package asterisk

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

func TestParseLogLine(t *testing.T) {
	t.Parallel()
	at := time.Unix(1795248488, 0).UTC()
	for _, c := range []struct {
		line string
		want LogLine
	}{
		{"1795248488|NONE|sales|Alice|PAUSE|Lunch", LogLine{at, "NONE", "sales", "Alice", "PAUSE", "Lunch"}},
		{"1795248488|NONE|NONE|NONE|CUSTOM|hello|world", LogLine{at, "NONE", "NONE", "NONE", "CUSTOM", "hello|world"}},
		{"1795248488|a.1|sales|NONE|ENTERQUEUE||2025550101|1", LogLine{at, "a.1", "sales", "NONE", "ENTERQUEUE", "|2025550101|1"}},
		{"1795248488|a.1|sales|NONE|QUEUESTART", LogLine{at, "a.1", "sales", "NONE", "QUEUESTART", ""}},
		{"1795248488.25|a.1|s|A|X|", LogLine{at.Add(250 * time.Millisecond), "a.1", "s", "A", "X", ""}},
	} {
		got, err := ParseLogLine(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.line, diff)
		}
	}
	l, _ := ParseLogLine("1795248488|a.1|sales|NONE|ENTERQUEUE||2025550101|1")
	if l.Field(0) != "" || l.Field(1) != "2025550101" || l.Field(2) != "1" || l.Field(3) != "" || l.seconds(2) != time.Second {
		t.Error("fields")
	}
	for _, bad := range []string{"", "x", "1|2|3|4", "now|a|b|c|d", "-1|a|b|c|d|", "1795248488|a|b|c||x", "1.x|a|b|c|d", "99999999999999999999|a|b|c|d"} {
		if got, err := ParseLogLine(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

// TestLogStories are the lines that no capture holds.
func TestLogStories(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, log, want string }{{
		name: "the caller gives up while a phone rings",
		log: `1795248351|u.10|support|NONE|ENTERQUEUE||2025550110|1
			1795248355|u.10|support|Alice|RINGCANCELED|3000
			1795248355|u.10|support|NONE|ABANDON|1|1|4`,
		want: `0.000 joined 1 support
			1.000 offering 1 Alice
			4.000 missed 1 Alice member_hangup
			4.000 leaving 1 abandoned member_hangup_offering NORMAL_CLEARING 200 derived`,
	}, {
		name: "a cancelled ringing before somebody else connects",
		log: `1795248351|u.10|support|NONE|ENTERQUEUE||2025550110|1
			1795248355|u.10|support|Alice|RINGCANCELED|3000
			1795248355|u.10|support|Bob|CONNECT|4|u.12|3
			1795248359|u.10|support|Bob|ATTENDEDTRANSFER|BRIDGE|b-1|4|4|1`,
		want: `0.000 joined 1 support
			1.000 offering 1 Alice
			4.000 missed 1 Alice cancelled
			4.000 offering 1 Bob
			4.000 bridged 1 Bob
			8.000 leaving 1 Bob success transferred ATTENDED_TRANSFER 200 derived`,
	}, {
		name: "key exit, withdrawal, empty queue, dumped",
		log: `1795248351|u.10|support|NONE|ENTERQUEUE||2025550110|1
			1795248352|u.20|support|NONE|ENTERQUEUE||2025550120|2
			1795248353|u.30|support|NONE|ENTERQUEUE|||3
			1795248354|u.30|support|Alice|AGENTDUMP|
			1795248355|u.10|support|NONE|EXITWITHKEY|1|1|1|4
			1795248356|u.20|support|NONE|WITHDRAW|1|2|4
			1795248357|u.30|support|NONE|EXITEMPTY|1|3|4
			1795248358|NONE|NONE|NONE|CUSTOM|hello|world
			1795248358|NONE|support|PJSIP/bob|PENALTY|4
			1795248359|u.99|support|Bob|CONNECT|4|u.12|3`,
		want: `0.000 joined 1 support
			1.000 joined 2 support
			2.000 joined 3 support
			3.000 offering 3 Alice
			3.000 missed 3 Alice declined
			4.000 leaving 1 abandoned key_exit
			5.000 leaving 2 cancel withdrawn
			6.000 leaving 3 abandoned no_agents`,
	}, {
		name: "blind transfers, into another queue and elsewhere",
		log: `1795248351|u.10|support|NONE|ENTERQUEUE||2025550110|1
			1795248352|u.10|support|Bob|CONNECT|1|u.11|1
			1795248355|u.10|support|Bob|BLINDTRANSFER|701|queues|1|3|1
			1795248356|u.10|billing|NONE|ENTERQUEUE||2025550110|1
			1795248357|u.10|billing|Eve|CONNECT|1|u.12|1
			1795248358|u.10|billing|Eve|BLINDTRANSFER|702|queues|1|1|1
			1795248358|u.20|billing|NONE|ENTERQUEUE||2025550120|1
			1795248359|u.20|billing|Eve|CONNECT|1|u.13|1
			1795248360|u.20|billing|Eve|BLINDTRANSFER|703|queues|1|1|1`,
		want: `0.000 joined 1 support
			0.000 offering 1 Bob
			1.000 bridged 1 Bob
			4.000 leaving 1 Bob success transferred BLIND_TRANSFER 200 derived to 2
			4.000 joined 2 billing from 1
			5.000 offering 2 Eve
			6.000 bridged 2 Eve
			7.000 leaving 2 Eve success transferred BLIND_TRANSFER 200 derived
			7.000 joined 3 billing
			7.000 offering 3 Eve
			8.000 bridged 3 Eve
			9.000 leaving 3 Eve success transferred BLIND_TRANSFER 200 derived`,
	}, {
		name: "the log was cut, the call joins again",
		log: `1795248351|u.10|support|NONE|ENTERQUEUE||2025550110|1
			1795248360|u.10|sales|NONE|ENTERQUEUE||2025550110|1
			1795248361|u.10|sales|Alice|RINGNOANSWER|20000
			1795248361|u.10|sales|Alice|RINGCANCELED|0`,
		want: `0.000 joined 1 support
			9.000 leaving 1 cancel withdrawn
			9.000 joined 2 sales
			9.000 offering 2 Alice
			10.000 missed 2 Alice timeout
			10.000 offering 2 Alice
			10.000 missed 2 Alice cancelled
			10.000 leaving 2 cancel recovered SYSTEM_SHUTDOWN 480 derived`,
	}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := story(t, strings.ReplaceAll(c.log, "\t", "")+"\n")
			want := strings.ReplaceAll(c.want, "\t", "")
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// statuses tells the agents' status of a recording, without their calls.
func statuses(t *testing.T, recording string) []string {
	t.Helper()
	_, cmds := play(t, recording)
	var all []string
	for _, c := range cmds {
		if s, ok := c.Cmd.(queue.SetAgentStatus); ok {
			line := s.AgentName + " " + string(s.Status)
			if s.Reason != "" {
				line += " " + s.Reason
			}
			all = append(all, line)
		}
	}
	return all
}

func TestLogMembers(t *testing.T) {
	t.Parallel()
	got := statuses(t, `1795248351|MANAGER|a|Ann|ADDMEMBER|
1795248351|MANAGER|b|Ann|ADDMEMBER|PAUSED
1795248352|NONE|NONE|Ann|PAUSEALL|tea|or coffee
1795248352|NONE|a|Ann|PAUSE|tea|or coffee
1795248353|NONE|NONE|Ann|UNPAUSEALL|
1795248353|NONE|a|Ann|UNPAUSE|
1795248354|MANAGER|a|Ann|REMOVEMEMBER|
1795248355|MANAGER|b|Ann|REMOVEMEMBER|
`)
	want := []string{"Ann online", "Ann pause tea|or coffee", "Ann online", "Ann pause", "Ann offline"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		want         []string
	}{{
		name: "paused only when paused in every queue",
		script: `
			1 QueueMemberAdded a=Ann Status=1 Paused=0
			2 QueueMemberAdded Queue=x Interface=PJSIP/ann MemberName=Ann Status=1 Paused=0
			3 QueueMemberPause a=Ann Status=1 Paused=1 PausedReason=Lunch
			4 QueueMemberPause Queue=x Interface=PJSIP/ann MemberName=Ann Status=1 Paused=1 PausedReason=Late_lunch
			5 QueueMemberStatus a=Ann Status=2 Paused=1 PausedReason=Lunch
			6 QueueMemberPause a=Ann Status=1 Paused=0`,
		want: []string{"Ann online", "Ann pause Late lunch", "Ann online"},
	}, {
		name: "a phone that cannot ring is offline, and comes back", // trap 14
		script: `
			1 QueueMemberAdded a=Ann Status=4 Paused=0
			2 QueueMemberStatus a=Ann Status=1 Paused=0
			3 QueueMemberStatus a=Ann Status=5 Paused=0
			4 QueueMemberStatus a=Ann Status=0 Paused=0
			5 QueueMemberRemoved a=Ann Status=0 Paused=0
			6 QueueMemberRemoved a=Ann Status=0 Paused=0`,
		want: []string{"Ann offline invalid", "Ann online", "Ann offline unavailable", "Ann online", "Ann offline"},
	}, {
		name: "a pause during ringing waits for its end",
		script: `
			1 QueueMemberAdded a=Ann Status=1 Paused=0
			1 QueueCallerJoin c=10 q=support
			2 AgentCalled c=10 d=11 a=Ann
			3 QueueMemberPause a=Ann Status=6 Paused=1 PausedReason=Auto-Pause
			4 QueueMemberPause a=Ann Status=6 Paused=0
			5 QueueMemberPause a=Ann Status=6 Paused=1 PausedReason=Tea
			6 AgentRingNoAnswer c=10 d=11 a=Ann RingTime=4000
			9 QueueMemberStatus a=Ann Status=1 Paused=1 PausedReason=Tea`,
		want: []string{"Ann online", "Ann pause Tea"},
	}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := statuses(t, stream(t, c.script))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

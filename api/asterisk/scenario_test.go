package asterisk

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type tale struct{ name, classes, script, want string }

// Streams for which no capture is at hand, modelled on the packets of those that
// are. Each is read as the login would see it that may read the classes named.
var stories = []tale{{
	name: "the caller gives up while a phone rings", // trap 3, 4
	script: `
		0.100 Newchannel c=10
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		3.000 HangupRequest c=10 Cause=16
		3.001 DialEnd c=10 d=11 DialStatus=CANCEL
		3.001 DialEnd c=10 d=11 DialStatus=CANCEL
		3.002 Hangup Uniqueid=u.11 Cause=0
		3.003 VarSet c=10 Variable=ABANDONED Value=TRUE
		3.004 QueueCallerAbandon c=10 q=support HoldTime=3
		3.004 QueueCallerLeave c=10 q=support
		3.005 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		3.000 missed 1 Alice member_hangup
		3.000 leaving 1 abandoned member_hangup_offering NORMAL_CLEARING 200 derived`,
}, {
	name: "the same, the phone's end is told first", // trap 11
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		3.000 DialEnd c=10 d=11 DialStatus=CANCEL
		3.001 Hangup Uniqueid=u.11 Cause=0
		3.002 QueueCallerAbandon c=10 q=support HoldTime=3
		3.003 HangupRequest c=10 Cause=16
		3.004 QueueCallerLeave c=10 q=support
		3.005 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		3.003 missed 1 Alice member_hangup
		3.003 leaving 1 abandoned member_hangup_offering NORMAL_CLEARING 200 derived`,
}, {
	name: "the same, by a login without channels", classes: "agent",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		3.000 QueueCallerAbandon c=10 q=support HoldTime=3
		3.001 QueueCallerLeave c=10 q=support`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		3.000 missed 1 Alice member_hangup
		3.000 leaving 1 abandoned member_hangup_offering NORMAL_CLEARING 200 derived`,
}, {
	name: "the abandonment is told by nothing but the channel's end",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		2.000 HangupRequest c=10 Cause=16
		2.001 Hangup c=10 Cause=16
		9.000 VarSet c=99 Variable=X Value=y`,
	want: `
		0.300 joined 1 support
		2.000 leaving 1 abandoned member_hangup_waiting NORMAL_CLEARING 200 derived`,
}, {
	name: "the caller's line breaks",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		2.000 HangupRequest c=10 Cause=38 TechCause=503
		2.001 QueueCallerAbandon c=10 q=support
		2.002 QueueCallerLeave c=10 q=support`,
	want: `
		0.300 joined 1 support
		2.000 leaving 1 abandoned member_hangup_waiting NETWORK_OUT_OF_ORDER 503 adapter`,
}, {
	name: "the caller gives up before his call is answered",
	script: `
		0.100 Newchannel ringing=10
		0.300 QueueCallerJoin ringing=10 q=support
		2.000 HangupRequest ringing=10
		2.001 QueueCallerAbandon ringing=10 q=support
		2.002 QueueCallerLeave ringing=10 q=support`,
	want: `
		0.300 joined 1 support
		2.000 leaving 1 abandoned member_hangup_waiting ORIGINATOR_CANCEL 487 derived`,
}, {
	name: "the caller leaves by a key", // s07
	script: `
		0.300 QueueCallerJoin c=10 q=support
		4.000 QueueCallerLeave c=10 q=support
		4.001 Newexten c=10
		4.100 HangupRequest c=10 Cause=16
		4.101 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		4.000 leaving 1 abandoned key_exit`,
}, {
	name: "the caller leaves by a key while a phone rings",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		4.000 DialEnd c=10 d=11 DialStatus=CANCEL
		4.001 Hangup Uniqueid=u.11 Cause=0
		4.002 QueueCallerLeave c=10 q=support
		7.000 Newexten c=10`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		4.002 missed 1 Alice cancelled
		4.002 leaving 1 abandoned key_exit`,
}, {
	name: "the same, by a login without channels", classes: "agent",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		4.002 QueueCallerLeave c=10 q=support
		7.000 QueueMemberStatus a=Alice Status=1 Paused=0`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		4.002 missed 1 Alice cancelled
		4.002 leaving 1 abandoned key_exit`,
}, {
	name: "refused: the queue is full, or has no agent", // s11, s12
	script: `
		0.100 Newchannel c=10
		0.300 VarSet c=10 Variable=QUEUESTATUS Value=FULL
		0.400 Hangup c=10 Cause=17
		1.100 Newchannel c=20
		1.300 VarSet c=20 Variable=QUEUESTATUS Value=JOINEMPTY
		1.400 Hangup c=20 Cause=17`,
}, {
	name: "put out because no agent is left", // s13
	script: `
		0.300 QueueCallerJoin c=10 q=support
		5.000 VarSet c=10 Variable=ABANDONED Value=TRUE
		5.001 QueueCallerAbandon c=10 q=support HoldTime=5
		5.002 QueueCallerLeave c=10 q=support
		5.003 VarSet c=10 Variable=QUEUESTATUS Value=LEAVEEMPTY
		5.004 SoftHangupRequest c=10 Cause=16
		5.005 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		5.001 leaving 1 abandoned no_agents`,
}, {
	name: "withdrawn by command while a phone rings", // s24
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		5.000 DialEnd c=10 d=11 DialStatus=CANCEL
		5.001 Hangup Uniqueid=u.11 Cause=0
		5.001 QueueCallerAbandon c=10 q=support HoldTime=5
		5.002 QueueCallerLeave c=10 q=support
		5.003 VarSet c=10 Variable=QUEUESTATUS Value=WITHDRAW`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		5.001 missed 1 Alice cancelled
		5.001 leaving 1 cancel withdrawn`,
}, {
	name: "the queue's timeout, its variable told first", // trap 1, 11
	script: `
		0.300 QueueCallerJoin c=10 q=support
		5.000 VarSet c=10 Variable=QUEUESTATUS Value=TIMEOUT
		5.001 QueueCallerLeave c=10 q=support
		5.002 QueueCallerAbandon c=10 q=support HoldTime=5
		5.003 SoftHangupRequest c=10 Cause=16
		5.004 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		5.001 leaving 1 abandoned max_wait`,
}, {
	name: "the queue's timeout, by a login without dialplan", classes: "agent,call",
	script: `
		0.200 Newchannel c=10
		0.300 QueueCallerJoin c=10 q=support
		5.001 QueueCallerAbandon c=10 q=support HoldTime=5
		5.002 QueueCallerLeave c=10 q=support
		5.003 SoftHangupRequest c=10 Cause=16
		5.004 Hangup c=10 Cause=16
		6.000 Newchannel c=20`,
	want: `
		0.300 joined 1 support
		5.001 leaving 1 abandoned max_wait`,
}, {
	name: "overflow from queue to queue on one channel, then twice the same",
	script: `
		0.100 Newchannel c=10
		0.300 QueueCallerJoin c=10 q=first
		5.001 QueueCallerAbandon c=10 q=first HoldTime=5
		5.002 QueueCallerLeave c=10 q=first
		5.003 VarSet c=10 Variable=QUEUESTATUS Value=TIMEOUT
		5.004 QueueCallerJoin c=10 q=second
		7.000 QueueCallerLeave c=10 q=second
		7.001 QueueCallerJoin c=10 q=second
		9.000 HangupRequest c=10 Cause=16
		9.001 QueueCallerAbandon c=10 q=second
		9.002 QueueCallerLeave c=10 q=second`,
	want: `
		0.300 joined 1 first
		5.001 leaving 1 abandoned max_wait
		5.004 joined 2 second
		7.000 leaving 2 abandoned key_exit
		7.001 joined 3 second
		9.000 leaving 3 abandoned member_hangup_waiting NORMAL_CLEARING 200 derived`,
}, {
	name: "the agent hangs up before the caller is connected, twice", // s20
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		1.500 HangupRequest Uniqueid=u.11 Cause=16
		1.501 AgentDump c=10 d=11 a=Alice
		1.502 DialEnd c=10 d=11 DialStatus=NOANSWER
		1.503 Hangup Uniqueid=u.11 Cause=16
		2.510 AgentCalled c=10 d=12 a=Alice
		3.000 DialEnd c=10 d=12 DialStatus=ANSWER
		9.501 AgentDump c=10 d=12 a=Alice
		9.503 Hangup Uniqueid=u.12 Cause=16
		9.900 HangupRequest c=10 Cause=16
		9.901 QueueCallerAbandon c=10 q=support
		9.902 QueueCallerLeave c=10 q=support`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.501 missed 1 Alice declined
		2.510 offering 1 Alice
		9.501 missed 1 Alice declined
		9.900 leaving 1 Alice abandoned member_hangup_waiting NORMAL_CLEARING 200 derived`,
}, {
	name: "the caller gives up while the agent hears the announcement",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		8.000 HangupRequest c=10 Cause=16
		8.001 QueueCallerAbandon c=10 q=support
		8.002 Hangup Uniqueid=u.11 Cause=16
		8.003 QueueCallerLeave c=10 q=support`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		8.000 missed 1 Alice member_hangup
		8.000 leaving 1 Alice abandoned member_hangup_offering NORMAL_CLEARING 200 derived`,
}, {
	name: "the reason of a refusal comes late, behind the next ringing", // trap 5
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 AgentRingNoAnswer c=10 d=11 a=Alice RingTime=1000
		1.010 AgentCalled c=10 d=12 a=Bob
		1.100 Hangup Uniqueid=u.11 Cause=17 TechCause=486
		2.000 DialEnd c=10 d=12 DialStatus=NOANSWER
		2.000 AgentRingNoAnswer c=10 d=12 a=Bob RingTime=1000
		2.201 Hangup Uniqueid=u.12 Cause=17 TechCause=486
		3.000 VarSet c=10 Variable=QUEUESTATUS Value=TIMEOUT
		3.000 QueueCallerAbandon c=10 q=support
		3.000 QueueCallerLeave c=10 q=support`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.000 missed 1 Alice busy USER_BUSY
		1.010 offering 1 Bob
		2.000 missed 1 Bob timeout
		3.000 leaving 1 abandoned max_wait`,
}, {
	name: "a SIP agent with nobody at the far end", // s43
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		6.310 AgentRingNoAnswer c=10 d=11 a=Alice RingTime=6000
		6.311 DialEnd c=10 d=11 DialStatus=NOANSWER
		6.312 DialEnd c=10 d=11 DialStatus=CANCEL
		6.313 Hangup Uniqueid=u.11 Cause=0
		7.310 AgentCalled c=10 d=12 a=Alice
		9.000 HangupRequest Uniqueid=u.12 Cause=18 TechCause=408
		9.001 DialEnd c=10 d=12 DialStatus=NOANSWER
		9.001 AgentRingNoAnswer c=10 d=12 a=Alice RingTime=2000
		9.002 Hangup Uniqueid=u.12 Cause=18 TechCause=408
		9.100 QueueCallerAbandon c=10 q=support
		9.100 QueueCallerLeave c=10 q=support
		9.101 VarSet c=10 Variable=QUEUESTATUS Value=TIMEOUT`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		6.310 missed 1 Alice timeout
		7.310 offering 1 Alice
		9.001 missed 1 Alice timeout NO_USER_RESPONSE
		9.100 leaving 1 abandoned max_wait`,
}}

func TestStories(t *testing.T) {
	t.Parallel()
	for _, s := range append(stories, talks...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var classes []string
			if s.classes != "" {
				classes = strings.Split(s.classes, ",")
			}
			got := story(t, stream(t, s.script, classes...))
			want := strings.ReplaceAll(strings.TrimSpace(s.want), "\t", "")
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefusedCallersAreCounted: callers whom the switch did not let in have no
// attempt, only a number.
func TestRefusedCallersAreCounted(t *testing.T) {
	t.Parallel()
	p, cmds := play(t, stream(t, stories[9].script))
	if got := p.Stats(); got.Refused != 2 || got.Joined != 0 || len(cmds) != 0 {
		t.Errorf("%+v, %d commands", got, len(cmds))
	}
}

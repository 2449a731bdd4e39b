package asterisk

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

// reports returns the reports of one kind that a script gives.
func reports(t *testing.T, kind queue.SwitchEvent, script string) []queue.SwitchReport {
	t.Helper()
	_, cmds := play(t, stream(t, script))
	var all []queue.SwitchReport
	for _, c := range cmds {
		if r, ok := c.Cmd.(queue.SwitchReport); ok && r.Event == kind {
			all = append(all, r)
		}
	}
	return all
}

func instant(sec float64) time.Time {
	return time.UnixMilli(epoch*1000 + int64(sec*1000)).UTC()
}

// TestJoinedFacts: what a join says of the caller.
func TestJoinedFacts(t *testing.T) {
	t.Parallel()
	got := reports(t, queue.SwitchJoined, `
		0.100 Newchannel ringing=10
		0.200 Newstate c=10
		0.300 QueueCallerJoin c=10 q=support ChanVariable=customer=77 ChanVariable=lang=en ChanVariable=odd
		# known name, another call's group, no number, not seen before, leg not answered
		0.400 QueueCallerJoin Uniqueid=u.20 Linkedid=u.10 CallerIDNum=<unknown> CallerIDName=Jo_Doe ChannelState=4 q=support`)
	jo, number, anonymous := "Jo Doe", "2025550110", "anonymous"
	want := []queue.SwitchReport{{
		Event: queue.SwitchJoined, QueueName: "support", MemberChannelID: "u.10", Destination: &number,
		At: instant(0.3), DialAt: instant(0.1), MemberAnsweredAt: instant(0.2),
		Variables: map[string]string{"customer": "77", "lang": "en"},
	}, {
		Event: queue.SwitchJoined, QueueName: "support", MemberChannelID: "u.20", Destination: &anonymous, MemberName: &jo,
		At: instant(0.4), DialAt: instant(0.4), MemberUnanswered: true,
		Variables: map[string]string{"linkedid": "u.10"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnsweredInQueue: a caller whose leg goes up while he waits, or at the
// latest when he is connected, is reported answered once.
func TestAnsweredInQueue(t *testing.T) {
	t.Parallel()
	got := reports(t, queue.SwitchAnswered, `
		0.100 Newchannel ringing=10
		0.300 QueueCallerJoin ringing=10 q=support
		0.500 Newstate c=10
		0.600 Newstate c=10
		1.300 QueueCallerJoin ringing=20 q=support
		1.400 AgentCalled ringing=20 d=21 a=Alice
		2.000 QueueCallerLeave ringing=20 q=support
		2.001 AgentConnect c=20 d=21 a=Alice HoldTime=1`)
	want := []queue.SwitchReport{
		{Event: queue.SwitchAnswered, ChannelID: "u.10", Leg: queue.LegMember, At: instant(0.5)},
		{Event: queue.SwitchAnswered, ChannelID: "u.20", Leg: queue.LegMember, At: instant(2.001)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAdvance: when no packet comes, the reader's clock lets what is held run
// out, at the instant on the stream's clock.
func TestAdvance(t *testing.T) {
	t.Parallel()
	tr := NewTranslator("")
	ours := time.Unix(5_000_000, 0) // another clock than the switch's
	var d Decoder
	err := d.Feed([]byte(stream(t, `
		0.300 QueueCallerJoin c=10 q=support
		4.000 QueueCallerLeave c=10 q=support`)), func(p Packet) error {
		tr.Packet(&p, ours)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.Take()
	for _, c := range []struct {
		after time.Duration
		cmds  int
	}{{0, 0}, {199 * time.Millisecond, 0}, {200 * time.Millisecond, 1}, {time.Minute, 0}} {
		tr.Advance(ours.Add(c.after))
		got := tr.Take()
		if len(got) != c.cmds || tr.Waiting() != (c.after < patience) {
			t.Errorf("after %v: %v", c.after, got)
		}
		if len(got) == 1 {
			r := got[0].Cmd.(queue.SwitchReport)
			if r.ResultReason != queue.ReasonKeyExit || !r.At.Equal(instant(4)) || !got[0].At.Equal(instant(4.2)) {
				t.Errorf("%+v at %v", r, got[0].At)
			}
		}
	}
	unstamped := NewTranslator("")
	unstamped.Advance(ours)
	if !unstamped.Now().Equal(ours) {
		t.Errorf("without a stamp the clock is %v", unstamped.Now())
	}
}

// TestSweep: a call whose end was never seen is forgotten after a day.
func TestSweep(t *testing.T) {
	t.Parallel()
	p, _ := play(t, stream(t, `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		0.400 QueueCallerJoin c=20 q=support
		0.410 AgentCalled c=20 d=21 a=Bob
		0.500 AgentConnect c=20 d=21 a=Bob
		86000 QueueCallerJoin c=30 q=support
		90100 QueueMemberStatus a=Alice Status=1 Paused=0`))
	if open := p.Open(); len(open) != 1 || open[0] != "u.30" || len(p.ami.legs)+len(p.ami.talks) != 0 {
		t.Errorf("open %v, legs %v, talks %v", open, p.ami.legs, p.ami.talks)
	}
}

func TestCauses(t *testing.T) {
	t.Parallel()
	for number, name := range q850 {
		if !name.Known() {
			t.Errorf("%d: %s is not in the table of causes", number, name)
		}
	}
	for _, c := range []struct {
		cause, tech string
		want        ending
		missed      queue.MissedReason
	}{
		{"17", "486", ending{"USER_BUSY", 486}, queue.MissedBusy},
		{"19", "480", ending{"NO_ANSWER", 480}, queue.MissedTimeout},
		{"21", "603", ending{"CALL_REJECTED", 603}, queue.MissedDeclined},
		{"34", "503", ending{"NORMAL_CIRCUIT_CONGESTION", 503}, queue.MissedBusy},
		{"1", "404", ending{"UNALLOCATED_NUMBER", 404}, queue.MissedFailed},
		{"18", "408", ending{"NO_USER_RESPONSE", 408}, queue.MissedTimeout},
		{"20", "", ending{"SUBSCRIBER_ABSENT", 0}, queue.MissedUnreachable},
		{"27", "502", ending{"DESTINATION_OUT_OF_ORDER", 502}, queue.MissedUnreachable},
		{"26", "", ending{queue.CauseLoseRace, 0}, queue.MissedCancelled},
		{"127", "500", ending{"INTERWORKING", 500}, queue.MissedFailed},
		{"37", "", ending{"NORMAL_UNSPECIFIED", 0}, queue.MissedFailed},
		{"17", "200", ending{"USER_BUSY", 0}, queue.MissedBusy},
		// These say nothing.
		{"0", "", ending{}, queue.MissedTimeout},
		{"16", "", ending{}, queue.MissedTimeout},
		{"16", "200", ending{}, queue.MissedTimeout},
		{"127", "", ending{}, queue.MissedTimeout},
		{"127", "487", ending{}, queue.MissedTimeout},
		{"", "", ending{}, queue.MissedTimeout},
		{"x", "486", ending{}, queue.MissedTimeout},
	} {
		p := &Packet{Fields: []Field{{"Cause", c.cause}, {"TechCause", c.tech}}}
		if got := endingOf(p); got != c.want || missedFor(got.cause) != c.missed {
			t.Errorf("%s/%s: %+v %s", c.cause, c.tech, got, missedFor(got.cause))
		}
	}
}

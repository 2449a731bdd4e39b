package asterisk

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

// rebuilt plays a script, then the two lists of a rebuild, and returns what the
// lists gave. The lists are packets divided by empty lines, in the short form
// "Event Key=value …".
func rebuilt(t *testing.T, script string, lists ...string) []queue.Command {
	t.Helper()
	tr := NewTranslator("")
	var d Decoder
	feed := func(text string) {
		t.Helper()
		if err := d.Feed([]byte(text), func(p Packet) error {
			tr.Packet(&p, time.Unix(epoch+100, 0))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	feed(stream(t, script))
	tr.Take()
	tr.Resync("q-1", "c-1")
	for _, line := range lists {
		words := strings.Fields(line)
		packet := words[0] + "\r\n"
		for _, w := range words[1:] {
			packet += strings.Replace(w, "=", ": ", 1) + "\r\n"
		}
		feed(strings.Replace(packet, "=", ": ", 1) + "\r\n")
	}
	tr.End()
	var cmds []queue.Command
	for _, c := range tr.Take() {
		cmds = append(cmds, c.Cmd)
	}
	return cmds
}

// brief renders commands shortly.
func brief(cmds []queue.Command) []string {
	var all []string
	for _, cmd := range cmds {
		switch c := cmd.(type) {
		case queue.SwitchReport:
			line := string(c.Event) + " " + c.ChannelID + c.MemberChannelID
			for _, more := range []string{c.QueueName, c.AgentRef, c.Reason, string(c.ResultReason)} {
				if more != "" {
					line += " " + more
				}
			}
			all = append(all, line)
		case queue.SetAgentStatus:
			all = append(all, c.AgentRef+" "+string(c.Status))
		case queue.Reconcile:
			all = append(all, "reconcile "+strings.Join(c.Queues, ",")+": "+strings.Join(c.Live, ","))
		}
	}
	return all
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	const (
		queues   = "Event=QueueStatusComplete ActionID=q-1"
		channels = "Event=CoreShowChannelsComplete ActionID=c-1"
		params   = "Event=QueueParams ActionID=q-1 Queue=support"
	)
	for _, c := range []struct {
		name, script string
		lists        []string
		want         []string
	}{{
		name: "nothing there", lists: []string{params, queues, channels},
		want: []string{"reconcile support: "},
	}, {
		name:   "a member who was removed, a phone that stopped ringing",
		script: "1 QueueMemberAdded a=Ann Status=1 Paused=0\n1 QueueCallerJoin c=10 q=support\n2 AgentCalled c=10 d=11 a=Ann",
		lists: []string{
			params, "Event=QueueEntry ActionID=q-1 Queue=support Uniqueid=u.10 Wait=9", queues,
			"Event=CoreShowChannel ActionID=c-1 Uniqueid=u.10 Application=Queue BridgeId=", channels,
		},
		want: []string{"missed u.10 PJSIP/ann cancelled", "PJSIP/ann offline", "reconcile support: u.10"},
	}, {
		name:   "a caller who went on into another queue, and one who left for the dialplan",
		script: "1 QueueCallerJoin c=10 q=support\n1 QueueCallerJoin c=20 q=support",
		lists: []string{
			"Event=QueueEntry ActionID=q-1 Queue=sales Uniqueid=u.10 CallerIDNum=1 Wait=3", queues,
			"Event=CoreShowChannel ActionID=c-1 Uniqueid=u.10 Application=Queue",
			"Event=CoreShowChannel ActionID=c-1 Uniqueid=u.20 Application=Playback", channels,
		},
		want: []string{"left u.10 key_exit", "joined u.10 sales", "reconcile sales,support: u.10"},
	}, {
		name: "a connection that waits behind a held miss when its call is found gone",
		script: "1 Newchannel c=10\n1 QueueCallerJoin c=10 q=support\n1 AgentCalled c=10 d=11 a=Ann\n" +
			"1 QueueCallerJoin c=20 q=support\n1 AgentCalled c=20 d=21 a=Bob\n1 AgentCalled c=20 d=22 a=Cid\n" +
			"2 AgentRingNoAnswer c=10 d=11 a=Ann\n2 AgentConnect c=20 d=22 a=Cid",
		lists: []string{
			queues, "Event=CoreShowChannel ActionID=c-1 Uniqueid=u.10 Application=Queue", channels,
		},
		want: []string{"missed u.10 PJSIP/ann timeout", "bridged u.20 PJSIP/cid", "reconcile support: u.10"},
	}, {
		name:   "the login may not list channels",
		script: "1 QueueCallerJoin c=10 q=support",
		lists: []string{
			"Response=Error ActionID=c-1 Message=Permission",
			"Event=QueueEntry ActionID=q-1 Queue=support Uniqueid=u.20 CallerIDNum=1 Wait=3", queues,
		},
		want: []string{"joined u.20 support"},
	}, {
		name:   "a caller who comes while the lists are read",
		script: "1 QueueMemberAdded Queue=support Interface=Local/7@a/n MemberName=Cid Status=1 Paused=0",
		lists: []string{
			"Event=QueueMember ActionID=q-1 Queue=support Name=Cid Location=Local/7@a/n Status=1 Paused=0", queues,
			"Event=QueueCallerJoin Uniqueid=u.30 Queue=support CallerIDNum=3",
			"Event=CoreShowChannel ActionID=c-1 Uniqueid=u.50 Application=Queue ApplicationData=vip,t BridgeId=b CallerIDNum=5",
			"Event=CoreShowChannel ActionID=c-1 Uniqueid=u.51 Channel=Local/7@a-00000003;1 Application=AppQueue BridgeId=b", channels,
		},
		want: []string{
			"joined u.30 support", "joined u.50 vip", "offered u.50 Local/7@a/n", "bridged u.50 Local/7@a/n",
			"reconcile support,vip: u.30,u.50",
		},
	}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := brief(rebuilt(t, c.script, c.lists...))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestClockDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"00:00:12": 12 * time.Second, "26:01:00": 26*time.Hour + time.Minute,
		"": -1, "12": -1, "1:2:x": -1, "-1:00:00": -1, "999999999:0:0": -1,
	} {
		got, ok := clockDuration(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

package asterisk

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

// FuzzStream reads anything as an AMI stream: no panic, no command before its
// turn, and the engine keeps its invariants whatever the switch claims.
func FuzzStream(f *testing.F) {
	f.Add([]byte(stream(f, stories[0].script)))
	f.Add([]byte("Asterisk Call Manager/1\nResponse: Follows\nx\n--END COMMAND--\n\nEvent: Hangup\nUniqueid: 1\n\n"))
	for _, s := range append(stories, talks...) {
		f.Add([]byte(stream(f, s.script)))
	}
	f.Fuzz(func(t *testing.T, input []byte) { run(t, input) })
}

// run feeds a stream to a lenient decoder, a translator and an engine.
func run(t testing.TB, input []byte) {
	d := Decoder{Lenient: true}
	tr := NewTranslator("")
	r := NewRehearsal(func(*queue.Event) error { return nil })
	now := time.Unix(epoch, 0)
	feed := func(p Packet) error {
		now = now.Add(time.Millisecond)
		tr.Packet(&p, now)
		step(t, r, tr)
		return nil
	}
	if d.Feed(input, feed) == nil {
		d.Close()
	}
	tr.End()
	step(t, r, tr)
	if len(tr.held) != 0 {
		t.Errorf("%d commands are still held at the end", len(tr.held))
	}
}

func step(t testing.TB, r *Rehearsal, tr *Translator) {
	for _, c := range tr.Take() {
		if err := r.Step(c); err != nil && !Refused(err) {
			t.Fatal(err)
		}
		if err := r.engine.Check(); err != nil {
			t.Fatalf("after %+v: %v", c.Cmd, err)
		}
	}
	if len(tr.held) > maxHeld+1 || len(tr.calls) > maxCalls || len(tr.members) > maxAgents {
		t.Fatalf("%d held, %d calls, %d members", len(tr.held), len(tr.calls), len(tr.members))
	}
}

// TestDisturbedCaptures loses, repeats and swaps packets of the captures: what is
// reported stays something an engine can carry out, with one leaving for each
// joined.
func TestDisturbedCaptures(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		if name == "s50" && testing.Short() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packets := bytes.SplitAfter(ami(t, name), []byte("\r\n\r\n"))
			rng := rand.New(rand.NewPCG(3, uint64(len(packets))))
			rounds := 20
			if name == "s50" {
				rounds = 2
			}
			for range rounds {
				var b strings.Builder
				for i := 0; i < len(packets); i++ {
					switch p := packets[i]; rng.IntN(12) {
					case 0: // lost
					case 1:
						b.Write(p)
						b.Write(p)
					case 2:
						if i+2 < len(packets) {
							b.Write(packets[i+1])
							i++
						}
						b.Write(p)
					default:
						b.Write(p)
					}
				}
				n := counts(rehearse(t, b.String()+"\r\n"))
				if n[queue.EventJoined] != n[queue.EventLeaving] {
					t.Fatalf("%v", n)
				}
			}
		})
	}
}

// FuzzLog reads anything as a queue_log.
func FuzzLog(f *testing.F) {
	f.Add("1795248351|u.10|support|NONE|ENTERQUEUE||2025550110|1\n1795248355|u.10|support|Alice|RINGCANCELED|3000\n")
	f.Add(string(readFile(f, "testdata/s15/queue_log")))
	f.Add("1|NONE|NONE|NONE|CUSTOM|hello|world\n")
	f.Fuzz(func(t *testing.T, input string) {
		tr := NewLogTranslator("")
		r := NewRehearsal(func(*queue.Event) error { return nil })
		for line := range strings.SplitSeq(input, "\n") {
			l, err := ParseLogLine(line)
			if err != nil {
				continue
			}
			tr.Line(l)
		}
		tr.End()
		for _, c := range tr.Take() {
			if err := r.Step(c); err != nil && !Refused(err) {
				t.Fatal(err)
			}
		}
		if err := r.engine.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestBounds: a switch that never finishes anything does not fill the memory.
func TestBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	t.Parallel()
	tr := NewTranslator("")
	packet := func(fields ...Field) {
		tr.Packet(&Packet{Fields: append(fields, Field{"Timestamp", "1795248351.5"})}, time.Time{})
	}
	for i := range 3 * maxHeld {
		uid := Field{"Uniqueid", string(rune('a'+i%26)) + time.Duration(i).String()}
		packet(Field{"Event", "Newchannel"}, uid)
		packet(Field{"Event", "QueueCallerJoin"}, uid, Field{"Queue", "q"})
		packet(Field{"Event", "QueueCallerLeave"}, uid) // held for its connection
	}
	if len(tr.held) > maxHeld+1 {
		t.Errorf("%d commands held", len(tr.held))
	}
	for i := range 3 * maxChannels {
		packet(Field{"Event", "Newchannel"}, Field{"Uniqueid", time.Duration(i).String()})
	}
	if n := len(tr.channels.young) + len(tr.channels.old); n > 2*maxChannels {
		t.Errorf("%d channels remembered", n)
	}
}

// TestRandomStreams throws well-formed packets of a few callers, agents and
// queues together in any order and with any delay, with a rebuild now and then.
func TestRandomStreams(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 11))
		pick := func(from ...string) string { return from[rng.IntN(len(from))] }
		tr := NewTranslator("")
		n := map[queue.EventType]int{}
		r := NewRehearsal(func(ev *queue.Event) error {
			n[ev.Type]++
			return nil
		})
		at := time.Unix(epoch, 0)
		for range 400 {
			at = at.Add(time.Duration(rng.IntN(1<<rng.IntN(10))) * time.Millisecond)
			p := Packet{Fields: []Field{
				{"Event", pick("QueueCallerJoin", "QueueCallerJoin", "AgentCalled", "AgentCalled", "AgentConnect",
					"AgentComplete", "AgentRingNoAnswer", "AgentDump", "QueueCallerLeave", "QueueCallerAbandon",
					"VarSet", "Hangup", "HangupRequest", "SoftHangupRequest", "DialEnd", "Newchannel", "Newstate",
					"QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause", "BlindTransfer", "AttendedTransfer",
					"QueueEntry", "CoreShowChannel", "QueueStatusComplete", "CoreShowChannelsComplete")},
				{"Timestamp", formatStamp(at.UnixMilli())},
				{"Uniqueid", pick("u.1", "u.2", "u.3", "d.1", "d.2", "")},
				{"DestUniqueid", pick("d.1", "d.2", "d.3", "d.4", "")},
				{"Queue", pick("a", "b", "")}, {"Interface", pick("SIP/1", "SIP/2", "SIP/3", "")},
				{"MemberName", pick("Ann", "Bob")}, {"ChannelState", pick("4", "6", "")},
				{"DialStatus", pick("ANSWER", "CANCEL", "NOANSWER", "BUSY")}, {"Cause", pick("0", "16", "17", "26")},
				{"Variable", "QUEUESTATUS"}, {"Value", pick("TIMEOUT", "WITHDRAW", "FULL", "")},
				{"Reason", pick("agent", "caller", "transfer")}, {"Paused", pick("0", "1")}, {"Status", pick("1", "5")},
				{"TransfererUniqueid", pick("d.1", "u.1")}, {"CallerIDNum", "1"}, {"HoldTime", pick("1", "2")},
				{"ActionID", pick("q", "c")}, {"Application", pick("Queue", "Dial")}, {"BridgeId", pick("x", "")},
				{"Channel", pick("SIP/1-01", "SIP/9-01")}, {"ApplicationData", "a,t"},
			}}
			if rng.IntN(60) == 0 {
				tr.Resync("q", "c")
			}
			tr.Packet(&p, time.Time{})
			step(t, r, tr)
		}
		tr.End()
		step(t, r, tr)
		if err := r.Finish(queue.Reconcile{Lost: true}); err != nil {
			t.Fatal(err)
		}
		if n[queue.EventJoined] == 0 || n[queue.EventJoined] != n[queue.EventLeaving] ||
			n[queue.EventOffering] != n[queue.EventMissed]+n[queue.EventBridged] {
			t.Fatalf("seed %d: %v", seed, n)
		}
	}
}

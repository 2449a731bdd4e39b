package asterisk

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

// truth is what a queue_log says of one call, read here with nothing but
// strings.Split, so that the package cannot agree with its own mistakes.
type truth struct {
	joins, connects int
	misses          int    // RINGNOANSWER lines
	last            string // the event of the call's last line
	waited, talked  int    // what that line says, in seconds; -1 = nothing
}

func readTruth(t *testing.T, name string) map[string]*truth {
	t.Helper()
	calls := map[string]*truth{}
	for line := range strings.SplitSeq(string(readFile(t, filepath.Join("testdata", name, "queue_log"))), "\n") {
		f := strings.Split(line, "|")
		if len(f) < 5 || f[1] == "NONE" || f[1] == "MANAGER" {
			continue
		}
		c := calls[f[1]]
		if c == nil {
			c = &truth{}
			calls[f[1]] = c
		}
		c.last, c.waited, c.talked = f[4], -1, -1
		switch f[4] {
		case "ENTERQUEUE":
			c.joins++
		case "CONNECT":
			c.connects++
		case "RINGNOANSWER":
			c.misses++
		case "COMPLETEAGENT", "COMPLETECALLER":
			c.waited, c.talked = atoi(t, f[5]), atoi(t, f[6])
		case "BLINDTRANSFER":
			c.waited, c.talked = atoi(t, f[7]), atoi(t, f[8])
		case "ABANDON", "EXITWITHTIMEOUT":
			c.waited = atoi(t, f[7])
		}
	}
	return calls
}

// endings says what each last line of a call stands for.
var endings = map[string]struct {
	result queue.CCResult
	reason queue.Reason
	cause  queue.Cause
	code   int
}{
	"COMPLETEAGENT":   {queue.ResultSuccess, queue.ReasonServed, queue.CauseNormalClearing, 200},
	"COMPLETECALLER":  {queue.ResultSuccess, queue.ReasonServed, queue.CauseNormalClearing, 200},
	"BLINDTRANSFER":   {queue.ResultSuccess, queue.ReasonTransferred, queue.CauseBlindTransfer, 200},
	"ABANDON":         {queue.ResultAbandoned, queue.ReasonMemberHangupWaiting, queue.CauseNormalClearing, 200},
	"EXITWITHTIMEOUT": {queue.ResultAbandoned, queue.ReasonMaxWait, "", 0},
}

// TestAgainstQueueLog checks both sources of each scenario against its
// queue_log.
func TestAgainstQueueLog(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		for _, source := range []string{"ami.txt", "queue_log"} {
			if name == "s32" || name == "s42" {
				continue // see TestNobodyQueued
			}
			t.Run(name+"/"+source, func(t *testing.T) {
				t.Parallel()
				calls := readTruth(t, name)
				events := rehearse(t, string(readFile(t, filepath.Join("testdata", name, source))))
				byCall := perAttempt(t, events)
				if len(byCall) != len(calls) {
					t.Fatalf("%d attempts, the queue_log has %d calls", len(byCall), len(calls))
				}
				for uid, c := range calls {
					checkCall(t, uid, c, byCall[uid])
				}
			})
		}
	}
}

// perAttempt groups the attempt events by the caller's channel.
func perAttempt(t *testing.T, events []queue.Event) map[string][]*queue.Event {
	t.Helper()
	all := map[string][]*queue.Event{}
	for i := range events {
		if ev := &events[i]; ev.Listed != nil {
			uid := text(ev.Listed.MemberChannelID)
			all[uid] = append(all[uid], ev)
			if ev.Sequence != len(all[uid]) {
				t.Errorf("%s: event %d has the sequence %d", uid, len(all[uid]), ev.Sequence)
			}
		}
	}
	return all
}

func checkCall(t *testing.T, uid string, c *truth, events []*queue.Event) {
	t.Helper()
	count := map[queue.EventType]int{}
	open := map[int]bool{}
	for _, ev := range events {
		count[ev.Type]++
		switch no := ev.Ext.OfferNo; ev.Type {
		case queue.EventOffering:
			open[no] = true
		case queue.EventMissed, queue.EventBridged:
			if !open[no] {
				t.Errorf("%s: %s of offer %d, which is not open", uid, ev.Type, no)
			}
			delete(open, no)
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: offers %v were never closed", uid, open)
	}
	if count[queue.EventJoined] != c.joins || count[queue.EventLeaving] != c.joins || count[queue.EventBridged] != c.connects {
		t.Errorf("%s: %v, want %d joined and leaving, %d bridged", uid, count, c.joins, c.connects)
	}
	if c.misses > count[queue.EventMissed] {
		t.Errorf("%s: %d missed, the log has %d", uid, count[queue.EventMissed], c.misses)
	}
	last := events[len(events)-1]
	want := endings[c.last]
	if c.last == "ABANDON" && last.Ext.ResultReason == queue.ReasonMemberHangupOffer {
		want.reason = queue.ReasonMemberHangupOffer // RINGCANCELED came before it
	}
	got := want
	got.result, got.reason, got.cause, got.code = last.Listed.Result, last.Ext.ResultReason, "", 0
	if last.Listed.Cause != nil {
		got.cause, got.code = *last.Listed.Cause, *last.Listed.SIPCode
	}
	if got != want {
		t.Errorf("%s: left by %+v, after %s want %+v", uid, got, c.last, want)
	}
	near(t, uid+" waited", last.Ext.WaitSec, c.waited)
	if last.Listed.VoiceSec != nil {
		near(t, uid+" talked", *last.Listed.VoiceSec, c.talked)
	}
}

func near(t *testing.T, what string, got int64, want int) {
	t.Helper()
	if want >= 0 && (got < int64(want)-1 || got > int64(want)+1) {
		t.Errorf("%s %d s, the log says %d", what, got, want)
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		t.Fatal(err)
	}
	return int(d / time.Second)
}

// TestNobodyQueued: captures without a queued caller give no attempt event.
func TestNobodyQueued(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"s10", "s32", "s42"} {
		for _, ev := range rehearse(t, string(ami(t, name))) {
			if ev.Type != queue.EventAgentState {
				t.Errorf("%s: %s", name, ev.Type)
			}
		}
	}
}

// TestInstants: an event happens when the switch said so, to the millisecond.
func TestInstants(t *testing.T) {
	t.Parallel()
	stamps := map[queue.SwitchEvent]string{
		queue.SwitchJoined: "QueueCallerJoin", queue.SwitchOffered: "AgentCalled",
		queue.SwitchBridged: "AgentConnect", queue.SwitchMissed: "AgentRingNoAnswer",
	}
	for _, name := range []string{"s03", "s31", "s50"} {
		want := map[string][]string{}
		for packet := range bytes.SplitSeq(ami(t, name), []byte("\r\n\r\n")) {
			_, rest, _ := strings.Cut(string(packet), "Timestamp: ")
			_, event, _ := strings.Cut(string(packet), "Event: ")
			event, _, _ = strings.Cut(event, "\r\n")
			want[event] = append(want[event], rest[:min(len(rest), len("1795248351.173"))])
		}
		got := map[string][]string{}
		_, cmds := play(t, string(ami(t, name)))
		for _, c := range cmds {
			if r, ok := c.Cmd.(queue.SwitchReport); ok {
				ms := r.At.UnixMilli()
				got[stamps[r.Event]] = append(got[stamps[r.Event]], formatStamp(ms))
			}
		}
		for _, event := range stamps {
			if diff := cmp.Diff(want[event], got[event]); diff != "" {
				t.Errorf("%s %s (-stream +reports):\n%s", name, event, diff)
			}
		}
	}
}

func formatStamp(ms int64) string {
	s := []byte("0000000000.000")
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			continue
		}
		s[i] = byte('0' + ms%10)
		ms /= 10
	}
	return string(s)
}

// TestRandomCuts: however the stream is cut, the commands are the same; lines
// may end in LF alone.
func TestRandomCuts(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := ami(t, name)
			want := translate(t, [][]byte{whole})
			if len(want) == 0 && name != "s32" && name != "s42" {
				t.Fatal("no commands")
			}
			rng := rand.New(rand.NewPCG(1, uint64(len(whole))))
			for _, most := range []int{2, 50, 5000} {
				stream := whole
				if most == 50 {
					stream = bytes.ReplaceAll(whole, []byte("\r\n"), []byte("\n"))
				}
				var pieces [][]byte
				for len(stream) > 0 {
					n := min(1+rng.IntN(most), len(stream))
					pieces = append(pieces, stream[:n])
					stream = stream[n:]
				}
				if diff := cmp.Diff(want, translate(t, pieces)); diff != "" {
					t.Errorf("in pieces of up to %d bytes (-whole +cut):\n%.2000s", most, diff)
				}
			}
		})
	}
}

func translate(t *testing.T, pieces [][]byte) []Timed {
	t.Helper()
	var d Decoder
	tr := NewTranslator("")
	for _, piece := range pieces {
		err := d.Feed(piece, func(p Packet) error {
			tr.Packet(&p, time.Time{})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	tr.End()
	return tr.Take()
}

// TestCommandsInOrder: the instants of the commands never fall, no report is
// later than the command that brings it, and none is older than the patience.
func TestCommandsInOrder(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		var last time.Time
		_, cmds := play(t, string(ami(t, name)))
		for _, c := range cmds {
			if c.At.Before(last) {
				t.Errorf("%s: %v after %v", name, c.At, last)
			}
			last = c.At
			if r, ok := c.Cmd.(queue.SwitchReport); ok && (r.At.After(c.At) || c.At.Sub(r.At) > patience) {
				t.Errorf("%s: %s of %v reported at %v", name, r.Event, r.At, c.At)
			}
		}
	}
}

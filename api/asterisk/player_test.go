package asterisk

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

var _ Desk = (*desk.Desk)(nil)

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// drain reads a file to its end.
func drain(p *Player, in io.Reader) ([]Timed, error) {
	if err := p.Load(in); err != nil {
		return nil, err
	}
	var all []Timed
	for {
		next, err := p.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, next)
	}
}

func TestPlayerRecognises(t *testing.T) {
	t.Parallel()
	log := []byte("1795248351|MANAGER|support|Alice|ADDMEMBER|\r\n\r\n1795248351|u.1|support|NONE|ENTERQUEUE||1|1\r\n")
	capture := ami(t, "s01")
	_, events, _ := bytes.Cut(capture, []byte("\r\n\r\n"))
	for _, c := range []struct {
		name string
		in   []byte
		kind Kind
		cmds int
	}{
		{"AMI", capture, KindAMI, 7},
		{"AMI packed", zipped(t, capture), KindAMI, 7},
		{"AMI without greeting", events, KindAMI, 7},
		{"queue_log with CRLF", log, KindLog, 2},
		{"queue_log packed", zipped(t, log), KindLog, 2},
	} {
		p := NewPlayer("", time.Time{})
		cmds, err := drain(p, iotest.HalfReader(bytes.NewReader(c.in)))
		if err != nil || p.Kind() != c.kind || len(cmds) != c.cmds {
			t.Errorf("%s: %s, %d commands, %v", c.name, p.Kind(), len(cmds), err)
		}
		for _, cmd := range cmds {
			if cmd.At.Before(time.Unix(epoch-1, 0)) {
				t.Errorf("%s: a command at %v", c.name, cmd.At)
			}
		}
	}
	for _, other := range []string{"", "\n\n", "hello\n", "key: value\n", "{\"a\": 1}\n", "\x1f\x8bnot gzip", "1,2,3\n"} {
		if cmds, err := drain(NewPlayer("", time.Time{}), strings.NewReader(other)); err == nil {
			t.Errorf("%q gave %d commands", other, len(cmds))
		}
	}
	if err := NewPlayer("", time.Time{}).Load(strings.NewReader("hello\n")); !errors.Is(err, ErrNotAsterisk) {
		t.Error(err)
	}
}

// TestPlayerErrors: a file that is cut off or corrupt ends with the place, after
// everything that came before it.
func TestPlayerErrors(t *testing.T) {
	t.Parallel()
	capture := ami(t, "s01")
	broken := bytes.Replace(capture, []byte("Event: AgentConnect"), []byte("Event AgentConnect"), 1)
	packed := zipped(t, capture)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 0xff // the checksum
	log := "1795248351|u.1|support|NONE|ENTERQUEUE||1|1\n"
	for _, c := range []struct {
		name   string
		in     []byte
		offset int64
		says   string
		cmds   int
	}{
		{"cut in a packet", capture[:40000], 39891, "inside a", 4},
		{"corrupt packet", broken, int64(bytes.Index(broken, []byte("Event AgentConnect"))), "Key: value", 4},
		{"packed, cut", packed[:len(packed)/2], 0, "ends early", 0},
		{"packed, corrupt", flipped, int64(len(capture)), "corrupt", 7},
		{"queue_log, cut in a line", []byte(log + "1795248352|u.1|supp"), 44, "inside a line", 1},
		{"queue_log, cut before the line end", []byte(log + log[:43]), 44, "inside a line", 1},
		{"queue_log, other text", []byte(log + "hello\n"), 44, "five fields", 1},
		{"queue_log, zero byte", []byte(log + "1795248352|u.1|a|b|X|\x00\n"), 44, "zero byte", 1},
		{"queue_log, long line", []byte(log + "1795248352|u.1|a|b|X|" + strings.Repeat("x", MaxLine) + "\n"), 44, "longer", 1},
	} {
		cmds, err := drain(NewPlayer("", time.Time{}), bytes.NewReader(c.in))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.offset != 0 && c.name != "cut in a packet" && syntax.Offset != c.offset {
			t.Errorf("%s: %v, want offset %d", c.name, err, c.offset)
		}
		if c.name != "packed, cut" && len(cmds) < c.cmds {
			t.Errorf("%s: %d commands before the error, want %d", c.name, len(cmds), c.cmds)
		}
	}
}

// TestRotatedLog: a call that goes on in the next piece of a rotated log is one
// attempt.
func TestRotatedLog(t *testing.T) {
	t.Parallel()
	whole := string(readFile(t, "testdata/s03/queue_log"))
	half := strings.Index(whole, "1795248384") // Bob connects
	p := NewPlayer("", time.Time{})
	var got []Timed
	for _, piece := range []string{whole[:half], whole[half:]} {
		cmds, err := drain(p, strings.NewReader(piece))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, cmds...)
	}
	_, want := play(t, whole)
	if diff := cmp.Diff(want, append(got, p.End()...)); diff != "" {
		t.Errorf("(-whole +pieces):\n%s", diff)
	}
}

// TestOlderCapture: captures may come in any order; each keeps its own instants,
// and a call that the first left open does not go on in the second.
func TestOlderCapture(t *testing.T) {
	t.Parallel()
	later := stream(t, `
		900.0 QueueCallerJoin c=10 q=support
		901.0 QueueCallerLeave c=10 q=support`)
	earlier := stream(t, `
		1.0 QueueCallerJoin c=10 q=support
		2.0 HangupRequest c=10
		2.0 QueueCallerAbandon c=10 q=support`)
	p := NewPlayer("", time.Time{})
	var got []string
	for _, file := range []string{later, earlier} {
		cmds, err := drain(p, strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range append(cmds, p.End()...) {
			r := c.Cmd.(queue.SwitchReport)
			got = append(got, string(r.Event)+" "+string(r.ResultReason)+" "+r.At.Sub(time.Unix(epoch, 0)).String())
		}
	}
	want := []string{"joined  15m0s", "left key_exit 15m1s", "joined  1s", "ended  2s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	open := NewPlayer("", time.Time{})
	first, _ := drain(open, strings.NewReader(stream(t, "900.0 QueueCallerJoin c=10 q=support")))
	second, err := drain(open, strings.NewReader(earlier))
	if err != nil || len(first) != 1 || len(second) != 3 || second[0].Cmd.(queue.SwitchReport).ResultReason != queue.ReasonRecovered {
		t.Errorf("%v, %v, %v", first, second, err)
	}
	if got := open.Stats().Joined; got != 2 {
		t.Errorf("%d joined", got)
	}
}

// TestOneQueue: every queue of the stream becomes the one that is named.
func TestOneQueue(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/s21/ami.txt", "testdata/s21/queue_log"} {
		p := NewPlayer("ours", time.Time{})
		cmds, err := drain(p, bytes.NewReader(readFile(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		joined := 0
		for _, c := range cmds {
			if r, ok := c.Cmd.(queue.SwitchReport); ok && r.Event == queue.SwitchJoined {
				joined++
				if r.QueueName != "ours" {
					t.Errorf("%s: joined %s", file, r.QueueName)
				}
			}
		}
		if closing := p.Closing(); joined != 3 || !closing.Lost || len(closing.Queues) == 0 || closing.Queues[0] != "ours" {
			t.Errorf("%s: %d joined, closing %+v", file, joined, closing)
		}
	}
}

// TestUnstamped: a switch without timestampevents is dated by the reader.
func TestUnstamped(t *testing.T) {
	t.Parallel()
	lines := strings.Split(string(ami(t, "s01")), "\r\n")
	var kept []string
	for _, l := range lines {
		if !strings.HasPrefix(l, "Timestamp: ") {
			kept = append(kept, l)
		}
	}
	start := time.Unix(epoch+1e6, 0).UTC()
	p := NewPlayer("", start)
	cmds, err := drain(p, strings.NewReader(strings.Join(kept, "\r\n")))
	if err != nil || p.Stamped() {
		t.Fatal(err, p.Stamped())
	}
	if len(cmds) == 0 {
		t.Fatal("no commands")
	}
	for _, c := range cmds {
		if !c.At.Equal(start) {
			t.Errorf("%T at %v", c.Cmd, c.At)
		}
	}
}

// TestPoorerLogins: the captures as logins see them that may read less. Who
// joined, connected and left stays the same.
func TestPoorerLogins(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := ami(t, name)
			want := counts(rehearse(t, string(whole)))
			for _, classes := range [][]string{{"agent"}, {"agent", "call"}} {
				got := counts(rehearse(t, restrict(whole, classes)))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("classes %v (-all +restricted):\n%s", classes, diff)
				}
			}
		})
	}
}

func counts(events []queue.Event) map[queue.EventType]int {
	n := map[queue.EventType]int{}
	for _, ev := range events {
		n[ev.Type]++
	}
	delete(n, queue.EventAgentState)
	return n
}

// restrict keeps the events of the classes, and all answers.
func restrict(stream []byte, classes []string) string {
	var kept []string
	for packet := range strings.SplitSeq(string(stream), "\r\n\r\n") {
		_, privilege, event := strings.Cut(packet, "Privilege: ")
		privilege, _, _ = strings.Cut(privilege, ",")
		keep := !event
		for _, class := range classes {
			keep = keep || privilege == class
		}
		if keep {
			kept = append(kept, packet)
		}
	}
	return strings.Join(kept, "\r\n\r\n")
}

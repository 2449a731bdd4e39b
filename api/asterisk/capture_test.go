package asterisk

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

// scenarios lists the folders of testdata that hold a capture.
func scenarios(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/s*/ami.txt.gz")
	if err != nil || len(paths) < 20 {
		t.Fatalf("list captures: %d found, %v", len(paths), err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(filepath.Dir(p)))
	}
	return names
}

// readFile returns a file of testdata, unpacked when only its .gz is there.
func readFile(t testing.TB, path string) []byte {
	t.Helper()
	if b, err := os.ReadFile(path); err == nil {
		return b
	}
	f, err := os.Open(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ami(t testing.TB, scenario string) []byte {
	return readFile(t, filepath.Join("testdata", scenario, "ami.txt"))
}

// play returns the commands of a recording, or fails.
func play(t testing.TB, recording string) (*Player, []Timed) {
	t.Helper()
	p := NewPlayer("", time.Time{})
	if err := p.Load(strings.NewReader(recording)); err != nil {
		t.Fatal(err)
	}
	var all []Timed
	for {
		next, err := p.Next()
		if err == io.EOF {
			return p, append(all, p.End()...)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, next)
	}
}

// rehearse carries a recording out and returns its events. Refusals and broken
// invariants fail the test.
func rehearse(t testing.TB, recording string) []queue.Event {
	t.Helper()
	p, cmds := play(t, recording)
	var events []queue.Event
	r := NewRehearsal(func(ev *queue.Event) error {
		events = append(events, *ev)
		return nil
	})
	for _, c := range cmds {
		if err := r.Step(c); err != nil {
			t.Fatalf("step %T %+v: %v", c.Cmd, c.Cmd, err)
		}
		if err := r.engine.Check(); err != nil {
			t.Fatalf("after %T %+v: %v", c.Cmd, c.Cmd, err)
		}
	}
	if err := r.Finish(p.Closing()); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return events
}

// transcript renders events for people: seconds since the first, what happened
// to whom, and every value that is not the same throughout the attempt.
func transcript(events []queue.Event) string {
	var b strings.Builder
	if len(events) == 0 {
		return ""
	}
	start := events[0].At
	for i := range events {
		ev := &events[i]
		fmt.Fprintf(&b, "%9.3f %-18s", ev.At.Sub(start).Seconds(), ev.Type)
		if l := ev.Listed; l != nil {
			fmt.Fprintf(&b, " %d.%d %s", l.AttemptID, ev.Sequence, details(ev))
		} else {
			fmt.Fprintf(&b, " %s", agentDetails(ev.Data))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func agentDetails(data []byte) string {
	var a queue.AgentStateData
	if err := json.Unmarshal(data, &a); err != nil {
		return string(data)
	}
	line := a.AgentName + " " + string(a.Status)
	if a.Reason != nil {
		line += fmt.Sprintf("(%s)", *a.Reason)
	}
	if a.State != nil && a.AttemptID != nil {
		line += fmt.Sprintf(" %s %d", *a.State, *a.AttemptID)
	}
	return line
}

func details(ev *queue.Event) string {
	l, x := ev.Listed, ev.Ext
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	if ev.Type == queue.EventJoined {
		add("queue", ev.Queue.Name)
		add("from", text(l.Destination))
		add("name", text(l.MemberName))
		add("channel", text(l.MemberChannelID))
		add("dialled", ev.At.Sub(x.DialAt).String()+" before")
	}
	add("agent", text(l.AgentName))
	add("leg", text(l.AgentChannelID))
	if l.Duration != nil && l.BillSec != nil {
		add("dur/bill/voice", fmt.Sprintf("%d/%d/%s", *l.Duration, *l.BillSec, number(l.VoiceSec)))
	}
	if x.OfferNo != 0 {
		add("offer", fmt.Sprint(x.OfferNo))
	}
	add("missed", string(x.MissedReason))
	add("agent_cause", string(x.AgentCause))
	if ev.Type == queue.EventLeaving {
		add("result", string(l.Result)+"/"+string(x.ResultReason))
		if l.Cause != nil && l.SIPCode != nil {
			add("cause", fmt.Sprintf("%s/%d(%s)", *l.Cause, *l.SIPCode, x.SIPCodeSource))
		}
		add("waited", fmt.Sprint(x.WaitSec))
	}
	return strings.Join(parts, " ")
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

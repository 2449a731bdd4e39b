package asterisk

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

// steps is what the lab did: the truth behind a capture.
type steps struct {
	Started time.Time `json:"started_utc"`
	Calls   int       `json:"calls"`
	Steps   []struct {
		T    float64 `json:"t"`
		What string  `json:"what"`
	} `json:"steps"`
}

var (
	entering = regexp.MustCompile(`^caller (\d+) enters (\w+), will stay (\d+) s$`)
	adding   = regexp.MustCompile(`^add member (\w+) to (\w+) penalty \d+ paused (True|False) -> Success$`)
	removing = regexp.MustCompile(`^remove member (\S+) from (\w+) -> Success$`)
)

// TestAgainstSteps: whom the lab sent into a queue is joined there, from that
// number and within a second; who was to stay for s seconds is gone by then; and
// every agent comes and goes with the lab's orders.
func TestAgainstSteps(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, name := range scenarios(t) {
		var truth steps
		if err := json.Unmarshal(readFile(t, filepath.Join("testdata", name, "steps.json")), &truth); err != nil {
			t.Fatal(err)
		}
		events := rehearse(t, string(ami(t, name)))
		if truth.Calls > 0 {
			if n := counts(events); n[queue.EventJoined] != truth.Calls {
				t.Errorf("%s: %v, the lab made %d calls", name, n, truth.Calls)
			}
		}
		for _, s := range truth.Steps {
			at := truth.Started.Add(time.Duration(s.T * float64(time.Second)))
			if m := entering.FindStringSubmatch(s.What); m != nil {
				checked++
				checkCaller(t, name, events, at, m)
			}
			if m := adding.FindStringSubmatch(s.What); m != nil {
				want := queue.StatusOnline
				if m[3] == "True" {
					want = queue.StatusPause
				}
				if !agentBecame(events, m[1], want, at) {
					t.Errorf("%s: %s was not %s at %v", name, m[1], want, at)
				}
			}
			if m := removing.FindStringSubmatch(s.What); m != nil && !anyBecame(events, queue.StatusOffline, at) {
				t.Errorf("%s: nobody went offline at %v, when %s was removed", name, at, m[1])
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d callers were checked", checked)
	}
}

func checkCaller(t *testing.T, name string, events []queue.Event, at time.Time, step []string) {
	t.Helper()
	stay, err := time.ParseDuration(step[3] + "s")
	if err != nil {
		t.Fatal(err)
	}
	var attempt int64
	for _, ev := range events {
		if ev.Type == queue.EventJoined && text(ev.Listed.Destination) == step[1] && ev.Queue.Name == step[2] && within(ev.At, at) {
			attempt = ev.AttemptID
		}
		if ev.Type == queue.EventLeaving && ev.AttemptID == attempt && attempt != 0 {
			if ev.At.After(at.Add(stay + time.Second)) {
				t.Errorf("%s: %s left at %v, after his %v", name, step[1], ev.At, stay)
			}
			return
		}
	}
	t.Errorf("%s: caller %s of %s did not join and leave at %v", name, step[1], step[2], at)
}

func within(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Second }

func agentBecame(events []queue.Event, agent string, status queue.Status, at time.Time) bool {
	for _, ev := range events {
		var data queue.AgentStateData
		if ev.Type != queue.EventAgentState || json.Unmarshal(ev.Data, &data) != nil || data.Status != status {
			continue
		}
		// One who is in two queues is online before the second.
		if (agent == "" || data.AgentName == agent) && (within(ev.At, at) || ev.At.Before(at) && agent != "" && status == queue.StatusOnline) {
			return true
		}
	}
	return false
}

func anyBecame(events []queue.Event, status queue.Status, at time.Time) bool {
	return agentBecame(events, "", status, at)
}

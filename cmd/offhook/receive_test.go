package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// delivery is a webhook request as a sender makes it, signed by the official
// library.
type delivery struct {
	id       string
	attempt  int64
	seq      int
	prev     int
	try      int
	overtake string
	at       time.Time
	secret   string
	body     string
}

func (d delivery) header(t *testing.T) http.Header {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(d.secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(d.id, d.at, []byte(d.body))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", d.id)
	h.Set("webhook-timestamp", strconv.FormatInt(d.at.Unix(), 10))
	h.Set("webhook-signature", signature)
	h.Set("Offhook-Event", "attempt.joined")
	h.Set("Offhook-Attempt", strconv.FormatInt(d.attempt, 10))
	h.Set("Offhook-Sequence", strconv.Itoa(d.seq))
	h.Set("Offhook-Try", strconv.Itoa(max(d.try, 1)))
	if d.prev > 0 {
		h.Set("Offhook-Prev-Sequence", strconv.Itoa(d.prev))
	}
	if d.overtake != "" {
		h.Set("Offhook-Overtakes", d.overtake)
	}
	return h
}

func first(id string) delivery {
	return delivery{id: id, attempt: 1, seq: 1, at: time.Now(), secret: testSecret, body: `{"type":"attempt.joined"}`}
}

// runningReceiver is `offhook receive` in a process of its own.
type runningReceiver struct {
	url   string
	lines *bufio.Scanner
	stop  func() finished
}

func startReceiver(t *testing.T, args ...string) *runningReceiver {
	t.Helper()
	cmd := offhook(t, nil, append([]string{"receive", "--listen", "127.0.0.1:0", "--secret", testSecret}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &runningReceiver{lines: bufio.NewScanner(stdout)}
	var hello struct{ Listening string }
	if !r.lines.Scan() || json.Unmarshal(r.lines.Bytes(), &hello) != nil || hello.Listening == "" {
		t.Fatalf("the receiver says %q; %s", r.lines.Text(), stderr.String())
	}
	r.url = hello.Listening
	r.stop = func() finished {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		var rest strings.Builder
		for r.lines.Scan() {
			rest.WriteString(r.lines.Text() + "\n")
		}
		_ = cmd.Wait()
		return finished{cmd.ProcessState.ExitCode(), rest.String(), stderr.String()}
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			r.stop()
		}
	})
	return r
}

func (r *runningReceiver) post(t *testing.T, h http.Header, body string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = h
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// line reads the next receipt.
func (r *runningReceiver) line(t *testing.T) receipt {
	t.Helper()
	var rec receipt
	if !r.lines.Scan() {
		t.Fatal("the receiver has ended")
	}
	if err := json.Unmarshal(r.lines.Bytes(), &rec); err != nil {
		t.Fatalf("%q: %v", r.lines.Text(), err)
	}
	return rec
}

// TestReceiveJudges sends a real receiver what is genuine and what is not.
func TestReceiveJudges(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	good := first("evt_1")
	old, future, foreign := first("evt_2"), first("evt_3"), first("evt_4")
	old.at = time.Now().Add(-10 * time.Minute)
	future.at = time.Now().Add(10 * time.Minute)
	foreign.secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	renamed := good.header(t)
	renamed.Set("webhook-id", "evt_5")
	unsigned := good.header(t)
	unsigned.Del("webhook-signature")
	bare := http.Header{}

	for _, step := range []struct {
		name    string
		header  http.Header
		body    string
		status  int
		verdict verdict
	}{
		{"genuine", good.header(t), good.body, http.StatusOK, accepted},
		{"again", good.header(t), good.body, http.StatusOK, duplicate},
		{"changed body", first("evt_6").header(t), good.body + " ", http.StatusUnauthorized, rejected},
		{"old timestamp", old.header(t), old.body, http.StatusBadRequest, rejected},
		{"timestamp of tomorrow", future.header(t), future.body, http.StatusBadRequest, rejected},
		{"wrong secret", foreign.header(t), foreign.body, http.StatusUnauthorized, rejected},
		{"changed id", renamed, good.body, http.StatusUnauthorized, rejected},
		{"no signature", unsigned, good.body, 0, rejected},
		{"no headers", bare, good.body, http.StatusBadRequest, rejected},
	} {
		status := r.post(t, step.header, step.body)
		rec := r.line(t)
		if step.status != 0 && status != step.status || status < 200 || rec.Verdict != step.verdict || rec.Status != status {
			t.Errorf("%s: status %d, line %+v; want %d %s", step.name, status, rec, step.status, step.verdict)
		}
	}

	resp, err := http.Get(r.url + "stats")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s stats
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.Requests != 9 || s.Accepted != 1 || s.Repeated != 1 || s.Rejected != 7 || s.Misordered != 0 {
		t.Errorf("counters: %+v", s)
	}
	end := r.stop()
	if end.code != exitDone || !strings.Contains(end.stdout, `"stats"`) {
		t.Errorf("the receiver ends with %d and %q", end.code, end.stdout)
	}
}

func TestReceiveFailsOnPurpose(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, "--fail", "40%")
	answers := map[int]int{}
	kept := map[string]int{}
	for i := range 100 {
		d := first(fmt.Sprintf("evt_%d", i))
		d.attempt = int64(i + 1)
		for d.try = 1; ; d.try++ {
			status := r.post(t, d.header(t), d.body)
			answers[status]++
			if rec := r.line(t); rec.kept() {
				kept[rec.ID]++
			}
			if status == http.StatusOK {
				break
			}
			if d.try == 50 {
				t.Fatalf("%s fails for ever", d.id)
			}
		}
	}
	if answers[http.StatusOK] != 100 || answers[http.StatusInternalServerError] < 20 {
		t.Errorf("answers %v; want 100 times 200 and some 500", answers)
	}
	for id, n := range kept {
		if n != 1 {
			t.Errorf("%s was kept %d times", id, n)
		}
	}
	if len(kept) != 100 {
		t.Errorf("%d of 100 events were kept", len(kept))
	}
}

// TestOrderWithinAnAttempt walks the receiver's rules without a process.
func TestOrderWithinAnAttempt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		come []delivery
		want []bool // misordered
	}{
		"in order":            {[]delivery{{seq: 1}, {seq: 2, prev: 1}, {seq: 3, prev: 2}}, []bool{false, false, false}},
		"filtered":            {[]delivery{{seq: 1}, {seq: 5, prev: 1}}, []bool{false, false}},
		"starts late":         {[]delivery{{seq: 3}, {seq: 4, prev: 3}}, []bool{false, false}},
		"swapped":             {[]delivery{{seq: 1}, {seq: 3, prev: 2}, {seq: 2, prev: 1}}, []bool{false, true, true}},
		"first is missing":    {[]delivery{{seq: 2, prev: 1}}, []bool{true}},
		"overtakes, says so":  {[]delivery{{seq: 1}, {seq: 3, prev: 2, overtake: "2"}, {seq: 2, prev: 1}}, []bool{false, false, false}},
		"overtakes the first": {[]delivery{{seq: 2, prev: 1, overtake: "1"}, {seq: 1}, {seq: 3, prev: 2}}, []bool{false, false, false}},
		"two attempts":        {[]delivery{{attempt: 1, seq: 1}, {attempt: 2, seq: 1}, {attempt: 1, seq: 2, prev: 1}}, []bool{false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			r := newReceiver(testSecret, 0, func() time.Time { return now })
			for i, d := range tc.come {
				d.id, d.at, d.secret, d.body = fmt.Sprintf("evt_%d", i), now, testSecret, "{}"
				d.attempt = max(d.attempt, 1)
				rec := r.take(d.header(t), []byte(d.body))
				if rec.Verdict != accepted || (rec.Misordered != "") != tc.want[i] {
					t.Errorf("request %d: %+v; want misordered %v", i+1, rec, tc.want[i])
				}
			}
		})
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	t.Parallel()
	r := newRecent[int, string](3)
	for i := range 5 {
		r.put(i, "x")
		r.put(i, strconv.Itoa(i))
	}
	for i, want := range []bool{false, false, true, true, true} {
		if v, ok := r.get(i); ok != want || ok && v != strconv.Itoa(i) {
			t.Errorf("key %d: %q, %v", i, v, ok)
		}
	}
	if len(r.values) != 3 {
		t.Errorf("%d keys are kept", len(r.values))
	}
}

func TestParseShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"0": 0, "10%": 0.1, "0.25": 0.25, "100%": 1} {
		if got, err := parseShare(text); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "101%", "-1", "2", "ten", "NaN"} {
		if got, err := parseShare(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

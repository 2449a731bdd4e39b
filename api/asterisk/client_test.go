package asterisk

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

// stripped is a capture without its greeting and login, which the fake switch
// plays itself, and without the goodbye.
func stripped(t *testing.T, name string) []byte {
	_, body, ok := bytes.Cut(ami(t, name), []byte("\r\n\r\n"))
	if !ok {
		t.Fatal("no login in the capture")
	}
	body, _, _ = bytes.Cut(body, []byte("Response: Goodbye"))
	return body
}

// TestClientFollowsCaptures feeds captures over TCP, in random pieces, to a
// client whose desk is an engine: the attempts are those of a rehearsal.
func TestClientFollowsCaptures(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"s01", "s06", "s14", "s31", "s50"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := attemptLines(rehearse(t, string(ami(t, name))))
			s := newSwitch(t, func(m *managerConn) {
				if !m.login() || !m.lists("", "") {
					return
				}
				feed(m.conn, stripped(t, name))
				m.untilGone()
			})
			d := newTestDesk()
			d.fail = 2
			follow(t, s, d, io.Discard)
			leaving := strings.Count(want, string(queue.EventLeaving))
			d.until(t, "the last leaving", func() bool { return d.count(queue.EventLeaving) >= leaving })
			d.mu.Lock()
			defer d.mu.Unlock()
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(attemptLines(d.events), "\n")); diff != "" {
				t.Errorf("(-rehearsal +live):\n%.3000s", diff)
			}
		})
	}
}

func feed(conn net.Conn, stream []byte) {
	rng := rand.New(rand.NewPCG(7, uint64(len(stream))))
	for len(stream) > 0 {
		n := min(1+rng.IntN(9000), len(stream))
		if _, err := conn.Write(stream[:n]); err != nil {
			return
		}
		stream = stream[n:]
	}
}

// attemptLines are the lines of a transcript that are about attempts. Ids differ
// between engines that met agents in another order; channels do not.
func attemptLines(events []queue.Event) string {
	var kept []queue.Event
	numbers := map[int64]int64{}
	for _, ev := range events {
		if ev.Listed == nil {
			continue
		}
		l := *ev.Listed
		if numbers[l.AttemptID] == 0 {
			numbers[l.AttemptID] = int64(len(numbers) + 1)
		}
		l.AttemptID = numbers[l.AttemptID]
		ev.Listed = &l
		kept = append(kept, ev)
	}
	return transcript(kept)
}

// TestClientRebuilds: after a lost connection the client reports what changed
// meanwhile: a caller who came, one who was connected, one who is gone.
func TestClientRebuilds(t *testing.T) {
	t.Parallel()
	member := "Event: QueueMember\nQueue: support\nName: Alice\nLocation: PJSIP/alice\nStatus: 1\nPaused: 0\nPausedReason: \n\n" +
		"Event: QueueMember\nQueue: support\nName: Bob\nLocation: PJSIP/bob\nStatus: 1\nPaused: 0\nPausedReason: \n\n"
	first := strings.ReplaceAll(stream(t, `
		1.000 QueueCallerJoin c=10 q=support
		1.010 AgentCalled c=10 d=11 a=Alice
		2.000 QueueCallerJoin c=20 q=support
		3.000 QueueCallerJoin c=30 q=support`), "\r\n", "\n")
	_, first, _ = strings.Cut(first, "\n\n")
	waiting := "Event: QueueParams\nQueue: support\nCalls: 2\n\n" + member +
		"Event: QueueEntry\nQueue: support\nPosition: 1\nUniqueid: u.30\nCallerIDNum: 2025550130\nWait: 9\n\n" +
		"Event: QueueEntry\nQueue: support\nPosition: 2\nUniqueid: u.40\nCallerIDNum: 2025550140\nWait: 4\n\n"
	channel := func(uid, name, app, bridge string) string {
		return "Event: CoreShowChannel\nChannel: " + name + "\nUniqueid: " + uid + "\nApplication: " + app +
			"\nApplicationData: support,t\nBridgeId: " + bridge + "\nDuration: 00:00:12\nCallerIDNum: 20255501" + uid[2:] + "\n\n"
	}
	channels := channel("u.10", "SIP/trunk-10", "Queue", "b-1") + channel("u.11", "PJSIP/alice-1", "AppQueue", "b-1") +
		channel("u.30", "SIP/trunk-30", "Queue", "") + channel("u.40", "SIP/trunk-40", "Queue", "") +
		channel("u.50", "SIP/trunk-50", "Queue", "b-2") + channel("u.51", "PJSIP/bob-1", "AppQueue", "b-2")
	d := newTestDesk()
	s := newSwitch(t,
		func(m *managerConn) {
			if m.login() && m.lists(member, "") {
				m.write("%s", first)
				d.until(t, "three callers", func() bool { return d.count(queue.EventJoined) == 3 })
			}
		},
		func(m *managerConn) {
			if m.login() && m.lists(waiting, channels) {
				m.untilGone()
			}
		})
	follow(t, s, d, io.Discard)
	d.until(t, "a second reconciliation", func() bool {
		n := 0
		for _, cmd := range d.cmds {
			if _, ok := cmd.(queue.Reconcile); ok {
				n++
			}
		}
		return n == 2
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	states := map[string]queue.State{}
	for _, a := range d.engine.engine.Attempts() {
		states[*a.MemberChannelID] = a.State
	}
	want := map[string]queue.State{
		"u.10": queue.StateBridged, "u.30": queue.StateWaiting, "u.40": queue.StateWaiting, "u.50": queue.StateBridged,
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("open attempts (-want +got):\n%s", diff)
	}
	if n := d.count(queue.EventLeaving); n != 1 {
		t.Errorf("%d left, want the one who is gone", n)
	}
	if err := d.engine.engine.Check(); err != nil {
		t.Error(err)
	}
}

// lockedBuffer collects logs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestClientLogin: a switch that has no MD5 login does not get the secret, a
// wrong answer is tried again, and no log holds the secret.
func TestClientLogin(t *testing.T) {
	t.Parallel()
	tried := make(chan *Packet, 4)
	refuse := func(m *managerConn) {
		m.write("Asterisk Call Manager/11.0.0\n")
		a := m.action()
		m.write("Response: Error\nActionID: %s\nMessage: Authentication type not supported\n\n", a.Value("ActionID"))
		tried <- m.action() // the client goes away
	}
	reject := func(m *managerConn) {
		m.write("Asterisk Call Manager/11.0.0\n")
		m.write("Response: Success\nActionID: %s\nChallenge: 1\n\n", m.action().Value("ActionID"))
		a := m.action()
		m.write("Response: Error\nActionID: %s\nMessage: Authentication failed\n\n", a.Value("ActionID"))
		tried <- a
	}
	var log lockedBuffer
	s := newSwitch(t, refuse, reject, func(m *managerConn) {
		if m.login() && m.lists("", "") {
			tried <- nil
			m.untilGone()
		}
	})
	follow(t, s, newTestDesk(), &log)
	if a := <-tried; a != nil {
		t.Errorf("after a refused challenge: %+v", a)
	}
	if a := <-tried; a.Value("Secret") != "" || a.Value("Username") != "lab" {
		t.Errorf("login %+v", a)
	}
	<-tried
	if text := log.String(); strings.Contains(text, testSecret) || !strings.Contains(text, "Authentication failed") {
		t.Errorf("log:\n%s", text)
	}
}

// TestPlainLogin: with leave to, the secret goes in the clear.
func TestPlainLogin(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	s := newSwitch(t, func(m *managerConn) {
		m.write("Asterisk Call Manager/2.0\n")
		m.write("Response: Error\nActionID: %s\nMessage: no\n\n", m.action().Value("ActionID"))
		got <- m.action().Value("Secret")
	})
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &Client{cfg: Config{User: "lab", Secret: testSecret, PlainLogin: true}.withDefaults()}
	ses := &session{client: c, conn: conn, buf: make([]byte, 100)}
	if err := ses.login(); err == nil {
		t.Error("the switch hung up, and the login went well")
	}
	if secret := <-got; secret != testSecret {
		t.Errorf("secret %q", secret)
	}
}

// TestSilentSwitch: a connection whose ping is not answered is given up.
func TestSilentSwitch(t *testing.T) {
	t.Parallel()
	again := make(chan struct{})
	s := newSwitch(t, func(m *managerConn) {
		if m.login() && m.lists("", "") {
			for a := m.action(); a != nil; a = m.action() {
				if a.Value("Action") != "Ping" {
					t.Errorf("action %s", a.Value("Action"))
				}
			}
		}
	}, func(m *managerConn) { close(again) })
	cfg := Config{Ping: 1, Timeout: 1e8, RetryMin: 1, RetryLimit: 1}
	followWith(t, s, newTestDesk(), io.Discard, cfg)
	<-again
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Address: "10.0.0.1:5038", User: "u", Secret: testSecret}
	for _, c := range []struct {
		name string
		cfg  Config
		ok   bool
	}{
		{"none", Config{}, true},
		{"good", good, true},
		{"no port", Config{Address: "10.0.0.1", User: "u", Secret: "s"}, false},
		{"no user", Config{Address: "10.0.0.1:1", Secret: "s"}, false},
		{"no secret", Config{Address: "10.0.0.1:1", User: "u"}, false},
		{"negative", Config{Address: "10.0.0.1:1", User: "u", Secret: "s", Ping: -1}, false},
	} {
		if err := c.cfg.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if text := good.String(); strings.Contains(text, testSecret) {
		t.Errorf("shown: %s", text)
	}
}

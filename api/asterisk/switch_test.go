package asterisk

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

const testSecret = "s3cret-of-the-lab"

// fakeSwitch is a manager interface on loopback that a test scripts: one
// function for each connection, in order.
type fakeSwitch struct {
	t        *testing.T
	listener net.Listener
	served   chan struct{} // closed when the last script has ended
}

func newSwitch(t *testing.T, scripts ...func(*managerConn)) *fakeSwitch {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeSwitch{t: t, listener: l, served: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.served)
		for _, script := range scripts {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			script(&managerConn{t: t, conn: conn, in: bufio.NewReader(conn)})
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return s
}

// managerConn is the switch's side of one connection.
type managerConn struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// action reads the next action; nil when the client has gone.
func (m *managerConn) action() *Packet {
	p := &Packet{}
	for {
		line, err := m.in.ReadString('\n')
		if err != nil {
			return nil
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return p
		}
		key, value, _ := strings.Cut(line, ": ")
		p.Fields = append(p.Fields, Field{key, value})
	}
}

func (m *managerConn) write(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprint(m.conn, strings.ReplaceAll(text, "\n", "\r\n"))
}

// login plays the greeting and a login by challenge.
func (m *managerConn) login() bool {
	m.write("Asterisk Call Manager/11.0.0\n")
	a := m.action()
	if a == nil || a.Value("Action") != "Challenge" {
		m.t.Errorf("first action %+v, want Challenge", a)
		return false
	}
	m.write("Response: Success\nActionID: %s\nChallenge: 840415273\n\n", a.Value("ActionID"))
	a = m.action()
	if a == nil {
		return false
	}
	sum := md5.Sum([]byte("840415273" + testSecret))
	if a.Value("Key") != hex.EncodeToString(sum[:]) || a.Value("Secret") != "" {
		m.write("Response: Error\nActionID: %s\nMessage: Authentication failed\n\n", a.Value("ActionID"))
		return false
	}
	m.write("Response: Success\nActionID: %s\nMessage: Authentication accepted\n\n", a.Value("ActionID"))
	m.write("Event: FullyBooted\nPrivilege: system,all\nStatus: Fully Booted\n\n")
	return true
}

// lists answers QueueStatus and CoreShowChannels with the events given.
func (m *managerConn) lists(queues, channels string) bool {
	for range 2 {
		a := m.action()
		if a == nil {
			return false
		}
		id, events := a.Value("ActionID"), queues
		if a.Value("Action") == "CoreShowChannels" {
			events = channels
		}
		m.write("Response: Success\nActionID: %s\nEventList: start\nMessage: will follow\n\n", id)
		m.write("%s", strings.ReplaceAll(events, "\n\n", "\nActionID: "+id+"\n\n"))
		m.write("Event: %sComplete\nActionID: %s\nEventList: Complete\nListItems: 1\n\n", a.Value("Action"), id)
	}
	return true
}

// untilGone answers pings until the client goes away.
func (m *managerConn) untilGone() {
	for a := m.action(); a != nil; a = m.action() {
		m.write("Response: Success\nActionID: %s\nPing: Pong\n\n", a.Value("ActionID"))
	}
}

// testDesk carries commands out on an engine, in memory.
type testDesk struct {
	mu      sync.Mutex
	engine  *Rehearsal
	cmds    []queue.Command
	events  []queue.Event
	changed chan struct{}
	fail    int // so many calls err first
}

func newTestDesk() *testDesk {
	d := &testDesk{changed: make(chan struct{})}
	d.engine = NewRehearsal(func(ev *queue.Event) error {
		d.events = append(d.events, *ev)
		return nil
	})
	return d
}

var errNoDatabase = errors.New("no database")

func (d *testDesk) DoAll(_ context.Context, cmds []queue.Command) ([]desk.Answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() { // wakes everybody who waits
		close(d.changed)
		d.changed = make(chan struct{})
	}()
	if d.fail > 0 {
		d.fail--
		return nil, errNoDatabase
	}
	answers := make([]desk.Answer, len(cmds))
	for i, cmd := range cmds {
		d.cmds = append(d.cmds, cmd)
		answers[i].Err = d.engine.Step(Timed{At: reportedAt(cmd), Cmd: cmd})
	}
	return answers, nil
}

func reportedAt(cmd queue.Command) time.Time {
	switch c := cmd.(type) {
	case queue.SwitchReport:
		return c.At
	case queue.SetAgentStatus:
		return c.At
	case queue.Reconcile:
		return c.At
	}
	return time.Time{}
}

// until waits until the condition holds for the desk.
func (d *testDesk) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		d.mu.Lock()
		ok, changed := holds(), d.changed
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Errorf("gave up waiting for: %s", what)
			return
		}
	}
}

func (d *testDesk) count(typ queue.EventType) int {
	n := 0
	for i := range d.events {
		if d.events[i].Type == typ {
			n++
		}
	}
	return n
}

// follow runs a client of the switch until the test ends.
func follow(t *testing.T, s *fakeSwitch, d Desk, log io.Writer) {
	t.Helper()
	followWith(t, s, d, log, Config{RetryMin: time.Millisecond, RetryLimit: 2 * time.Millisecond})
}

func followWith(t *testing.T, s *fakeSwitch, d Desk, log io.Writer, cfg Config) {
	t.Helper()
	cfg.Address, cfg.User, cfg.Secret = s.listener.Addr().String(), "lab", testSecret
	ctx, cancel := context.WithCancel(context.Background())
	// The reader's clock stands still: the stream's own instants count.
	now := func() time.Time { return time.Unix(epoch, 0) }
	c := NewClient(cfg, d, slog.New(slog.NewTextHandler(log, nil)), now)
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

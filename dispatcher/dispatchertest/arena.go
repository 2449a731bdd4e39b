package dispatchertest

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// Row is one way in which a receiver can behave, most of them badly, and what
// must come of a request to it.
type Row struct {
	Name string
	// URL is where the receiver is, while its Arena lasts.
	URL string
	// Want are the outcomes of requests one after the other, over and over. Status
	// is that of an answer whose headers came; 0 when they did not.
	Want   []dispatcher.Outcome
	Status int
	// Or is as good as Want, where two things happen at the same moment; empty =
	// nothing is.
	Or dispatcher.Outcome
	// Seen counts the requests that came whole; nil where none can.
	Seen *atomic.Int64
}

// Judge says what is wrong with the try that was the row's n-th, from 0; empty
// when nothing is.
func (r *Row) Judge(n int, try *dispatcher.Try) string {
	want, status := r.Want[n%len(r.Want)], r.Status
	if try.Outcome == r.Or {
		want = r.Or
	}
	if want != r.Want[0] {
		status = 0
	}
	switch {
	case try.Outcome != want || try.Status != status:
		return fmt.Sprintf("%s with status %d (%s), want %s with %d", try.Outcome, try.Status, try.Error, want, status)
	case (try.Status == 0) != (try.Error != ""):
		return fmt.Sprintf("status %d with the error %q", try.Status, try.Error)
	case len(try.Body) > 16<<10:
		return fmt.Sprintf("%d bytes of the body are kept", len(try.Body))
	}
	return ""
}

// Allows reports whether the outcome is one of the row's, in whatever order.
func (r *Row) Allows(o dispatcher.Outcome) bool { return slices.Contains(r.Want, o) || o == r.Or }

// Arena is a running receiver for every row of the matrix, with the authority
// that signs their good certificates and the server that knows their names.
type Arena struct {
	Rows []Row
	// CAs and CAFile hold the authority, as a pool and as a PEM file.
	CAs    *x509.CertPool
	CAFile string
	// DNS is the address of the name server.
	DNS string

	t     testing.TB
	ca    *authority
	names map[string]func(asked int) []string
	end   chan struct{}
	group sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewArena starts the receivers of every row. They end with the test.
func NewArena(t testing.TB) *Arena {
	t.Helper()
	a := &Arena{t: t, ca: newAuthority(t), names: map[string]func(int) []string{}, end: make(chan struct{}), conns: map[net.Conn]bool{}}
	t.Cleanup(a.close)
	a.CAs = x509.NewCertPool()
	a.CAs.AddCert(a.ca.cert)
	a.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(a.CAFile, a.ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	a.plainRows()
	a.answerRows()
	a.secureRows()
	a.http2Rows()
	a.nameRows()
	a.serveDNS()
	return a
}

// close ends every receiver and waits for it.
func (a *Arena) close() {
	close(a.end)
	a.mu.Lock()
	for c := range a.conns {
		c.Close()
	}
	a.mu.Unlock()
	a.group.Wait()
}

// peer is the receiver's end of one connection.
type peer struct {
	net.Conn
	in   *bufio.Reader
	seen *atomic.Int64
}

// row adds a row whose receiver deals with each connection by act.
func (a *Arena) row(name string, status int, act func(*peer), want ...dispatcher.Outcome) {
	seen := new(atomic.Int64)
	a.Rows = append(a.Rows, Row{Name: name, URL: "http://" + a.listen(seen, act), Want: want, Status: status, Seen: seen})
}

// or says what is as good as what the last row wants.
func (a *Arena) or(o dispatcher.Outcome) { a.Rows[len(a.Rows)-1].Or = o }

// listen serves connections by act on a port of its own until the arena ends.
func (a *Arena) listen(seen *atomic.Int64, act func(*peer)) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	a.group.Go(func() {
		<-a.end
		l.Close()
	})
	a.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !a.keep(c) {
				c.Close()
				return
			}
			a.group.Go(func() {
				defer a.drop(c)
				act(&peer{Conn: c, in: bufio.NewReader(c), seen: seen})
			})
		}
	})
	return l.Addr().String()
}

// keep notes a connection, so that close can end it; false when it is too late.
func (a *Arena) keep(c net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.end:
		return false
	default:
		a.conns[c] = true
		return true
	}
}

func (a *Arena) drop(c net.Conn) {
	c.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
}

// request reads one request whole and counts it; false when none came.
func (p *peer) request() bool {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	p.seen.Add(1)
	return true
}

// say writes as it is. Who is not listened to any more need not know.
func (p *peer) say(text string) { _, _ = io.WriteString(p, text) }

// hold waits until the other end goes.
func (p *peer) hold() { _, _ = io.Copy(io.Discard, p.in) }

// forever says the same until the other end goes.
func (p *peer) forever(text string) {
	for {
		if _, err := io.WriteString(p, text); err != nil {
			return
		}
	}
}

// drip says a text slowly, a byte a second, and then holds.
func (p *peer) drip(text string) {
	for i := range len(text) {
		if _, err := io.WriteString(p, text[i:i+1]); err != nil {
			return
		}
		_ = p.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := p.in.ReadByte(); err != nil {
			if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
				return // it is gone
			}
		}
	}
	_ = p.SetReadDeadline(time.Time{})
	p.hold()
}

// reset ends the connection with an RST instead of a FIN.
func (p *peer) reset() {
	if c, ok := p.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	p.Close()
}

// answers answers every request of a connection with the text.
func answers(text string) func(*peer) {
	return func(p *peer) {
		for p.request() {
			p.say(text)
		}
	}
}

// answer reads one request, answers with the text, and closes: for texts that do
// not say where they end.
func answer(text string) func(*peer) {
	return func(p *peer) {
		if p.request() {
			p.say(text)
		}
	}
}

// then reads a request and goes on with act.
func then(act func(*peer)) func(*peer) {
	return func(p *peer) {
		if p.request() {
			act(p)
		}
	}
}

package dispatcher_test

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// An HTTP/2 connection whose other end is gone without a word is given up: what
// comes later goes over a new one.
func TestADeadHTTP2ConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	address, cut := cutProxy(t, s.Listener.Addr().String())
	cfg := loopback()
	cfg.RootCAs = x509.NewCertPool()
	cfg.RootCAs.AddCert(s.Certificate())
	d := dispatcher.New(&dispatchertest.Memory{}, cfg)
	d.SetPing(100*time.Millisecond, time.Second)
	ep := dispatchertest.Endpoint("https://" + address)
	ep.Timeout = time.Second
	send := func() dispatcher.Try {
		try, err := d.TestEvent(t.Context(), ep)
		if err != nil {
			t.Fatal(err)
		}
		return try
	}
	if try := send(); try.Outcome != dispatcher.OutcomeDelivered {
		t.Fatal(try.Outcome, try.Error)
	}
	cut()
	waitFor(t, "a new connection", nil, func() bool { return send().Outcome == dispatcher.OutcomeDelivered })
}

// cutProxy passes connections on to a server, until cut: then those that stand
// stay open and pass nothing on, as when a firewall forgets them.
func cutProxy(t *testing.T, server string) (address string, cut func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var backs, fronts []net.Conn
	var group sync.WaitGroup
	group.Go(func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", server)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			backs, fronts = append(backs, back), append(fronts, front)
			mu.Unlock()
			group.Go(func() {
				defer front.Close()
				for buf := make([]byte, 4096); ; { // reads on when nothing is passed on any more
					n, err := front.Read(buf)
					if err != nil {
						return
					}
					_, _ = back.Write(buf[:n])
				}
			})
			group.Go(func() { _, _ = io.Copy(front, back) })
		}
	})
	cut = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range backs {
			c.Close()
		}
		backs = nil
	}
	t.Cleanup(func() {
		l.Close()
		cut()
		for _, c := range fronts {
			c.Close()
		}
		group.Wait()
	})
	return l.Addr().String(), cut
}

package dispatcher_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// rawServer answers every connection with f, below HTTP.
func rawServer(t *testing.T, f func(c net.Conn)) string {
	t.Helper()
	return stallingServer(t, func(c net.Conn, _ <-chan struct{}) { f(c) })
}

// stallingServer is rawServer for those who wait: end is closed with the test.
func stallingServer(t *testing.T, f func(c net.Conn, end <-chan struct{})) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	end := make(chan struct{})
	t.Cleanup(func() { l.Close(); close(end); group.Wait() })
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				f(c, end)
			})
		}
	})
	return "http://" + l.Addr().String()
}

// readRequest reads one request and its body from a raw connection.
func readRequest(c net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err == nil {
		_, _ = new(bytes.Buffer).ReadFrom(req.Body)
	}
}

func answerRaw(text string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(c)
		_, _ = c.Write([]byte(text))
	}
}

// sendOne sends one test event to the URL and returns the try.
func sendOne(t *testing.T, url string, cfg dispatcher.Config, change func(*dispatcher.Endpoint)) dispatcher.Try {
	t.Helper()
	m := &dispatchertest.Memory{}
	ep := dispatchertest.Endpoint(url)
	ep.Timeout = 10 * time.Second
	if change != nil {
		change(&ep)
	}
	try, err := dispatcher.New(m, cfg).TestEvent(t.Context(), ep)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dispatcher.Try{try}, m.Tries(ref(ep))); diff != "" {
		t.Errorf("what is on record differs: %s", diff)
	}
	return try
}

// TestEveryRowOfTheArena sends a few requests to every kind of bad receiver: each
// ends with the outcome of its row, and as many requests came as are on record.
func TestEveryRowOfTheArena(t *testing.T) {
	t.Parallel()
	arena := dispatchertest.NewArena(t)
	cfg := loopback()
	cfg.Resolver, cfg.RootCAs = dispatcher.AskDNS(arena.DNS), arena.CAs
	m := &dispatchertest.Memory{}
	d := dispatcher.New(m, cfg)
	var group sync.WaitGroup
	places := make(chan struct{}, 32) // all at once, handshakes alone take seconds under the race detector
	for _, row := range arena.Rows {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			ep := dispatchertest.Endpoint(row.URL + "/hook?token=hush")
			ep.Timeout = time.Second
			if !row.Allows(dispatcher.OutcomeTimeout) { // a busy machine is no bad receiver
				ep.Timeout = 4 * time.Second
			}
			for i := range 2 {
				try, err := d.TestEvent(t.Context(), ep)
				if err != nil {
					t.Errorf("%s: %v", row.Name, err)
					continue
				}
				if problem := row.Judge(i, &try); problem != "" {
					t.Errorf("%s: %s", row.Name, problem)
				}
			}
			// What was read by the receiver may be fewer: not all of them read.
			if row.Seen != nil && int(row.Seen.Load()) > len(m.Tries(ref(ep))) {
				t.Errorf("%s: %d requests came, %d are on record", row.Name, row.Seen.Load(), len(m.Tries(ref(ep))))
			}
		})
	}
	group.Wait()
	if len(arena.Rows) < 100 {
		t.Errorf("only %d rows", len(arena.Rows))
	}
}

// TestForbiddenLiterals are not even connected to.
func TestForbiddenLiterals(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/"} {
		if try := sendOne(t, url, loopback(), nil); try.Outcome != dispatcher.OutcomeBlocked || try.Status != 0 || try.Error == "" {
			t.Errorf("%s: %s with status %d (%s)", url, try.Outcome, try.Status, try.Error)
		}
	}
}

// noNames knows no name; literal addresses are not looked up.
type noNames struct{}

func (noNames) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("no such host")
}

func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("b", 100_000)
	for name, tc := range map[string]struct {
		answer    string
		hang      bool
		body      int
		truncated bool
	}{
		"no body":                    {"HTTP/1.1 204 No Content\r\n\r\n", false, 0, false},
		"a short body":               {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthank", false, 5, false},
		"exactly what is kept":       {"HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + big[:16384], false, 16384, false},
		"one more":                   {"HTTP/1.1 200 OK\r\nContent-Length: 16385\r\n\r\n" + big[:16385], false, 16384, true},
		"a large body":               {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + big, false, 16384, true},
		"an endless body":            {"HTTP/1.1 200 OK\r\n\r\n" + big, true, 16384, true},
		"a length that is a lie":     {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nthank", false, 5, true},
		"a body that never comes":    {"HTTP/1.1 202 Accepted\r\nContent-Length: 50\r\n\r\n", true, 0, true},
		"a chunk that breaks off":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", false, 3, true},
		"a body without any framing": {"HTTP/1.1 200 OK\r\n\r\nthank", false, 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := stallingServer(t, func(c net.Conn, end <-chan struct{}) {
				answerRaw(tc.answer)(c)
				if tc.hang {
					<-end
				}
			})
			try := sendOne(t, url, loopback(), func(e *dispatcher.Endpoint) { e.Timeout = time.Second })
			if try.Outcome != dispatcher.OutcomeDelivered || try.State != dispatcher.StateDelivered {
				t.Errorf("%s, %s (%s): 2xx is delivered whatever its body is like", try.Outcome, try.State, try.Error)
			}
			if len(try.Body) != tc.body || try.BodyTruncated != tc.truncated {
				t.Errorf("%d bytes kept, truncated %t; want %d, %t", len(try.Body), try.BodyTruncated, tc.body, tc.truncated)
			}
			if try.FirstByte <= 0 || try.Duration < try.FirstByte {
				t.Errorf("first byte after %s of %s", try.FirstByte, try.Duration)
			}
		})
	}
}

func TestHeadersOfAnAnswerAreBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 30 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("v", 1000))
		}
		w.Header().Set("Set-Cookie", "session=hush")
	}))
	t.Cleanup(s.Close)
	try := sendOne(t, s.URL, loopback(), nil)
	size := 0
	for name, values := range try.Header {
		size += len(name) + len(values[0])
	}
	if size == 0 || size > 8<<10 || try.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d bytes of headers are kept: %v", size, try.Header)
	}
}

// What was registered when plain http was allowed is not sent to any more when
// it is not.
func TestPlainHTTPIsAskedForAtEveryConnection(t *testing.T) {
	t.Parallel()
	r, ep := newReceiver(t, nil)
	cfg := loopback()
	cfg.Guard.AllowHTTP = false
	try := sendOne(t, ep.URL, cfg, nil)
	if try.Outcome != dispatcher.OutcomeBlocked || !strings.Contains(try.Error, "plain http is not allowed") || len(r.all()) != 0 {
		t.Errorf("%d requests, %s: %s", len(r.all()), try.Outcome, try.Error)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var paths []string
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.Path)
		http.Redirect(w, r, s.URL+"/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(s.Close)
	try := sendOne(t, s.URL+"/hook", loopback(), nil)
	if len(paths) != 1 || paths[0] != "POST /hook" || try.Outcome != dispatcher.OutcomeRedirect {
		t.Errorf("requests %v, outcome %s", paths, try.Outcome)
	}
}

// A secret part of the URL appears neither on record nor in a log line.
func TestErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	closedPort, _ := net.Listen("tcp", "127.0.0.1:0")
	closedPort.Close()
	for _, url := range []string{
		"http://" + closedPort.Addr().String(), "http://10.0.0.1", "http://does-not.invalid",
		stallingServer(t, func(c net.Conn, end <-chan struct{}) { readRequest(c); <-end }), rawServer(t, readRequest),
		rawServer(t, answerRaw("nonsense /services/T0PSECRET?token=hush\r\n\r\n")),
	} {
		var log bytes.Buffer
		cfg := loopback()
		cfg.Resolver = noNames{}
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		try := sendOne(t, url+"/services/T0PSECRET?token=hush", cfg, func(e *dispatcher.Endpoint) {
			e.Timeout = 100 * time.Millisecond
			e.Headers = http.Header{"Authorization": {"Bearer hush"}}
		})
		if try.Error == "" {
			t.Errorf("%s: no error", url)
		}
		for _, secret := range []string{"hush", "T0PSECRET", "whsec_"} {
			if strings.Contains(try.Error, secret) || strings.Contains(log.String(), secret) {
				t.Errorf("%s shows %q: %s %s", url, secret, try.Error, log.String())
			}
		}
	}
}

func TestHTTP2AndTrustedCertificates(t *testing.T) {
	t.Parallel()
	var proto string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto = r.Proto }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	cfg := loopback()
	cfg.RootCAs = x509.NewCertPool()
	cfg.RootCAs.AddCert(s.Certificate())
	if try := sendOne(t, s.URL, cfg, nil); try.Outcome != dispatcher.OutcomeDelivered || proto != "HTTP/2.0" {
		t.Errorf("%s over %q (%s)", try.Outcome, proto, try.Error)
	}
}

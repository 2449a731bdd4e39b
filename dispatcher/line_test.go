package dispatcher

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// lineTo returns a line to a server that answers at once on /, and on /late
// when the request is given up; and its endpoint.
func lineTo(t *testing.T, http2 bool) (*line, Endpoint) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/late" {
			<-r.Context().Done()
		}
	}))
	cfg := Config{Guard: GuardConfig{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	if s.EnableHTTP2 = http2; http2 {
		s.StartTLS()
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AddCert(s.Certificate())
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithCancel(t.Context())
	l := newSender(cfg.withDefaults()).line(ctx)
	t.Cleanup(l.close)
	t.Cleanup(cancel) // first: the server waits for what is under way
	ep := validEndpoint()
	ep.URL, ep.Timeout = s.URL, 10*time.Second
	return l, ep
}

func (l *line) try(t *testing.T, ep Endpoint, path string) Try {
	t.Helper()
	ep.URL += path
	to, err := newTarget(ep, "offhook")
	if err != nil {
		t.Fatal(err)
	}
	return l.send(to, message{ev: left(), body: []byte("{}"), number: 1})
}

// The requests of a line share their context, and one that takes too long does
// not take those behind it along.
func TestALineGoesOnAfterARequestThatWasLate(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		l, ep := lineTo(t, http2)
		for range 3 {
			for range 2 {
				if try := l.try(t, ep, "/"); try.Outcome != OutcomeDelivered {
					t.Fatalf("http2 %t: %s %s", http2, try.Outcome, try.Error)
				}
			}
			shared := l.ctx
			if l.try(t, ep, "/"); l.ctx != shared || shared.Err() != nil {
				t.Errorf("http2 %t: requests do not share a context", http2)
			}
			late := ep
			late.Timeout = 50 * time.Millisecond
			if try := l.try(t, late, "/late"); try.Outcome != OutcomeTimeout || try.Error != "no answer in time" {
				t.Errorf("http2 %t: a late request ended as %s: %s", http2, try.Outcome, try.Error)
			}
		}
	}
}

// A request that is cut off because the replica ends is unknown, not late.
func TestALineThatIsCutOffKnowsNoOutcome(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		l, ep := lineTo(t, http2)
		ctx, cancel := context.WithCancel(t.Context())
		l.parent = ctx
		time.AfterFunc(50*time.Millisecond, cancel)
		if try := l.try(t, ep, "/late"); try.Outcome != OutcomeUnknown {
			t.Errorf("http2 %t: %s: %s", http2, try.Outcome, try.Error)
		}
	}
}

// What a header is made of is not changed by the next one.
func TestHeadersStandOnTheirOwn(t *testing.T) {
	t.Parallel()
	ep := validEndpoint()
	to, err := newTarget(ep, "offhook")
	if err != nil {
		t.Fatal(err)
	}
	var lines headerLines
	at := time.Unix(1_800_000_000, 0)
	first := newHeader(to, message{ev: left(), body: []byte("one"), number: 1, prev: 2, overtakes: []int64{3}}, at, &lines)
	before := first.Clone()
	second := newHeader(to, message{ev: left(), body: []byte("two"), number: 7}, at.Add(time.Hour), &lines)
	for name, values := range before {
		if got := first[name]; len(got) != 1 || got[0] != values[0] || cap(got) > len(got) && name != "Content-Type" && to.header[name] == nil {
			t.Errorf("%s became %q", name, got)
		}
	}
	if second.Get("Offhook-Try") != "7" || second["Offhook-Overtakes"] != nil || second["Offhook-Prev-Sequence"] != nil {
		t.Errorf("the second header has parts of the first: %v", second)
	}
}

package dispatcher

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// What is kept of an answer.
const (
	keptHeader = 8 << 10
	keptBody   = 16 << 10
)

// sender makes one request of one try: no retries, no redirects, no proxy, one
// deadline from the look-up of the name to the last byte of the capped body.
type sender struct {
	client *retryablehttp.Client
	now    func() time.Time
}

// transport hides CloseIdleConnections: go-retryablehttp calls it after every
// failure, which would cost all other endpoints their connections.
type transport struct{ base http.RoundTripper }

// RoundTrip puts the header in its place. It also hides where an answer
// redirects to, under a name that nobody looks for: the client would give up an
// answer whose Location does not parse.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if p, ok := r.Body.(*payload); ok {
		r.Header, r.Body = p.header, p.ReadCloser // the request is ours
	}
	resp, err := t.base.RoundTrip(r)
	if err == nil && resp.Header["Location"] != nil {
		resp.Header[hiddenLocation] = resp.Header["Location"]
		delete(resp.Header, "Location")
	}
	return resp, err
}

// hiddenLocation is written as no header is once it has been read: nobody sends
// it. A variable, because linters take such a constant for a slip.
var hiddenLocation = "location"

// showLocation undoes what RoundTrip did.
func showLocation(h http.Header) {
	if to := h[hiddenLocation]; to != nil {
		h["Location"] = to
		delete(h, hiddenLocation)
	}
}

func newSender(cfg Config) *sender {
	dialer := &guardedDialer{guard: cfg.Guard, resolver: cfg.Resolver, tls: &tls.Config{
		RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}}
	if dialer.resolver == nil {
		dialer.resolver = net.DefaultResolver
	}
	base := &http.Transport{
		DialContext:            dialer.dialPlain,
		DialTLSContext:         dialer.dialTLS,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxInFlightCap,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		// Nobody else notices that a shared connection is dead: a request that
		// times out on HTTP/2 leaves it to the next one.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}
	return &sender{now: cfg.Now, client: &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     transport{base},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		// The schedule is Postgres's: one try, one request, one row. With no
		// retries left the library would hide the answer; hand it through.
		RetryMax:     0,
		CheckRetry:   func(context.Context, *http.Response, error) (bool, error) { return false, nil },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}}
}

// send makes one request, as a line does.
func (s *sender) send(ctx context.Context, t *target, m message) Try {
	l := s.line(ctx)
	defer l.close()
	return l.send(t, m)
}

var bodyBuffers = sync.Pool{New: func() any { return new([keptBody + 1]byte) }}

// readBody keeps the beginning of an answer's body; truncated when there was
// more, or when it broke off. A body that was read to its end leaves the
// connection usable.
func readBody(r io.ReadCloser) (kept []byte, truncated bool) {
	defer r.Close()
	if r == http.NoBody {
		return nil, false
	}
	buf := bodyBuffers.Get().(*[keptBody + 1]byte)
	defer bodyBuffers.Put(buf)
	n, err := 0, error(nil)
	for n < len(buf) && err == nil { // not io.ReadFull: it hides a body that broke off
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	if n > 0 {
		kept = bytes.Clone(buf[:min(n, keptBody)])
	}
	return kept, n > keptBody || err != io.EOF
}

// keepHeader drops what is beyond the limit, whole values at a time, and what
// sets cookies: those are credentials of a kind.
func keepHeader(h http.Header) http.Header {
	size := 0
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	if size <= keptHeader && h["Set-Cookie"] == nil {
		return h
	}
	kept := http.Header{}
	size = 0
	// By their names, so that the same answer is always kept alike; the one that
	// is acted upon comes first.
	for _, name := range append([]string{"Retry-After"}, slices.Sorted(maps.Keys(h))...) {
		if name == "Set-Cookie" || kept[name] != nil {
			continue
		}
		for _, v := range h[name] {
			if size += len(name) + len(v) + 4; size > keptHeader {
				return kept
			}
			kept[name] = append(kept[name], v)
		}
	}
	return kept
}

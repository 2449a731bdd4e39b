package dispatcher

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/offhook/offhook/queue"
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
type transport struct{ base *http.Transport }

// RoundTrip also hides where an answer redirects to, under a name that nobody
// looks for: the client would give up an answer whose Location does not parse.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
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
		DialContext:            dialer.dial,
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

// message is what a try sends.
type message struct {
	ev     *queue.Event
	body   []byte
	number int // of this try
	prev   int // sequence of the event before, 0 = none
	// overtakes are the sequences of earlier events that are still to come.
	overtakes []int64
}

// send makes the request and returns the try with its outcome; the state is the
// caller's business.
func (s *sender) send(ctx context.Context, t *target, m message) Try {
	began := s.now()
	try := Try{
		DomainID: t.DomainID, EndpointID: t.ID, Seq: m.ev.Seq, EventID: m.ev.ID, EventType: m.ev.Type,
		AttemptID: m.ev.AttemptID, Number: m.number, StartedAt: micros(began),
	}
	start := time.Now() // durations by the real clock, whatever Config.Now says
	limited, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	resp, err := s.client.Do(&retryablehttp.Request{Request: newRequest(limited, t, m, began)})
	if err != nil {
		try.Outcome, try.Error = ClassifyError(err), redact(err, t.url)
		if ctx.Err() != nil {
			try.Outcome = OutcomeUnknown // we went away, not the endpoint
		}
	} else {
		try.FirstByte = time.Since(start)
		try.Status, try.Outcome = resp.StatusCode, ClassifyStatus(resp.StatusCode)
		showLocation(resp.Header)
		try.Header = keepHeader(resp.Header)
		try.Body, try.BodyTruncated = readBody(resp.Body)
	}
	try.Duration = time.Since(start)
	return try
}

func newRequest(ctx context.Context, t *target, m message, at time.Time) *http.Request {
	id, stamp := queue.EventID(m.ev.ID), strconv.FormatInt(at.Unix(), 10)
	h := make(http.Header, len(t.header)+10)
	for name, values := range t.header {
		h[name] = values
	}
	v := make([]string, 0, 10) // one array for all values
	set := func(name, value string) {
		v = append(v, value)
		h[name] = v[len(v)-1 : len(v) : len(v)]
	}
	set("Webhook-Id", id)
	set("Webhook-Timestamp", stamp)
	set("Webhook-Signature", signWith(id, at, m.body, t.keys))
	set("Offhook-Event", string(m.ev.Type))
	if m.ev.AttemptID != 0 {
		set("Offhook-Attempt", strconv.FormatInt(m.ev.AttemptID, 10))
	}
	if m.ev.Sequence != 0 {
		set("Offhook-Sequence", strconv.Itoa(m.ev.Sequence))
	}
	if m.prev != 0 {
		set("Offhook-Prev-Sequence", strconv.Itoa(m.prev))
	}
	if len(m.overtakes) > 0 {
		set("Offhook-Overtakes", overtakesHeader(m.overtakes))
	}
	set("Offhook-Try", strconv.Itoa(m.number))
	set("Traceparent", traceparent(m.ev.ID))
	if t.Format == queue.FormatCloudEventsBinary {
		setCloudEvent(h, m.ev)
	}
	req := &http.Request{
		Method: http.MethodPost, URL: t.url, Host: t.url.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(m.body)), ContentLength: int64(len(m.body)),
		// Only used when nothing was written yet on a connection that turned out
		// to be closed: the endpoint sees one request all the same.
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.body)), nil },
	}
	return req.WithContext(ctx)
}

// traceparent names the event as the trace, so that its tries belong together,
// and a new span for each try.
func traceparent(id queue.UUID) string {
	b := make([]byte, 0, 55)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '-')
	var span [8]byte
	n := rand.Uint64() | 1 // all zeros is not a span
	for i := range span {
		span[i] = byte(n >> (8 * i))
	}
	b = hex.AppendEncode(b, span[:])
	return string(append(b, "-01"...))
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

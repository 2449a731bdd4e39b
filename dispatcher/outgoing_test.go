package dispatcher

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

func (o *outgoing) headerOf(m message, at time.Time) http.Header {
	var lines headerLines
	o.fill(m, at, &lines)
	return o.payload.header
}

// A request that is used again has nothing of the try before, and all of its
// target.
func TestARequestIsWhollyOfItsTry(t *testing.T) {
	t.Parallel()
	ep := validEndpoint()
	ep.Headers = http.Header{"X-Own": {"mine"}}
	to, err := newTarget(ep, "offhook")
	if err != nil {
		t.Fatal(err)
	}
	full := message{ev: left(), body: []byte("one"), number: 1, prev: 2, overtakes: []int64{3}}
	bare := message{ev: &queue.Event{Type: queue.EventAgentState}, body: []byte("two"), number: 7}
	at := time.Unix(1_800_000_000, 0)
	again := newOutgoing(t.Context(), to)
	for _, m := range []message{full, bare, full, bare, bare} {
		got, want := again.headerOf(m, at), newOutgoing(t.Context(), to).headerOf(m, at)
		for name := range got {
			if _, known := want[name]; !known {
				t.Errorf("%s is left of another try", name)
			}
		}
		for name, values := range want {
			if name != "Traceparent" && (len(got[name]) != 1 || got[name][0] != values[0] || cap(got[name]) > 1) {
				t.Errorf("%s is %q in a request that is used again, %q in a new one", name, got[name], values)
			}
		}
		for _, reader := range []func() (io.ReadCloser, error){
			func() (io.ReadCloser, error) { return again.client.Body, nil }, again.client.GetBody, again.client.GetBody,
		} {
			body, err := reader()
			if err != nil {
				t.Fatal(err)
			}
			if sent, err := io.ReadAll(body); string(sent) != string(m.body) || err != nil {
				t.Errorf("the body is %q (%v), want %q", sent, err, m.body)
			}
		}
	}
}

// Every try arrives as itself, whether its request is a new one or that of the
// try before, and most are the latter.
func TestALineUsesItsRequestAgain(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		l, ep := lineTo(t, http2)
		to, err := newTarget(ep, "offhook")
		if err != nil {
			t.Fatal(err)
		}
		again, last := 0, (*outgoing)(nil)
		for i := range 200 {
			if try := l.send(to, message{ev: left(), body: []byte(strconv.Itoa(i)), number: 1 + i}); try.Outcome != OutcomeDelivered {
				t.Fatalf("http2 %t: try %d: %s %s", http2, i, try.Outcome, try.Error)
			}
			if l.free != nil && l.free == last {
				again++
			}
			last = l.free
		}
		if again < 20 {
			t.Errorf("http2 %t: a request was used again %d times in 200", http2, again)
		}
		if to, err = newTarget(ep, "offhook"); err != nil {
			t.Fatal(err)
		}
		if l.send(to, message{ev: left(), body: []byte("{}"), number: 1}); l.free != nil && (l.free == last || l.free.target != to) {
			t.Errorf("http2 %t: a request went to new settings with the header of old ones", http2)
		}
	}
}

// The receiver sees header and body of one and the same try.
func TestHeaderAndBodyBelongTogether(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); r.Header.Get("Offhook-Try") != string(body) {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	l, ep := lineTo(t, false)
	ep.URL = s.URL
	to, err := newTarget(ep, "offhook")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if try := l.send(to, message{ev: left(), body: []byte(strconv.Itoa(1 + i)), number: 1 + i}); try.Outcome != OutcomeDelivered {
			t.Fatalf("try %d: %s %s", i, try.Outcome, try.Error)
		}
	}
}

// hasty is a transport that answers at once, and may tell later, or never, that
// the request is written.
type hasty struct{ trace *httptrace.ClientTrace }

func (h *hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	h.trace = httptrace.ContextClientTrace(r.Context())
	h.trace.GotConn(httptrace.GotConnInfo{})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// Somebody may answer before he has read: then net/http is still writing, and the
// request must not change.
func TestARequestThatIsStillWrittenIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	l, ep := lineTo(t, false)
	to, err := newTarget(ep, "offhook")
	if err != nil {
		t.Fatal(err)
	}
	base := &hasty{}
	l.sender.client.HTTPClient.Transport = transport{base}
	for range 2 {
		l.send(to, message{ev: left(), body: []byte("{}"), number: 1})
		if l.free != nil {
			t.Fatal("a request is to be used again while it is written")
		}
		base.trace.WroteRequest(httptrace.WroteRequestInfo{}) // too late
	}
	binary := ep
	binary.Format = queue.FormatCloudEventsBinary
	if to, err = newTarget(binary, "offhook"); err != nil {
		t.Fatal(err)
	}
	if o := newOutgoing(t.Context(), to); o.done() {
		t.Error("the attributes of one event are to be used for the next one")
	}
}

package dispatcher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// TestEveryFormatIsSent: one event, an endpoint for each format; each gets its
// own bytes under its own content type, and the public library verifies them.
func TestEveryFormatIsSent(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	receivers := map[queue.Format]*receiver{}
	for _, f := range queue.Formats {
		r, ep := newReceiver(t, nil)
		ep.Format = f
		receivers[f] = r
		m.Create(ep, dispatcher.Position{})
	}
	ev := m.Append(time.Now(), dispatchertest.Attempt(1, 1, time.Now())...)[0]
	run(t, m, loopback())
	for f, r := range receivers {
		r.eventually(string(f), func() bool { return r.distinct() == 1 })
		got := r.all()[0]
		if diff := cmp.Diff(string(ev.AppendBody(nil, f)), string(got.body)); diff != "" {
			t.Errorf("%s: the body (-rendered +sent):\n%s", f, diff)
		}
		if ct := got.header.Get("Content-Type"); ct != f.ContentType() {
			t.Errorf("%s: content type %q", f, ct)
		}
		if has := got.header.Get("ce-id") != ""; has != (f == queue.FormatCloudEventsBinary) {
			t.Errorf("%s: ce-id %q", f, got.header.Get("ce-id"))
		}
	}
}

// TestTheCloudEventsSDKAcceptsWhatWeSend: its receiver takes both modes.
func TestTheCloudEventsSDKAcceptsWhatWeSend(t *testing.T) {
	t.Parallel()
	for _, f := range []queue.Format{queue.FormatCloudEvents, queue.FormatCloudEventsBinary} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var got []cloudevents.Event
			protocol, err := cloudevents.NewHTTP()
			if err != nil {
				t.Fatal(err)
			}
			// Not the test's context: it ends before the server is closed, which would
			// then wait for ever for a request that is still under way.
			handler, err := cloudevents.NewHTTPReceiveHandler(context.Background(), protocol, func(_ context.Context, ev cloudevents.Event) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, ev)
			})
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(handler)
			t.Cleanup(s.Close)
			m := &dispatchertest.Memory{}
			ep := dispatchertest.Endpoint(s.URL)
			// One after the other: of two at once the receiver may forget one for ever.
			ep.Format, ep.MaxInFlight = f, 1
			m.Create(ep, dispatcher.Position{})
			sent := attempts(m, 1, 2, 4, time.Now())
			run(t, m, loopback())
			waitFor(t, "all events", nil, func() bool { return len(m.Tries(ref(ep))) == len(sent) })
			for _, try := range m.Tries(ref(ep)) {
				if try.Outcome != dispatcher.OutcomeDelivered {
					t.Errorf("%s: %s with status %d %s", try.EventType, try.Outcome, try.Status, try.Body)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if len(got) != len(sent) {
				t.Fatalf("%d events came, want %d", len(got), len(sent))
			}
			byID := map[string]cloudevents.Event{}
			for _, ev := range got {
				byID[ev.ID()] = ev
			}
			for i := range sent {
				sameCloudEvent(t, &sent[i], byID[queue.EventID(sent[i].ID)])
			}
		})
	}
}

func sameCloudEvent(t *testing.T, sent *queue.Event, got cloudevents.Event) {
	t.Helper()
	if err := got.Validate(); err != nil {
		t.Errorf("%s is no CloudEvent: %v", sent.Type, err)
	}
	for _, a := range sent.CloudEventAttributes() {
		have := map[string]string{
			"specversion": got.SpecVersion(), "id": got.ID(), "source": got.Source(), "type": got.Type(),
			"subject": got.Subject(), "time": got.Time().Format("2006-01-02T15:04:05.000Z"), "dataschema": got.DataSchema(),
		}[a.Name]
		if have != a.Value {
			t.Errorf("%s: %s is %q, want %q", sent.Type, a.Name, have, a.Value)
		}
	}
	if !bytes.Equal(got.Data(), sent.AppendJSON(nil)) {
		t.Errorf("%s: data %s", sent.Type, got.Data())
	}
	if media := got.DataContentType(); !strings.HasPrefix(media, "application/json") {
		t.Errorf("%s: data of type %q", sent.Type, media)
	}
}

// TestATestEventHasTheFormat: what an admin tries out looks like the rest.
func TestATestEventHasTheFormat(t *testing.T) {
	t.Parallel()
	var body []byte
	var header http.Header
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
	}))
	t.Cleanup(s.Close)
	sendOne(t, s.URL, loopback(), func(e *dispatcher.Endpoint) { e.Format = queue.FormatFlat })
	var flat struct {
		Type    string
		Message string
		Subject queue.Subject
	}
	if err := json.Unmarshal(body, &flat); err != nil || flat.Message == "" || flat.Type != "endpoint.test" || flat.Subject.Kind != "endpoint" {
		t.Errorf("%v: %s", err, body)
	}
	sendOne(t, s.URL, loopback(), func(e *dispatcher.Endpoint) { e.Format = queue.FormatCloudEventsBinary })
	if header.Get("ce-type") != "endpoint.test" || header.Get("ce-specversion") != "1.0" {
		t.Errorf("%v", header)
	}
}

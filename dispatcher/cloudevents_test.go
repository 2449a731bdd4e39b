package dispatcher

import (
	"net/http"
	"testing"

	"github.com/offhook/offhook/queue"
)

func TestPercentEncode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"attempt/90071": "attempt/90071", "": "", "~!": "~!",
		"Euro € 😀":  "Euro%20%E2%82%AC%20%F0%9F%98%80", // the example of the specification
		`50% "off"`: "50%25%20%22off%22", "a\r\nb\x7f": "a%0D%0Ab%7F",
	} {
		if got := percentEncode(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestCloudEventHeadersAreCanonical(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	setCloudEvent(h, &queue.Event{Type: queue.EventJoined, AttemptID: 7})
	for name := range h {
		if name != http.CanonicalHeaderKey(name) {
			t.Errorf("the header %q would be missed by whoever looks for %q", name, http.CanonicalHeaderKey(name))
		}
	}
	if len(h) != 7 || h.Get("ce-subject") != "attempt/7" {
		t.Errorf("headers: %v", h)
	}
}

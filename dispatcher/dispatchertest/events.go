package dispatchertest

import (
	"fmt"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// steps are the types that Attempt goes through, after joined and before
// leaving.
var steps = []queue.EventType{queue.EventOffering, queue.EventMissed}

// Attempt returns the n events of one attempt of domain 1, from joined to
// leaving, with offers that nobody takes between: what a dispatcher sees of an
// attempt, not what an engine would make.
func Attempt(id int64, n int, at time.Time) []queue.Event {
	out := make([]queue.Event, n)
	for i := range out {
		t := steps[(i+1)%2]
		switch i {
		case 0:
			t = queue.EventJoined
		case n - 1:
			t = queue.EventLeaving
		}
		out[i] = Event(id, i+1, t, at)
	}
	return out
}

// Event returns one event of an attempt in queue 7 of domain 1, with every part
// of a body that a store must keep.
func Event(attempt int64, sequence int, t queue.EventType, at time.Time) queue.Event {
	destination, name := fmt.Sprintf("+4930%07d", attempt), "Müller & Söhne"
	ev := queue.Event{
		Type: t, DomainID: 1, At: at, Sequence: sequence, AttemptID: attempt,
		Queue: &queue.QueueRef{ID: 7, Name: "sales", Type: queue.Inbound},
		Listed: &queue.Listed{Channel: queue.ChannelCall, AttemptID: attempt, Destination: &destination,
			UseProcessing: true, MemberName: &name, AttemptSeq: 1},
		Variables: map[string]string{"campaign": "spring", "language": "de"},
		Ext:       &queue.Ext{State: queue.StateWaiting, JoinedAt: at, DialAt: at},
	}
	if t == queue.EventLeaving {
		ev.Listed.Result, ev.Ext.State, ev.Ext.LeavingAt = queue.ResultAbandoned, queue.StateLeaving, at
	}
	for i := range 8 {
		ev.ID[i], ev.ID[i+8] = byte(attempt>>(8*i)), byte(int64(sequence)>>(8*i))
	}
	ev.ID[6], ev.ID[8] = ev.ID[6]&0x0f|0x50, ev.ID[8]&0x3f|0x80
	return ev
}

// Endpoint returns a valid endpoint of domain 1 with a secret of its own.
func Endpoint(url string) dispatcher.Endpoint {
	at := time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC)
	return dispatcher.Endpoint{ID: dispatcher.NewEndpointID(), DomainID: 1, URL: url, CreatedAt: at, UpdatedAt: at,
		Secrets: []dispatcher.Secret{{Key: dispatcher.NewSecret()}}}.WithDefaults()
}

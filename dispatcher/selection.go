package dispatcher

import (
	"encoding/json"
	"fmt"

	"github.com/offhook/offhook/queue"
)

// selection is what of an endpoint's settings says which events it gets. It is
// kept with the claimed mark: after a crash the settings may be others than
// those that the lost requests were made by. The text is for this package alone.
type selection struct {
	Events     []queue.EventType `json:"events,omitempty"`
	Queues     []int64           `json:"queues,omitempty"`
	QueueTypes []queue.Type      `json:"queue_types,omitempty"`
	Filter     string            `json:"filter,omitempty"`
}

func (e *Endpoint) selection() string {
	b, err := json.Marshal(selection{Events: e.Events, Queues: e.Queues, QueueTypes: e.QueueTypes, Filter: e.Filter})
	if err != nil {
		panic(err) // names and numbers can always be written
	}
	return string(b)
}

// matchOf returns what decided when a claim was made for the text; an empty one
// is the present selection. A filter that cannot be compiled any more wants
// everything: rather a request on record that was not made than one that is not.
func (t *target) matchOf(text string) (*Matcher, error) {
	if text == "" || text == t.claim {
		return t.match, nil
	}
	var s selection
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("read what %s was subscribed to: %w", t.ID, err)
	}
	was := t.Endpoint
	was.Events, was.Queues, was.QueueTypes, was.Filter = s.Events, s.Queues, s.QueueTypes, s.Filter
	m, err := was.Matcher()
	if err != nil {
		was.Filter = ""
		return was.Matcher()
	}
	return m, nil
}

// barred reports whether what was claimed under other settings is still open: no
// event may be claimed under the new ones before, because a crash would leave
// none to tell which is which. What can be is given back to the log.
func (w *worker) barred(t *target) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.claim == w.claimedFor || w.claimedFor == "" && w.open == 0 {
		return false
	}
	w.unread()
	if w.open == 0 && w.unsaved == 0 && !w.unclaim && !w.lowered && w.settled.Seq >= w.settledNow().Seq {
		return false
	}
	w.list()
	return true
}

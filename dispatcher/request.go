package dispatcher

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// message is what a try sends.
type message struct {
	ev     *queue.Event
	body   []byte
	number int // of this try
	prev   int // sequence of the event before, 0 = none
	// overtakes are the sequences of earlier events that are still to come.
	overtakes []int64
}

// newLines collects in l the lines of a try's header that are not its target's.
func newLines(l *headerLines, t *target, m message, at time.Time) {
	l.text, l.n = l.text[:0], 0
	l.text = queue.AppendEventID(l.text, m.ev.ID)
	l.end("Webhook-Id")
	l.text = strconv.AppendInt(l.text, at.Unix(), 10)
	l.end("Webhook-Timestamp")
	id, stamp := l.value(0), l.value(1)
	l.head = append(append(append(append(l.head[:0], id...), '.'), stamp...), '.')
	l.text = appendSignatures(l.text, l.head, m.body, t.keys, at)
	l.end("Webhook-Signature")
	l.text = append(l.text, m.ev.Type...)
	l.end("Offhook-Event")
	l.number(headerAttempt, m.ev.AttemptID)
	l.number(headerSequence, int64(m.ev.Sequence))
	l.number(headerPrev, int64(m.prev))
	if len(m.overtakes) > 0 {
		l.text = append(l.text, overtakesHeader(m.overtakes)...)
		l.end(headerOvertakes)
	}
	l.number("Offhook-Try", int64(m.number))
	l.text = appendTraceparent(l.text, m.ev.ID)
	l.end("Traceparent")
}

// The lines that not every try has.
const (
	headerAttempt   = "Offhook-Attempt"
	headerSequence  = "Offhook-Sequence"
	headerPrev      = "Offhook-Prev-Sequence"
	headerOvertakes = "Offhook-Overtakes"
)

// maxLines is how many lines a request has beside those of its target.
const maxLines = 10

// headerLines collects lines of a header. All their values become parts of one
// string.
type headerLines struct {
	text  []byte // of all values
	names [maxLines]string
	ends  [maxLines]int // of the values in text
	n     int
	head  []byte // see signed
}

// end says that what was appended to text is the value of a line.
func (l *headerLines) end(name string) {
	l.names[l.n], l.ends[l.n] = name, len(l.text)
	l.n++
}

// number adds a line unless it is 0.
func (l *headerLines) number(name string, n int64) {
	if n != 0 {
		l.text = strconv.AppendInt(l.text, n, 10)
		l.end(name)
	}
}

func (l *headerLines) value(i int) []byte { return l.text[l.begin(i):l.ends[i]] }

func (l *headerLines) begin(i int) int {
	if i == 0 {
		return 0
	}
	return l.ends[i-1]
}

// appendTraceparent names the event as the trace, so that its tries belong
// together, and a new span for each try.
func appendTraceparent(b []byte, id queue.UUID) []byte {
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '-')
	var span [8]byte
	n := rand.Uint64() | 1 // all zeros is not a span
	for i := range span {
		span[i] = byte(n >> (8 * i))
	}
	b = hex.AppendEncode(b, span[:])
	return append(b, "-01"...)
}

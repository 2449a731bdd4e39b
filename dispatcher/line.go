package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// line makes the requests of one goroutine, one after the other, and keeps what
// they have in common: above all their context, which only ends when one of them
// has taken too long, or when its parent does. A context of its own for each
// would cost a delivery a tenth of its allocations.
type line struct {
	sender *sender
	parent context.Context
	lines  headerLines

	ctx    context.Context // nil before the first request and after a late one
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// line returns a line whose requests are cut off when ctx ends. It is to be
// closed.
func (s *sender) line(ctx context.Context) *line { return &line{sender: s, parent: ctx} }

// begin returns the context of a request that has to be over within d.
func (l *line) begin(d time.Duration) context.Context {
	if l.ctx != nil {
		l.timer.Reset(d)
		return l.ctx
	}
	ctx, cancel := context.WithCancelCause(l.parent)
	l.ctx, l.cancel = ctx, cancel
	l.timer = time.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return ctx
}

// end says that the request is over. A context whose deadline has passed, or is
// just passing, is of no more use.
func (l *line) end() {
	if !l.timer.Stop() {
		l.close()
	}
}

func (l *line) close() {
	if l.ctx != nil {
		l.timer.Stop()
		l.cancel(nil)
		l.ctx = nil
	}
}

// send makes the request and returns the try with its outcome; the state is the
// caller's business.
func (l *line) send(t *target, m message) Try {
	began := l.sender.now()
	try := Try{
		DomainID: t.DomainID, EndpointID: t.ID, Seq: m.ev.Seq, EventID: m.ev.ID, EventType: m.ev.Type,
		AttemptID: m.ev.AttemptID, Number: m.number, StartedAt: micros(began),
	}
	start := time.Now() // durations by the real clock, whatever Config.Now says
	ctx := l.begin(t.Timeout)
	defer l.end()
	resp, err := l.sender.client.Do(&retryablehttp.Request{Request: newRequest(ctx, t, m, began, &l.lines)})
	if err != nil {
		// Not everything below tells a deadline from an end.
		if cause := context.Cause(ctx); cause == context.DeadlineExceeded && errors.Is(err, context.Canceled) {
			err = cause
		}
		try.Outcome, try.Error = ClassifyError(err), redact(err, t.url)
		if l.parent.Err() != nil {
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

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/store"
)

const (
	// streamPoll is how often a stream looks for what is new: one row is read.
	streamPoll = 200 * time.Millisecond
	// streamAlive is the longest silence of a stream, and how long the key of its
	// reader is believed to be good.
	streamAlive = 15 * time.Second
	// streamPage bounds what a stream or an export holds in memory: so many
	// events. A reader who does not take a page within streamPatience is cut off.
	streamPage     = 250
	streamPatience = 20 * time.Second
	// maxStreams bounds streams and exports of one server.
	maxStreams = 256
)

// stoppingKey finds in a request's context the channel that is closed when the
// server stops.
type stoppingKey struct{}

// stopping is closed when the server that serves the request stops; nil, which
// never is, outside of a Server.
func stopping(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return done
}

// streamed is a response that is written bit by bit, at the pace of its reader.
type streamed struct {
	ctx     context.Context
	w       http.ResponseWriter
	control *http.ResponseController
}

// openStream takes over the connection of a request, so that only the pace of
// its reader bounds it. A stream ends with the request, not after Patience.
func openStream(hctx huma.Context, contentType string) *streamed {
	_, w := humachi.Unwrap(hctx)
	s := &streamed{ctx: hctx.Context(), w: w, control: http.NewResponseController(w)}
	// What cannot be moved stays as the server has set it. The server's deadline
	// for reading would end the request while nothing is read any more.
	_ = s.control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would gather it
	return s
}

// send writes and flushes, or errs when the reader does not take it in time.
func (s *streamed) send(p []byte) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamPatience)) // see openStream
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.control.Flush()
}

// admit takes one of the places for streams; false when all are taken.
func (h *handler) admit() (leave func(), ok bool) {
	select {
	case h.streams <- struct{}{}:
		return func() { <-h.streams }, true
	default:
		return nil, false
	}
}

func tooManyStreams() *Problem {
	return problem(CodeUnavailable, "This server has as many streams and exports as it can have; try again, or another server.")
}

func (h *handler) streamRoutes() {
	op := operation{
		method: http.MethodGet, path: "/v1/events/stream", id: "streamEvents", tag: tagEvents, role: store.RoleAnalyst,
		summary: "Follow events as they come",
		doc: "Server-sent events: `event` is the type, `data` the body that endpoints get, `id` a cursor. It begins with what comes from now on, or behind `cursor` " +
			"(such as that of /v1/snapshot), or behind the header Last-Event-ID, which browsers send when they connect again. So a reader who was cut off, " +
			"because it was slow, or because the server stopped, misses nothing. The filters are those of /v1/events.",
	}
	register(h, op, h.streamEvents)
	h.describeStream(op, "text/event-stream")
}

// describeStream says what an answer is that huma knows nothing about.
func (h *handler) describeStream(op operation, contentType string) {
	operationAt(h.huma.OpenAPI(), op.method, op.path).Responses["200"] = &huma.Response{
		Description: "OK", Content: map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

func (h *handler) streamEvents(ctx context.Context, c caller, in *struct {
	EventQuery
	Cursor      string `query:"cursor" maxLength:"200" doc:"Begin behind this place: the cursor of a snapshot, or next_cursor of a list."`
	LastEventID string `header:"Last-Event-ID" maxLength:"200" doc:"The id of the last event that was read; comes before cursor."`
}) (*huma.StreamResponse, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	filter.After, err = eventPlace(in.Cursor)
	if in.LastEventID != "" {
		if filter.After, err = eventPlace(in.LastEventID); err != nil {
			return nil, invalid("Last-Event-ID:", "this is no id of this stream")
		}
	}
	if err != nil {
		return nil, err
	}
	if in.Cursor == "" && in.LastEventID == "" {
		head, err := h.cfg.Store.Head(ctx, c.domain)
		if err != nil {
			return nil, err
		}
		filter.After = dispatcher.Position{RecordedAt: head.RecordedAt, Seq: head.Seq}
	}
	filter.Limit = streamPage
	leave, ok := h.admit()
	if !ok {
		return nil, tooManyStreams()
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		s := openStream(hctx, "text/event-stream")
		h.follow(s, c, filter, func() bool {
			_, p := h.identify(s.ctx, hctx.Header("Authorization"))
			return p == nil || p.Code == CodeUnavailable
		})
	}}, nil
}

// follow sends what comes until the reader goes, the server stops, or the key is
// not good any more.
func (h *handler) follow(s *streamed, c caller, filter store.EventFilter, welcome func() bool) {
	poll := time.NewTicker(streamPoll)
	defer poll.Stop()
	buf, last := []byte("retry: 1000\n\n"), time.Now()
	for asked := h.cfg.Now(); ; {
		if now := h.cfg.Now(); now.Sub(asked) >= streamAlive {
			if asked = now; !welcome() {
				return
			}
		}
		page, err := h.cfg.Store.ListEvents(s.ctx, c.domain, filter)
		if err != nil {
			// Nothing is lost: the reader comes back to where it was.
			h.cfg.Logger.WarnContext(s.ctx, "read events for a stream", "request_id", requestID(s.ctx), "error", err)
			return
		}
		filter.After = page.Next
		for i := range page.Events {
			ev := &page.Events[i]
			at := dispatcher.Position{RecordedAt: ev.RecordedAt, Seq: ev.Seq}
			buf = append(buf, "id: "+eventCursor(at)+"\nevent: "+string(ev.Type)+"\ndata: "...)
			buf = append(ev.AppendJSON(buf), '\n', '\n')
		}
		if len(buf) == 0 && time.Since(last) >= streamAlive {
			// The id moves a reader on whose filters let little through.
			buf = append(buf, ": alive\nid: "+eventCursor(page.Next)+"\n\n"...)
		}
		if len(buf) > 0 {
			if s.send(buf) != nil {
				return
			}
			buf, last = buf[:0], time.Now()
		}
		if page.More {
			poll.Reset(streamPoll)
			if s.over() {
				return
			}
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-stopping(s.ctx):
			return
		case <-poll.C:
		}
	}
}

// over reports whether the reader is gone or the server stops.
func (s *streamed) over() bool {
	select {
	case <-s.ctx.Done():
		return true
	case <-stopping(s.ctx):
		return true
	default:
		return false
	}
}

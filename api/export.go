package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// The columns of an export as CSV: what every event has, the listed fields of
// attempt events under their own names, and three columns of JSON.
var (
	exportHead   = []string{"seq", "recorded_at", "id", "type", "timestamp", "sequence", "queue_id", "queue_name", "queue_type", "subject_kind", "subject_id", "attempt_id"}
	exportListed = []string{
		"channel", "destination", "use_processing", "agent_channel_id", "member_channel_id", "agent_name", "agent_id",
		"user_id", "agent_extension", "member_name", "member_id", "cc_attempt_seq", "cc_result", "call_bill_sec", "call_duration",
		"call_cause", "call_sip_code", "amd_result", "call_voice_sec",
	}
	exportTail = []string{"variables", "ext", "data"}
)

func (h *handler) exportRoutes() {
	for _, format := range []struct{ ext, id, contentType, doc string }{
		{"ndjson", "exportEventsNDJSON", mediaNDJSON, "One event a line, the body that endpoints get."},
		{"csv", "exportEventsCSV", mediaCSV, "The first line names the columns: what every event has, the listed fields of attempt events, " +
			"and `variables`, `ext` and, of other events, `data` as JSON. What an event does not have is empty."},
	} {
		op := operation{
			method: http.MethodGet, path: "/v1/export/events." + format.ext, id: format.id, tag: tagEvents, role: store.RoleAnalyst,
			summary: "Export events as " + strings.ToUpper(format.ext),
			doc: format.doc + " In the order of the log, up to its end as it is at the beginning of the export, with the filters of /v1/events. " +
				"It is streamed; when it cannot go on, the connection is broken off, so that a part is not taken for the whole.",
		}
		write := appendLine
		if format.ext == "csv" {
			write = appendCSV
		}
		register(h, op, func(ctx context.Context, c caller, in *EventQuery) (*huma.StreamResponse, error) {
			return h.export(ctx, c, in, exporter{contentType: format.contentType, ext: format.ext, write: write})
		})
		h.describeStream(op, format.contentType)
	}
}

// exporter is how events are written to an export.
type exporter struct {
	contentType, ext string
	// write appends an event; nil stands for the beginning.
	write func(buf *bytes.Buffer, ev *queue.Event) error
}

func (h *handler) export(ctx context.Context, c caller, in *EventQuery, x exporter) (*huma.StreamResponse, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	filter.Limit = streamPage
	head, err := h.cfg.Store.Head(ctx, c.domain)
	if err != nil {
		return nil, err
	}
	leave, ok := h.admit()
	if !ok {
		return nil, tooManyStreams()
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		s := openStream(hctx, x.contentType)
		s.w.Header().Set("Content-Disposition", `attachment; filename="events.`+x.ext+`"`)
		if err := h.exportTo(s, c, filter, head.Seq, x); err != nil {
			h.cfg.Logger.WarnContext(ctx, "export events", "request_id", requestID(ctx), "error", err)
			panic(http.ErrAbortHandler) // the status is out; only a broken connection says that something is missing
		}
	}}, nil
}

// exportTo writes page by page up to the event end. It holds one page.
func (h *handler) exportTo(s *streamed, c caller, filter store.EventFilter, end int64, x exporter) error {
	var buf bytes.Buffer
	if err := x.write(&buf, nil); err != nil {
		return err
	}
	for more := true; more; {
		if s.over() {
			return fmt.Errorf("stopped before its end: %w", context.Canceled)
		}
		page, err := h.cfg.Store.ListEvents(s.ctx, c.domain, filter)
		if err != nil {
			return err
		}
		more = page.More && page.Next.Seq < end
		filter.After = page.Next
		for i := range page.Events {
			if page.Events[i].Seq > end {
				break
			}
			if err := x.write(&buf, &page.Events[i]); err != nil {
				return err
			}
		}
		if err := s.send(buf.Bytes()); err != nil {
			return err
		}
		buf.Reset()
	}
	return nil
}

func appendLine(buf *bytes.Buffer, ev *queue.Event) error {
	if ev != nil {
		buf.Write(append(ev.AppendJSON(buf.AvailableBuffer()), '\n'))
	}
	return nil
}

// appendCSV writes an event as a line. It goes by the body, so that the columns
// say what the body says.
func appendCSV(buf *bytes.Buffer, ev *queue.Event) error {
	w := csv.NewWriter(buf)
	row := make([]string, 0, len(exportHead)+len(exportListed)+len(exportTail))
	if ev == nil {
		row = append(append(append(row, exportHead...), exportListed...), exportTail...)
	} else {
		var body struct {
			Data      json.RawMessage `json:"data"`
			Variables json.RawMessage `json:"variables"`
			Ext       json.RawMessage `json:"ext"`
		}
		if err := json.Unmarshal(ev.AppendJSON(nil), &body); err != nil {
			return fmt.Errorf("export event %d: %w", ev.Seq, err)
		}
		row = append(row, strconv.FormatInt(ev.Seq, 10), *stamp(ev.RecordedAt), queue.EventID(ev.ID), string(ev.Type), *stamp(ev.At))
		row = append(row, place(ev)...)
		var listed map[string]json.RawMessage
		if ev.Listed != nil {
			if err := json.Unmarshal(body.Data, &listed); err != nil {
				return fmt.Errorf("export event %d: %w", ev.Seq, err)
			}
			body.Data = nil
		}
		for _, name := range exportListed {
			row = append(row, cell(listed[name]))
		}
		row = append(row, string(body.Variables), string(body.Ext), string(body.Data))
	}
	if err := w.Write(row); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// place is where an event belongs: its number, its queue, its subject, its
// attempt.
func place(ev *queue.Event) []string {
	p := make([]string, 7)
	if ev.Sequence != 0 {
		p[0] = strconv.Itoa(ev.Sequence)
	}
	if q := ev.Queue; q != nil {
		p[1], p[2], p[3] = strconv.FormatInt(q.ID, 10), q.Name, string(q.Type)
	}
	if s := ev.Subject; s != nil {
		p[4], p[5] = s.Kind, s.ID
	}
	if ev.AttemptID != 0 {
		p[6] = strconv.FormatInt(ev.AttemptID, 10)
	}
	return p
}

// cell shows a JSON value as text; null and nothing are empty.
func cell(raw json.RawMessage) string {
	var text string
	switch {
	case raw == nil || string(raw) == "null":
		return ""
	case json.Unmarshal(raw, &text) == nil:
		return text
	default:
		return string(raw)
	}
}

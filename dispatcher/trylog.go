package dispatcher

import (
	"context"
	"log/slog"

	"github.com/offhook/offhook/queue"
)

// logTry writes one line about a try: a delivered one at debug, since there may
// be thousands a second, a failed one at info, one that was the last at warn.
// No URL, header or body is in it: those may be secrets.
func logTry(logger *slog.Logger, t *Try) {
	level := slog.LevelInfo
	switch {
	case t.State == StateDelivered:
		level = slog.LevelDebug
	case t.State.Final() && !t.Manual:
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("event", queue.EventID(t.EventID)), slog.String("type", string(t.EventType)), slog.Int64("seq", t.Seq),
		slog.Int("try", t.Number), slog.String("outcome", string(t.Outcome)), slog.String("state", string(t.State)),
		slog.Float64("took_ms", float64(t.Duration.Microseconds())/1000),
	}
	if t.AttemptID != 0 {
		attrs = append(attrs, slog.Int64("attempt", t.AttemptID))
	}
	if t.Status != 0 {
		attrs = append(attrs, slog.Int("status", t.Status))
	}
	if t.Error != "" {
		attrs = append(attrs, slog.String("error", t.Error))
	}
	if t.Manual {
		attrs = append(attrs, slog.Bool("manual", true))
	}
	if !t.NextAt.IsZero() {
		attrs = append(attrs, slog.Time("next_at", t.NextAt))
	}
	logger.LogAttrs(ctx, level, "try", attrs...)
}

package asterisk

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// LogLine is one line of a queue_log.
type LogLine struct {
	At time.Time // whole seconds unless the switch writes more
	// Call is the caller's Uniqueid; NONE, MANAGER or REALTIME for lines that
	// belong to no call.
	Call  string
	Queue string
	// Agent is the member's name in most lines and its interface in PENALTY and
	// RINGINUSE; NONE where there is none.
	Agent string
	Event string
	// Data is the rest of the line, separators included: free text may hold
	// them. Use Field for lines with a fixed layout.
	Data string
}

// Field returns the n-th (0, 1, …) of the separated data fields, empty when the
// line has fewer.
func (l *LogLine) Field(n int) string {
	rest := l.Data
	for ; n > 0; n-- {
		var ok bool
		if _, rest, ok = strings.Cut(rest, "|"); !ok {
			return ""
		}
	}
	field, _, _ := strings.Cut(rest, "|")
	return field
}

// seconds returns the n-th field as a number of seconds; 0 when it is none.
func (l *LogLine) seconds(n int) time.Duration {
	v, err := strconv.ParseInt(l.Field(n), 10, 32)
	if err != nil || v < 0 {
		return 0
	}
	return time.Duration(v) * time.Second
}

// ParseLogLine reads one line without its line end. The error does not know
// where the line stands; the caller does.
func ParseLogLine(line string) (LogLine, error) {
	parts := strings.SplitN(line, "|", 6)
	if len(parts) < 5 {
		return LogLine{}, errLogFields
	}
	at, ok := parseInstant(parts[0])
	if !ok {
		return LogLine{}, errLogTime
	}
	l := LogLine{At: at, Call: parts[1], Queue: parts[2], Agent: parts[3], Event: parts[4]}
	if len(parts) == 6 {
		l.Data = parts[5]
	}
	if l.Event == "" {
		return LogLine{}, errLogEvent
	}
	return l, nil
}

type logError string

func (e logError) Error() string { return string(e) }

const (
	errLogFields = logError("a queue_log line has at least five fields: time|call|queue|agent|event")
	errLogTime   = logError("a queue_log line begins with the seconds since 1970")
	errLogEvent  = logError("a queue_log line names an event")
)

// parseInstant reads seconds since 1970 with up to nine decimals, as AMI
// (Timestamp) and queue_log write them. The result has whole milliseconds, the
// resolution of the engine.
func parseInstant(s string) (time.Time, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < 0 || sec > math.MaxInt32*8 {
		return time.Time{}, false
	}
	var ms int64
	if frac != "" {
		n, err := strconv.ParseUint(frac, 10, 64)
		if err != nil || len(frac) > 9 {
			return time.Time{}, false
		}
		for i := len(frac); i < 9; i++ {
			n *= 10
		}
		ms = int64(n / 1e6)
	}
	return time.UnixMilli(sec*1000 + ms).UTC(), true
}

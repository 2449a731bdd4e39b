package dispatcher

import "time"

// filterLogEvery bounds how often one endpoint's failing filter is told of.
const filterLogEvery = time.Minute

// filterLog remembers what was said of a filter's failures. It belongs to the
// goroutine that reads.
type filterLog struct {
	match   *Matcher
	counted int64
	told    int64
	next    time.Time
}

// count returns how many failures there are that were not counted.
func (l *filterLog) count(m *Matcher) int64 {
	if l.match != m {
		*l = filterLog{match: m}
	}
	n, _ := m.Failures()
	fresh := n - l.counted
	l.counted = n
	return fresh
}

// check returns how many failures there are to tell of, and what the last one
// was; 0 when there is nothing new, or something was told a moment ago.
func (l *filterLog) check(m *Matcher, now time.Time) (fresh int64, last string) {
	if l.match != m {
		*l = filterLog{match: m}
	}
	n, last := m.Failures()
	if n == l.told || now.Before(l.next) {
		return 0, ""
	}
	fresh = n - l.told
	l.told, l.next = n, now.Add(filterLogEvery)
	return fresh, last
}

// tellOfFilter counts and logs that the endpoint's filter fails at events.
func (w *worker) tellOfFilter(t *target) {
	w.d.cfg.Metrics.filterFailed(w.filterLog.count(t.match))
	if fresh, last := w.filterLog.check(t.match, w.d.cfg.Now()); fresh > 0 {
		w.logger.Warn("the filter fails at events, which are not sent", "events", fresh, "last", last)
	}
}

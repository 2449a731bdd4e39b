package dispatcher

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/offhook/offhook/queue"
)

// table is a log with n events that counts its reads.
type table struct {
	n     int64
	reads int
	fail  error
}

func (t *table) read(_ context.Context, after Position) (out []queue.Event, err error) {
	t.reads++
	for seq := after.Seq + 1; seq <= t.n && len(out) < pageSize; seq++ {
		out = append(out, at(seq))
	}
	return out, t.fail
}

func at(seq int64) queue.Event {
	return queue.Event{Seq: seq, RecordedAt: noon.Add(time.Duration(seq) * time.Millisecond), AttemptID: seq}
}

func events(from, to int64) (out []queue.Event) {
	for ; from <= to; from++ {
		out = append(out, at(from))
	}
	return out
}

func newLog(tb *table) (*eventLog, *time.Time) {
	now := noon
	return &eventLog{read: tb.read, now: func() time.Time { return now }, every: time.Second}, &now
}

// walk reads from a place until there is nothing more, and returns the place
// where it ended.
func walk(t *testing.T, l *eventLog, pos Position) Position {
	t.Helper()
	for {
		entries, again, err := l.after(t.Context(), pos)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			if again.IsZero() {
				t.Fatal("nothing there, and no instant to ask again")
			}
			return pos
		}
		for _, e := range entries {
			if e.ev.Seq != pos.Seq+1 {
				t.Fatalf("%d follows %d", e.ev.Seq, pos.Seq)
			}
			pos = e.pos()
		}
	}
}

func TestPagesAreReadOnceForAll(t *testing.T) {
	t.Parallel()
	tb := &table{n: 3500}
	l, _ := newLog(tb)
	for range 5 {
		if end := walk(t, l, Position{}); end.Seq != 3500 {
			t.Fatalf("ended at %d", end.Seq)
		}
	}
	if tb.reads != 5 { // four pages and one look at the end
		t.Errorf("%d reads for five endpoints, want 5", tb.reads)
	}
}

func TestFedEventsAreNotRead(t *testing.T) {
	t.Parallel()
	tb := &table{n: 10}
	l, now := newLog(tb)
	pos := walk(t, l, Position{})
	reads := tb.reads
	for seq := int64(11); seq <= 200; seq++ {
		tb.n = seq
		l.feed(newEntries(events(seq, seq)))
		pos = walk(t, l, pos)
	}
	if pos.Seq != 200 || tb.reads != reads {
		t.Errorf("at %d after %d reads", pos.Seq, tb.reads-reads)
	}
	// What was not fed is found by the poll, and joins what is fed later.
	tb.n = 205
	if walk(t, l, pos).Seq != 200 {
		t.Error("polled before its time")
	}
	*now = now.Add(time.Second)
	if pos = walk(t, l, pos); pos.Seq != 205 {
		t.Errorf("the poll ended at %d", pos.Seq)
	}
	l.feed(newEntries(events(203, 206))) // partly known
	if pos = walk(t, l, pos); pos.Seq != 206 {
		t.Errorf("ended at %d", pos.Seq)
	}
}

func TestAGapInTheFeedIsReadFromTheTable(t *testing.T) {
	t.Parallel()
	tb := &table{n: 50}
	l, _ := newLog(tb)
	pos := walk(t, l, Position{})
	tb.n = 100
	l.feed(newEntries(events(91, 100))) // 51 to 90 were not fed
	if pos = walk(t, l, pos); pos.Seq != 100 {
		t.Errorf("ended at %d", pos.Seq)
	}
}

func TestTheTailIsBounded(t *testing.T) {
	t.Parallel()
	tb := &table{}
	l, _ := newLog(tb)
	for seq := int64(1); seq < 3*tailBytes/usualWeight; seq += 512 {
		tb.n = seq + 511
		fed := events(seq, seq+511)
		for i := range fed {
			fed[i].Listed = &queue.Listed{}
		}
		l.feed(newEntries(fed))
	}
	if n := len(l.tail); n > tailBytes/usualWeight || n < tailBytes/usualWeight*3/4 {
		t.Errorf("the tail holds %d events", len(l.tail))
	}
	if end := walk(t, l, Position{}); end.Seq != tb.n || tb.reads == 0 {
		t.Errorf("from the beginning to %d of %d with %d reads", end.Seq, tb.n, tb.reads)
	}
}

// What people put into an event counts, and what an event of an attempt has is
// more than what others have.
func TestLargerEventsWeighMore(t *testing.T) {
	t.Parallel()
	last := 0
	for i, ev := range []queue.Event{
		{Data: []byte("{}")}, {Data: make([]byte, 400)}, {Listed: &queue.Listed{}},
		{Listed: &queue.Listed{}, Variables: map[string]string{"note": strings.Repeat("x", 400)}}, {Data: make([]byte, 4000)},
	} {
		w := weigh(newEntries([]queue.Event{ev}))
		if w <= last || w < len(ev.Data)+len(ev.Variables["note"]) {
			t.Errorf("event %d weighs %d, the one before %d", i, w, last)
		}
		last = w
	}
}

func TestOneBehindDoesNotWaitForThePoll(t *testing.T) {
	t.Parallel()
	tb := &table{n: 5000}
	l, _ := newLog(tb)
	head := at(5000)
	if walk(t, l, Position{Seq: 5000, RecordedAt: head.RecordedAt}).Seq != 5000 {
		t.Fatal("there is nothing behind the head")
	}
	if end := walk(t, l, Position{}); end.Seq != 5000 { // the clock stands still
		t.Errorf("ended at %d", end.Seq)
	}
}

func TestAReadThatFailsIsReported(t *testing.T) {
	t.Parallel()
	tb := &table{n: 5, fail: errors.New("no database")}
	l, _ := newLog(tb)
	if _, _, err := l.after(t.Context(), Position{}); !errors.Is(err, tb.fail) {
		t.Errorf("error %v", err)
	}
}

// One event that waits must not keep the whole page in memory that it was read
// with: an endpoint that wants one event in a thousand would hold the log.
func TestAnEntryKeepsNoOtherAlive(t *testing.T) {
	t.Parallel()
	entries := newEntries(events(1, 100))
	kept, other := entries[0], weak.Make(entries[50])
	entries = nil
	runtime.GC()
	if other.Value() != nil {
		t.Error("an entry is still there with nobody to need it")
	}
	runtime.KeepAlive(kept)
}

// The tail holds many small events or a few large ones.
func TestTheTailIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	large := map[string]string{"note": strings.Repeat("x", 64<<10)}
	l, _ := newLog(&table{})
	for seq := int64(1); seq <= 20_000; seq += 10 {
		batch := events(seq, seq+9)
		for i := range batch {
			batch[i].Variables = large
		}
		l.feed(newEntries(batch))
		if kept := len(l.tail) * 64 << 10; kept > tailBytes+640<<10 {
			t.Fatalf("the tail holds %d bytes of variables after %d events", kept, seq)
		}
	}
	if last := l.tail[len(l.tail)-1].ev.Seq; last != 20_000 || len(l.tail) < 100 {
		t.Errorf("%d events up to %d are left", len(l.tail), last)
	}
	page := events(1, pageSize)
	for i := range page {
		page[i].Variables = large
	}
	if _, _, err := l.store(Position{}, newEntries(page)); err != nil || len(l.pages) != 0 {
		t.Errorf("a page of %d MB is kept (%v)", pageSize*64>>10, err)
	}
}

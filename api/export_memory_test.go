package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
)

// An export holds a page of the log, not the log: memory does not grow with what
// is exported. Not in parallel, because the memory of the process is measured.
func TestExportHoldsAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads tens of thousands of events")
	}
	const events, room = 40_000, 12 << 20
	s := newSite(t)
	const fill = `
INSERT INTO events (domain_id, recorded_at, seq, id, type, at, sequence, queue_id, queue_name, queue_type, attempt_id, channel,
                    use_processing, cc_attempt_seq, variables, ext)
SELECT 1, $1::timestamptz + g * interval '1 ms', g, gen_random_uuid(), 'attempt.joined', $1, 1, 7, 'sales', 'inbound', g, 'call', false, 1,
       jsonb_build_object('note', repeat('x', 1000)), '{"state":"waiting"}'
FROM generate_series(1, $2::bigint) AS g`
	begin := s.clock.now()
	if _, err := s.pool.Exec(t.Context(), fill, begin, events); err != nil {
		t.Fatal(err)
	}
	const head = `UPDATE domains SET head_seq = $1, head_recorded_at = (SELECT max(recorded_at) FROM events WHERE domain_id = 1) WHERE id = 1`
	if _, err := s.pool.Exec(t.Context(), head, events); err != nil {
		t.Fatal(err)
	}
	for _, ext := range []string{"ndjson", "csv"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/export/events."+ext, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.analyst)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		before, most := inUse(), uint64(0)
		lines, total, measured := 0, 0, 0
		for buf := make([]byte, 256<<10); err == nil; {
			var n int
			n, err = resp.Body.Read(buf)
			lines, total = lines+bytes.Count(buf[:n], []byte("\n")), total+n
			if total-measured > 4<<20 {
				measured = total
				most = max(most, inUse())
			}
		}
		if !errors.Is(err, io.EOF) || lines < events || total < events*1000 {
			t.Fatalf("%s: %d lines, %d bytes: %v", ext, lines, total, err)
		}
		if most > before+room {
			t.Errorf("%s: an export of %d MB holds %d MB", ext, total>>20, (most-before)>>20)
		}
	}
}

// inUse is what the process holds after a collection.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

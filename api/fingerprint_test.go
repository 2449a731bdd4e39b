package api_test

import "time"

// fingerprint changes with every change of what the database keeps for domain 1.
// A task that an earlier request began changes it too, so those are waited for,
// and so does a deadline, so the clock stands still from now on.
func (s *site) fingerprint() string {
	s.t.Helper()
	s.clock.stop()
	for working := true; working; <-time.After(5 * time.Millisecond) {
		const unfinished = `SELECT EXISTS (SELECT FROM tasks WHERE state IN ('queued', 'running') AND kind <> 'test.never')`
		if err := s.pool.QueryRow(s.t.Context(), unfinished).Scan(&working); err != nil {
			s.t.Fatal(err)
		}
	}
	var text string
	err := s.pool.QueryRow(s.t.Context(), `
SELECT (SELECT version || '/' || head_seq FROM domains WHERE id = 1) || '/' ||
       (SELECT count(*) || '/' || coalesce(max(updated_at)::text, '') FROM endpoints) || '/' ||
       (SELECT count(*) || '/' || coalesce(sum(edition), 0) FROM members) || '/' || (SELECT count(*) || '/' || coalesce(max(note), '') FROM dnc) || '/' ||
       (SELECT count(*) FROM late_reports) || '/' || (SELECT count(*) FROM tasks WHERE NOT cancelling) || '/' ||
       (SELECT count(*) FROM audit_log WHERE domain_id = 1)`).Scan(&text)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

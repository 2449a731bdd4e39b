package api_test

import (
	"strings"
	"testing"
	"time"
)

// BenchmarkImport reads a CSV file of a hundred thousand members, from its upload
// to the end of the task.
func BenchmarkImport(b *testing.B) {
	const n = 100_000
	s := newSite(b)
	body := strings.ReplaceAll(csvOf(n), ",,", ",+4900,")
	for b.Loop() {
		list := s.list("preview")
		began := time.Now()
		task := s.finished(s.post("/v1/queues/"+list+"/members", "text/csv", body))
		if task.at("result", "added") != float64(n) {
			b.Fatalf("%s", task.raw)
		}
		b.ReportMetric(n/time.Since(began).Seconds(), "rows/s")
	}
}

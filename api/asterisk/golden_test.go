package asterisk

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

// TestTranscripts pins what each capture gives, as lines that people can read.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		for _, source := range []string{"ami.txt", "queue_log"} {
			dir := filepath.Join("testdata", name)
			if source == "queue_log" && (name == "s32" || name == "s42") {
				continue // nobody entered a queue, so there is no log
			}
			t.Run(name+"/"+source, func(t *testing.T) {
				t.Parallel()
				got := transcript(rehearse(t, string(readFile(t, filepath.Join(dir, source)))))
				golden := filepath.Join(dir, strings.TrimSuffix(source, ".txt")+".golden")
				if name == "s50" {
					golden += ".gz" // a busy hour
				}
				if *update {
					writeGolden(t, golden, got)
				}
				want := string(readFile(t, strings.TrimSuffix(golden, ".gz")))
				if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", golden, diff)
				}
			})
		}
	}
}

func writeGolden(t *testing.T, path, text string) {
	t.Helper()
	b := []byte(text)
	if strings.HasSuffix(path, ".gz") {
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		z.Write(b)
		z.Close()
		b = zipped.Bytes()
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

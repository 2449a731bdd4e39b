package queue

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInstantsAreWhatTheTimePackageWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Beyond the years 0 and 9999 as well.
		at := time.Unix(rapid.Int64Range(-100_000_000_000, 300_000_000_000).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		want := at.UTC().Format(instant)
		if got := string(AppendInstant(nil, at)); got != want {
			t.Fatalf("wrote %s, want %s", got, want)
		}
		wantRead, wantErr := time.Parse(time.RFC3339Nano, want)
		if got, err := ParseInstant(want); !got.Equal(wantRead) || (err == nil) != (wantErr == nil) {
			t.Fatalf("read %s as %s, %v; want %s, %v", want, got, err, wantRead, wantErr)
		}
	})
}

func TestInstantsAreReadAsTheTimePackageDoes(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"2026-02-28T23:59:59.999Z", "2024-02-29T00:00:00.000Z", "2026-02-29T00:00:00.000Z", "2026-04-31T00:00:00.000Z",
		"2026-00-10T00:00:00.000Z", "2026-13-10T00:00:00.000Z", "2026-01-00T00:00:00.000Z", "2026-01-01T24:00:00.000Z",
		"2026-01-01T00:60:00.000Z", "2026-01-01T00:00:60.000Z", "2026-01-01T00:00:00.00xZ", "2026-01-01 00:00:00.000Z",
		"2026-01-01T00:00:00.000z", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00.5+02:00", "2026-01-01T00:00:00.123456Z", "", "yesterday",
	} {
		want, wantErr := time.Parse(time.RFC3339Nano, s)
		got, err := ParseInstant(s)
		if (err == nil) != (wantErr == nil) || err == nil && (!got.Equal(want) || got.Location() != time.UTC) {
			t.Errorf("read %q as %s, %v; want %s, %v", s, got, err, want, wantErr)
		}
	}
}

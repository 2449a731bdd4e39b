package store_test

import (
	"strings"
	"testing"

	"github.com/offhook/offhook/store"
)

func TestParseKeyRing(t *testing.T) {
	t.Parallel()
	good := store.NewKeyRingText("a")
	key := strings.TrimPrefix(good, "a:")
	for text, ok := range map[string]bool{
		good: true, good + ", " + store.NewKeyRingText("b"): true,
		"": false, "a": false, "a:": false, ":" + key: false, "a:hush": false,
		good + "," + good: false, good + ",": false, "a:" + key[:20]: false,
		strings.Repeat("i", 33) + ":" + key: false,
	} {
		_, err := store.ParseKeyRing(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v, want good %t", text, err, ok)
		}
		if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), key[:8])) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

package pacing

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPresetsPage: the table of docs/pacing.md has every setting, with the
// values of both presets.
func TestPresetsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/pacing.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][2]string{} // by setting: US, UK
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\| (.*?) \\| (.*?) \\|").FindAllStringSubmatch(string(page), -1) {
		names, us, uk := strings.Split(row[1], ", "), strings.Split(row[2], ", "), strings.Split(row[3], ", ")
		for i, name := range names {
			if i < len(us) && i < len(uk) {
				told[strings.Trim(name, "`")] = [2]string{strings.Trim(us[i], "`"), strings.Trim(uk[i], "`")}
			}
		}
	}
	for i, s := range []Settings{US(), UK()} {
		body, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var settings map[string]any
		if err := json.Unmarshal(body, &settings); err != nil {
			t.Fatal(err)
		}
		for name, value := range settings {
			if got, want := told[name][i], fmt.Sprint(value); got != want {
				t.Errorf("docs/pacing.md says %q of %s in preset %d, want %s", got, name, i, want)
			}
		}
		if len(settings) != len(told) {
			t.Errorf("docs/pacing.md has %d settings, want %d", len(told), len(settings))
		}
	}
}

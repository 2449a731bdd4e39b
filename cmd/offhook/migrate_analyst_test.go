package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/store/storetest"
)

// The command makes the role on a database that it has brought up to date
// before, and says what a role must not be called.
func TestMigrateAnalystRole(t *testing.T) {
	t.Parallel()
	env := []string{"OFFHOOK_DATABASE_URL=" + storetest.Empty(t)}
	role := fmt.Sprintf("reporting_%d", time.Now().UnixNano())
	for range 2 {
		done := runOffhook(t, env, "migrate", "analyst-role", role)
		if done.code != 0 || !strings.Contains(done.stdout, role) {
			t.Fatalf("exit %d: %s %s", done.code, done.stdout, done.stderr)
		}
	}
	if bad := runOffhook(t, env, "migrate", "analyst-role", "no; such"); bad.code != 2 || !strings.Contains(bad.stderr, "cannot be the name of a role") {
		t.Errorf("exit %d: %s", bad.code, bad.stderr)
	}
}

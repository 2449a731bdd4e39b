package storetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func TestEachTestHasItsOwn(t *testing.T) {
	t.Parallel()
	first, second := storetest.New(t), storetest.New(t)
	if _, err := first.Exec(t.Context(), "INSERT INTO domains (id, name) VALUES (2, 'two')"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{first.Config().ConnString(): 2, second.Config().ConnString(): 1} {
		conn, err := pgx.Connect(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM domains").Scan(&n); err != nil || n != want {
			t.Errorf("%d domains, %v; want %d", n, err, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			pool := storetest.New(t)
			if err := pool.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestEmptyHasNoTables(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), storetest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	const count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
	if err := conn.QueryRow(t.Context(), count).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables, %v", n, err)
	}
}

// TestInnerFails fails on purpose, in the process that TestFailureIsKept runs.
func TestInnerFails(t *testing.T) {
	if os.Getenv("STORETEST_INNER") == "" {
		t.Skip("runs inside TestFailureIsKept")
	}
	storetest.New(t)
	t.Error("on purpose")
}

func TestFailureIsKept(t *testing.T) {
	t.Parallel()
	if os.Getenv("STORETEST_INNER") != "" || os.Getenv("OFFHOOK_TEST_DATABASE_URL") != "" {
		t.Skip("needs a server of its own")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestInnerFails$")
	cmd.Env = append(os.Environ(), "STORETEST_INNER=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is kept: postgres://") {
		t.Fatalf("the inner run: %v\n%s", err, out)
	}
	_, rest, ok := strings.Cut(string(out), "postgres -D ")
	if !ok {
		t.Fatalf("no word on where the data is:\n%s", out)
	}
	data := strings.Fields(rest)[0]
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil {
		t.Errorf("the data is not there: %v", err)
	}
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(data))); err != nil {
		t.Error(err)
	}
}

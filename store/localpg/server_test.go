package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMain lets this binary stand in for a launcher that a test kills: it
// starts a server, prints the server's pid and waits for its end.
func TestMain(m *testing.M) {
	dir := os.Getenv("LOCALPG_TEST_LAUNCH")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), Options{DataDir: dir})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(s.PID())
	select {}
}

// tempDir is a short-lived data folder that the server's account can reach.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var out string
	if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func gone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("process %d still lives", pid)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestStartStopStartKeepsData(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s, err := Start(t.Context(), Options{DataDir: dir, Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, "SELECT current_setting('fsync') || current_setting('listen_addresses')"); got != "on" {
		t.Errorf("fsync and listen_addresses of a durable server = %q", got)
	}
	query(t, s, "WITH x AS (SELECT 1) SELECT 'made' FROM x")
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'still here' AS word"); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil { // with a connection open
		t.Fatal(err)
	}
	gone(t, s.PID())
	if _, err := os.Stat(s.folder.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket folder is left: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	again := start(t, dir)
	if got := query(t, again, "SELECT word FROM kept"); got != "still here" {
		t.Errorf("read %q", got)
	}
	if got := query(t, again, "SELECT current_setting('fsync')"); got != "off" {
		t.Errorf("fsync of a server for tests = %q", got)
	}
	if filepath.Base(again.Dir()) != "pg"+strconv.Itoa(again.Major()) {
		t.Errorf("data in %s for major %d", again.Dir(), again.Major())
	}
}

func TestSecondLauncherIsRefused(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := start(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Options{DataDir: dir}); !errors.Is(err, ErrInUse) {
		t.Fatalf("second Start = %v, want ErrInUse", err)
	}
	if err := Remove(dir); !errors.Is(err, ErrInUse) {
		t.Fatalf("Remove below a live server = %v, want ErrInUse", err)
	}
	if got := query(t, s, "SELECT 'alive'"); got != "alive" {
		t.Fatal(got)
	}
}

// TestManyLaunchers: all at once on folders of their own, and then two that
// want the same folder one after the other.
func TestManyLaunchers(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	shared := tempDir(t)
	for i := range 4 {
		dir := shared
		if i >= 2 {
			dir = tempDir(t)
		}
		wg.Go(func() {
			s, err := Start(t.Context(), Options{DataDir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
			if err != nil {
				t.Error(err)
			} else {
				conn.Close(t.Context())
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// launcher starts this binary as a launcher on dir and returns it with the
// pid of its server.
func launcher(t *testing.T, dir string) (*exec.Cmd, int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "LOCALPG_TEST_LAUNCH="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		cmd.Wait()
		t.Fatalf("launcher said %q", line)
	}
	return cmd, pid
}

func TestKilledLauncherTakesItsServerAlong(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	cmd, pid := launcher(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // reports the kill
	// At once: the next launcher waits for the old server's end by itself.
	s := start(t, dir)
	gone(t, pid)
	if got := query(t, s, "SELECT 'alive'"); got != "alive" {
		t.Fatal(got)
	}
}

// TestEverythingKilled: launcher and server killed, and the pid in the pid file
// and in the socket's lock belongs to a live process by now.
func TestEverythingKilled(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	cmd, pid := launcher(t, dir)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // reports the kill
	gone(t, pid)
	pidFiles, err := filepath.Glob(filepath.Join(dir, "pg*", "data", "postmaster.pid"))
	if err != nil || len(pidFiles) != 1 {
		t.Fatalf("pid files %v, %v: a killed server should leave one", pidFiles, err)
	}
	content, err := os.ReadFile(pidFiles[0])
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "\n")
	stale := strconv.Itoa(os.Getpid()) + "\n" + rest
	if err := os.WriteFile(pidFiles[0], []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	if got := query(t, s, "SELECT 'alive'"); got != "alive" {
		t.Fatal(got)
	}
}

// TestServerDiesOnItsOwn: Done tells, Stop still cleans up.
func TestServerDiesOnItsOwn(t *testing.T) {
	t.Parallel()
	s := start(t, tempDir(t))
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestAChildBeingForkedDoesNotKeepTheFolder: between its fork and its exec a
// process that somebody else starts here has our lock open, too.
func TestAChildBeingForkedDoesNotKeepTheFolder(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Server) error{
		"stopped": func(*Server) error { return nil },
		"killed": func(s *Server) error {
			err := syscall.Kill(s.PID(), syscall.SIGKILL)
			<-s.Done()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			s := start(t, dir)
			child, err := syscall.Dup(int(s.folder.lock.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			if name == "killed" { // then the lock says when the last process is gone
				time.AfterFunc(100*time.Millisecond, func() { syscall.Close(child) })
			} else {
				defer syscall.Close(child)
			}
			if err := errors.Join(end(s), s.Stop()); err != nil {
				t.Fatal(err)
			}
			if err := Remove(dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBrokenDataSaysWhy(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := start(t, dir)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "data", "postgresql.conf"), []byte("nonsense = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Fatalf("Start = %v, want what the server said", err)
	}
	if !strings.HasPrefix(err.Error(), "start postgres: ") {
		t.Errorf("error %q", err)
	}
}

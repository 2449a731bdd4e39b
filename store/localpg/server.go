// Package localpg runs a private Postgres out of binaries that are on the
// machine: for the demo, for serve --dev and for the tests.
//
// The server listens on a unix socket only, in a folder that nobody else may
// enter, so there is no port and no password to clash over. It dies with the
// process that started it, also when that is killed; what a killed one leaves
// behind does not keep the next from starting.
package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Options says where a server lives and how careful it is.
type Options struct {
	// DataDir is the folder of the data; inside, each major version has its
	// own (pg15, …). Empty means DefaultDataDir. When the account that root
	// drops to cannot reach it, a folder in /var/tmp stands for it.
	DataDir string
	// Durable keeps committed data through a crash of the machine. Tests leave
	// it off and are several times as fast.
	Durable bool
	// Binaries are used as they are; the zero value means Find.
	Binaries Binaries
	// Settings are laid over the server's own, by name.
	Settings map[string]string
	// Logger is told what is started and stopped; nil means nobody is.
	Logger *slog.Logger
}

// Server is a running Postgres. Its methods are safe for concurrent use.
type Server struct {
	folder *folder
	cmd    *exec.Cmd
	log    *slog.Logger
	major  int
	exited <-chan error
	done   chan struct{} // closed after exited was read into exitErr

	exitErr  error
	stopOnce sync.Once
	stopErr  error
}

// How long a server may take: to start after a crash it replays its log, and a
// leftover one that is shutting down writes its last checkpoint.
const (
	lockWait  = 20 * time.Second
	startWait = 60 * time.Second
	stopWait  = 20 * time.Second
)

// Start makes the data folder if need be, starts a server on it and returns
// when it takes connections. It waits a while for an older server on the same
// folder to end, then errs with ErrInUse. ctx bounds the start only; the server
// runs until Stop, or until this process ends.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Binaries.Dir == "" {
		found, err := Find()
		if err != nil {
			return nil, err
		}
		opts.Binaries = found
	}
	acc, err := serverAccount()
	if err != nil {
		return nil, err
	}
	f, err := openFolder(ctx, &opts, acc)
	if err != nil {
		return nil, err
	}
	l := launch{opts: opts, acc: acc, folder: f}
	s, err := l.run(ctx)
	if err != nil {
		f.lock.Close()
		return nil, err
	}
	return s, nil
}

func openFolder(ctx context.Context, opts *Options, acc account) (*folder, error) {
	if opts.DataDir == "" {
		dir, err := DefaultDataDir()
		if err != nil {
			return nil, err
		}
		opts.DataDir = dir
	}
	dir, err := filepath.Abs(opts.DataDir)
	if err != nil {
		return nil, fmt.Errorf("resolve the data folder: %w", err)
	}
	f, err := newFolder(reachable(dir, acc), opts.Binaries.Major)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if err := f.acquire(ctx, acc); err != nil {
		return nil, err
	}
	return f, nil
}

// launch is one start of a server.
type launch struct {
	opts   Options
	acc    account
	folder *folder
}

func (l *launch) run(ctx context.Context) (*Server, error) {
	if err := l.folder.sweep(); err != nil {
		return nil, err
	}
	if err := l.initialise(ctx); err != nil {
		return nil, err
	}
	if err := ownFolder(l.folder.socket, l.acc); err != nil {
		return nil, err
	}
	// Root writes into a folder that the server's account owns: a file that is
	// there could be a link to anywhere.
	if err := os.Remove(l.folder.log()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the server's old log: %w", err)
	}
	logFile, err := os.OpenFile(l.folder.log(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer logFile.Close()
	cmd := l.command("postgres", l.arguments()...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	exited, err := spawn(cmd)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	s := &Server{
		folder: l.folder, cmd: cmd, log: l.opts.Logger, major: l.opts.Binaries.Major,
		exited: exited, done: make(chan struct{}),
	}
	go func() {
		s.exitErr = <-exited
		close(s.done)
	}()
	if err := s.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, s.halt())
	}
	s.log.Info("started a private Postgres", "major", s.major, "folder", l.folder.dir, "pid", cmd.Process.Pid)
	return s, nil
}

// initialise makes the cluster beside its final place and moves it there when
// it is whole, so that a killed initdb leaves nothing half made.
func (l *launch) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(l.folder.data(), "PG_VERSION")); err == nil {
		return nil
	}
	fresh := l.folder.data() + ".new"
	cmd := l.command("initdb", "-D", fresh, "-A", "trust", "-U", "postgres", "-E", "UTF8",
		"--no-locale", "--no-sync", "--no-instructions")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	exited, err := spawn(cmd)
	if err != nil {
		return fmt.Errorf("start initdb: %w", err)
	}
	select {
	case err = <-exited:
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), cmd.Process.Kill(), <-exited)
	}
	if err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, bytes.TrimSpace(out.Bytes()))
	}
	if err := os.Rename(fresh, l.folder.data()); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return nil
}

func (l *launch) arguments() []string {
	args := []string{"-D", l.folder.data(), "-k", l.folder.socket, "-p", "5432"}
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_permissions": "0700",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"jit":                     "off", // short statements only: compiling costs more than it saves
		// Kept in the data folder: POSIX segments of a killed server would
		// stay in /dev/shm for ever.
		"dynamic_shared_memory_type": "mmap",
	}
	if !l.opts.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
		settings["wal_level"] = "minimal"
		settings["max_wal_senders"] = "0"
	}
	for name, value := range l.opts.Settings {
		settings[name] = value
	}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// command gives the child the lock, a clean environment (the PG variables of
// the caller are about another server) and a working folder it can enter.
func (l *launch) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(l.opts.Binaries.Dir, name), args...)
	cmd.Dir = l.folder.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.ExtraFiles = []*os.File{l.folder.lock}
	cmd.SysProcAttr = attributes(l.acc, syscall.SIGINT)
	return cmd
}

// spawn starts cmd on a thread of its own that stays until cmd ended: a death
// signal comes when the thread that forked ends, not the process.
func spawn(cmd *exec.Cmd) (exited <-chan error, err error) {
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

// awaitReady watches the pid file, where a server writes "ready" as soon as it
// takes connections.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		pid, err := os.ReadFile(filepath.Join(s.folder.data(), "postmaster.pid"))
		if err == nil && bytes.Contains(pid, []byte("\nready")) {
			return nil
		}
		select {
		case <-poll.C:
		case <-s.done:
			return fmt.Errorf("start postgres: %w: %s", exitReason(s.exitErr), s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres: %w: %s", ctx.Err(), s.logTail())
		}
	}
}

func exitReason(err error) error {
	if err == nil {
		return errors.New("it ended at once")
	}
	return err
}

func (s *Server) logTail() string {
	data, err := os.ReadFile(s.folder.log())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(data[max(0, len(data)-2000):]))
}

// URL returns the connection URL of one of the server's databases. A fresh
// server has the database postgres.
func (s *Server) URL(database string) string {
	q := url.Values{"host": {s.folder.socket}, "port": {"5432"}, "sslmode": {"disable"}}
	return "postgres://postgres@/" + url.PathEscape(database) + "?" + q.Encode()
}

// Major is the server's major version.
func (s *Server) Major() int { return s.major }

// Dir is the folder where the server keeps its data and server.log.
func (s *Server) Dir() string { return s.folder.dir }

// PID is the process id of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the server has ended, by Stop or on its own.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the server and returns when no process of it is left. The data
// stays. Further calls return what the first one did.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		s.stopErr = s.halt()
		s.log.Info("stopped the private Postgres", "folder", s.folder.dir)
	})
	return s.stopErr
}

// halt asks ever less politely: fast shutdown, immediate shutdown, kill.
func (s *Server) halt() error {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop postgres: %w", err)
		}
		select {
		case <-s.done:
			return s.release()
		case <-time.After(stopWait):
		}
	}
	return fmt.Errorf("stop postgres: process %d does not end", s.cmd.Process.Pid)
}

// release gives the folder free for the next server. One that ended cleanly has
// waited for its other processes; after a kill they may outlive it for a
// moment, and the lock that they inherited says when the last is gone.
func (s *Server) release() error {
	if s.exitErr == nil {
		return errors.Join(s.folder.removeSocket(), unlock(s.folder.lock))
	}
	if err := s.folder.lock.Close(); err != nil {
		return fmt.Errorf("release the data folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	for {
		lock, err := openLock(s.folder.lock.Name())
		if err == nil {
			return errors.Join(s.folder.removeSocket(), unlock(lock))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server's last process: %w", err)
		case <-time.After(lockPoll):
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

type demoOptions struct {
	length time.Duration
	speed  float64
	seed   uint64
	json   bool
}

func newDemoCommand() *cobra.Command {
	var opt demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole way with nothing set up: calls, events, Postgres, signed webhooks",
		Long: `demo starts a private Postgres (or uses OFFHOOK_DATABASE_URL), the server and a
receiver in a process of its own. A simulated centre with queues of all eight
types and recordings of a real Asterisk make calls, chats and tasks; every event
goes to Postgres and from there to the receiver, which verifies signatures and
order and fails now and then on purpose.

At the end it reads the log back from Postgres, compares it with what the
receiver kept, and counts what each type of queue fired. It ends with 0 only
when nothing is missing, all is in order and every type did what it may.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd, opt) },
	}
	f := cmd.Flags()
	f.DurationVar(&opt.length, "for", 10*time.Second, "how long new customers come; then everybody inside is served")
	f.Float64Var(&opt.speed, "speed", 1, "how much faster people are than in real life")
	f.Uint64Var(&opt.seed, "seed", 1, "which customers come")
	f.BoolVar(&opt.json, "json", false, "JSON lines instead of text")
	return cmd
}

// errReported is an error whose text the user has seen already.
var errReported = errors.New("reported")

// errInterrupted is a demo that was told to end, or lost its reader.
var errInterrupted = errors.New("interrupted")

const (
	// demoFail is the share of requests that the demo's receiver answers 500.
	demoFail = "4%"
	// overtime is how much longer at most the lists are worked on, until every
	// queue type has shown what it is for.
	overtime = 15 * time.Second
	// drainTime is how long the demo waits, after the last customer has come,
	// for everybody to leave and every event to arrive.
	drainTime = 45 * time.Second
	// afterReceiver is how long the demo goes on when the receiver has ended.
	afterReceiver = 2 * time.Second
)

func runDemo(cmd *cobra.Command, opt demoOptions) error {
	if opt.length <= 0 || opt.length > time.Hour || !(opt.speed >= 0.1 && opt.speed <= 20) {
		return usageError{errors.New("--for is up to an hour, --speed from 0.1 to 20")}
	}
	cfg, err := loadConfig()
	if err != nil {
		return err
	}
	d := &demo{
		opt: opt, cfg: cfg, view: newDemoView(cmd.OutOrStdout(), opt.json), complaints: cmd.ErrOrStderr(),
		ledger: newLedger(), inbox: newInbox(),
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	d.view.whenGone(cancel)
	err = d.run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return errors.Join(err, d.tearDown())
}

// demo is one run of it. tearDown undoes what run set up, also half-way.
type demo struct {
	opt        demoOptions
	cfg        Config
	view       *demoView
	complaints io.Writer
	ledger     *ledger
	inbox      *inbox

	db       *database
	begin    dispatcher.Position // where the log stood before
	system   *system
	receiver *receiverProcess
	undo     []func() error
}

func (d *demo) run(ctx context.Context) error {
	listener, key, err := d.setUp(ctx)
	if err != nil {
		return err
	}
	systemCtx, stopSystem := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSystem()
	server := start(func() error { return d.system.Run(systemCtx) })
	rest := newRESTClient("http://"+listener.Addr().String(), key)
	problem := d.play(ctx, rest, server)
	if ctx.Err() != nil && errors.Is(problem, context.Canceled) {
		problem = errInterrupted
	}

	// The receiver ends after the dispatcher, so that no request is cut off.
	stopSystem()
	if err := server.wait(); err != nil && problem == nil {
		problem = fmt.Errorf("stop the server: %w", err)
	}
	if err := d.receiver.stop(); err != nil && problem == nil {
		problem = fmt.Errorf("stop the receiver: %w", err)
	}
	return d.conclude(context.WithoutCancel(ctx), problem)
}

// task is a function that runs in a goroutine of its own.
type task struct {
	done chan struct{}
	err  error
}

func start(f func() error) *task {
	t := &task{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.err = f()
	}()
	return t
}

func (t *task) wait() error { <-t.done; return t.err }

// setUp makes everything that play needs, in the order in which it depends on
// each other.
func (d *demo) setUp(ctx context.Context) (net.Listener, string, error) {
	logger := slog.New(slog.NewTextHandler(d.complaints, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := d.openDatabase(ctx); err != nil {
		return nil, "", err
	}
	made, key, err := d.db.CreateKey(ctx, firstDomain, store.RoleAdmin, "offhook demo", shellUser())
	if err != nil {
		return nil, "", err
	}
	d.undo = append(d.undo, func() error { // before the database closes
		return d.db.RevokeKey(context.WithoutCancel(ctx), firstDomain, made.ID, shellUser())
	})
	head, err := d.db.Head(ctx, firstDomain)
	if err != nil {
		return nil, "", err
	}
	d.begin = dispatcher.Position{RecordedAt: head.RecordedAt, Seq: head.Seq}
	if d.cfg.KeyRing == "" {
		d.cfg.KeyRing = store.NewKeyRingText("demo")
	}
	ring, err := keyRing(d.cfg)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen for the API: %w", err)
	}
	d.undo = append(d.undo, func() error { _ = listener.Close(); return nil })
	d.system, err = newSystem(ctx, systemConfig{
		db: d.db, ring: ring, guard: devGuard(dispatcher.GuardConfig{}), retain: d.cfg.Retain,
		listener: listener, logger: logger, onCommit: d.committed,
	})
	if err != nil {
		return nil, "", err
	}
	if d.receiver, err = startReceiverProcess(demoFail, d.ledger.received); err != nil {
		return nil, "", err
	}
	d.undo = append(d.undo, d.receiver.stop)
	d.view.say("server    http://%s, documentation at /docs", listener.Addr())
	d.view.say("receiver  %s, process %d, answers 500 to %s of the requests", d.receiver.url, d.receiver.cmd.Process.Pid, demoFail)
	return listener, key, nil
}

// openDatabase opens the configured database, or makes a fresh one that
// tearDown removes.
func (d *demo) openDatabase(ctx context.Context) error {
	if d.cfg.DatabaseURL != "" {
		d.view.say("database  that of OFFHOOK_DATABASE_URL")
		db, err := openDatabase(ctx, d.cfg)
		if err != nil {
			return err
		}
		d.db = db
		d.undo = append(d.undo, db.Close)
		return nil
	}
	d.view.say("database  a private Postgres, removed at the end")
	sweepDemos(os.TempDir(), time.Now())
	folder, err := os.MkdirTemp("", demoFolder)
	if err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	d.undo = append(d.undo, func() error { return errors.Join(localpg.Remove(folder), os.RemoveAll(folder)) })
	if d.db, err = openPrivate(ctx, d.cfg, localpg.Options{DataDir: folder}); err != nil {
		return err
	}
	d.undo = append(d.undo, d.db.Close)
	return nil
}

const (
	demoFolder = "offhook-demo-"
	// demoAge is more than any demo lasts, or takes to start.
	demoAge = 3 * time.Hour
)

// sweepDemos removes the folders of demos that were killed before they could do
// it themselves. What cannot be removed is not ours, or still runs.
func sweepDemos(dir string, now time.Time) {
	old, _ := filepath.Glob(filepath.Join(dir, demoFolder+"*"))
	for _, folder := range old {
		if info, err := os.Stat(folder); err != nil || now.Sub(info.ModTime()) < demoAge {
			continue
		}
		if localpg.Remove(folder) == nil {
			_ = os.RemoveAll(folder)
		}
	}
}

// committed sees the events of every commit, each of one domain.
func (d *demo) committed(events []queue.Event) {
	if len(events) == 0 || events[0].DomainID != firstDomain {
		return
	}
	d.ledger.committed(events)
	d.inbox.put(events)
}

// conclude reads the log back, compares, and prints. Its last line is the
// demo's.
func (d *demo) conclude(ctx context.Context, problem error) error {
	log, err := readLog(ctx, d.db.Store, d.begin)
	if err != nil {
		return errors.Join(problem, err)
	}
	res := d.ledger.judge(log)
	if problem != nil {
		fmt.Fprintf(d.complaints, "offhook demo: %v\n", problem)
	}
	if res.Open > 0 {
		fmt.Fprintf(d.complaints, "not over: %s\n", count(res.Open, "attempt"))
	}
	res.printMissing(d.complaints)
	res.printWrong(d.complaints)
	d.view.summary(res)
	if problem != nil || !res.good() {
		return errReported
	}
	return nil
}

// readLog reads the first domain's log behind a position.
func readLog(ctx context.Context, st *store.Store, after dispatcher.Position) ([]queue.Event, error) {
	var log []queue.Event
	for {
		page, err := st.EventsAfter(ctx, firstDomain, after, 1000)
		if err != nil || len(page) == 0 {
			return log, err
		}
		log = append(log, page...)
		last := page[len(page)-1]
		after = dispatcher.Position{RecordedAt: last.RecordedAt, Seq: last.Seq}
	}
}

// tearDown undoes the set-up, the last step first.
func (d *demo) tearDown() error {
	var errs []error
	for i := len(d.undo) - 1; i >= 0; i-- {
		errs = append(errs, d.undo[i]())
	}
	return errors.Join(errs...)
}

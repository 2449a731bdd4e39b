package asterisk

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// scriptedDesk answers with what its script says, and notes what it was given.
type scriptedDesk struct {
	mu     sync.Mutex
	stored []string
	script func(call int, id string) error // for each command of each call
	whole  func(call int) error            // for each call
	calls  int
}

func (d *scriptedDesk) DoAll(ctx context.Context, cmds []queue.Command) ([]desk.Answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.whole != nil {
		if err := d.whole(d.calls); err != nil {
			return nil, err
		}
	}
	answers := make([]desk.Answer, len(cmds))
	for i, cmd := range cmds {
		id := cmd.(queue.SwitchReport).ChannelID
		if d.script != nil {
			answers[i].Err = d.script(d.calls, id)
		}
		if answers[i].Err == nil {
			d.stored = append(d.stored, id)
		}
	}
	return answers, nil
}

func numbered(from, to int) (cmds []Timed, ids []string) {
	for i := from; i < to; i++ {
		id := fmt.Sprint(i)
		cmds = append(cmds, Timed{Cmd: queue.SwitchReport{ChannelID: id}})
		ids = append(ids, id)
	}
	return cmds, ids
}

// TestOutbox: commands arrive in order and once, though the desk fails now and
// then; a refusal is not repeated.
func TestOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		d := &scriptedDesk{
			whole: func(call int) error {
				if call%3 == 1 {
					return errNoDatabase
				}
				return nil
			},
			script: func(call int, id string) error {
				switch {
				case id == "7":
					return &queue.Error{Code: queue.CodeInvalid, Detail: "seven"}
				case id == "8" && call == 2:
					return errNoDatabase
				}
				return nil
			},
		}
		o := newOutbox(d, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { o.run(ctx) })
		cmds, ids := numbered(0, 2500)
		if err := o.put(ctx, cmds[:9]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Minute) // of the bubble's clock
		if err := o.put(ctx, cmds[9:]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		cancel()
		running.Wait()
		want := append(append([]string{}, ids[:7]...), ids[8:]...)
		if diff := cmp.Diff(want, d.stored); diff != "" {
			t.Errorf("(-want +got):\n%.1000s", diff)
		}
		if text := log.String(); strings.Count(text, "seven") != 1 {
			t.Errorf("log:\n%.1000s", text)
		}
	})
}

// TestOutboxFull: when the desk is away for long, whoever puts waits, and goes on
// when there is room again.
func TestOutboxFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := true
		d := &scriptedDesk{whole: func(int) error {
			if away {
				return errNoDatabase
			}
			return nil
		}}
		o := newOutbox(d, slog.New(slog.NewTextHandler(io.Discard, nil)))
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { o.run(ctx) })
		cmds, ids := numbered(0, outboxSize+5*batchSize)
		put := make(chan error, 1)
		go func() { put <- o.put(ctx, cmds) }()
		time.Sleep(time.Minute)
		select {
		case err := <-put:
			t.Fatalf("put %d commands without waiting: %v", len(cmds), err)
		default:
		}
		d.mu.Lock()
		away = false
		d.mu.Unlock()
		if err := <-put; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		cancel()
		running.Wait()
		if diff := cmp.Diff(ids, d.stored); diff != "" {
			t.Errorf("(-want +got):\n%.500s", diff)
		}
	})
}

// TestOutboxStops: what is waiting when the client stops still goes out; a desk
// that stays away cannot hold it up for ever.
func TestOutboxStops(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &scriptedDesk{whole: func(int) error {
				if away {
					return errNoDatabase
				}
				return nil
			}}
			var log lockedBuffer
			o := newOutbox(d, slog.New(slog.NewTextHandler(&log, nil)))
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			cmds, ids := numbered(0, 1500)
			if err := o.put(context.Background(), cmds); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			o.run(ctx)
			if took := time.Since(begin); took > 2*deskLastTry {
				t.Errorf("stopped after %v", took)
			}
			if !away {
				if diff := cmp.Diff(ids, d.stored); diff != "" {
					t.Errorf("(-want +got):\n%.500s", diff)
				}
			} else if !strings.Contains(log.String(), "commands=1500") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

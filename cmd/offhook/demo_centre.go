package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"github.com/offhook/offhook/api/asterisk"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/sim"
)

// commander carries out commands; *desk.Desk is one.
type commander interface {
	DoAll(ctx context.Context, cmds []queue.Command) ([]desk.Answer, error)
}

// inbox takes events from a desk, which must not be kept waiting, to whoever
// works on them in his own time.
type inbox struct {
	mu     sync.Mutex
	events []queue.Event
	wake   chan struct{}
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (b *inbox) put(events []queue.Event) {
	b.mu.Lock()
	b.events = append(b.events, events...)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []queue.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// centre is the simulated centre and what it works with.
type centre struct {
	*sim.Centre
	inbox *inbox
	to    commander
	// dial is how agents pick a member of their list.
	dial func(queue.Dial) error
	// closed ends when nobody else is called.
	closed <-chan struct{}
}

// run plays it in real time until everybody has left and nobody else is called.
func (c *centre) run(ctx context.Context) error {
	c.Open(time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for closing := c.closed; closing != nil || !c.Done(time.Now()); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-closing:
			closing = nil
		case <-c.inbox.wake:
		case <-timer.C:
		}
		c.Observe(c.inbox.take())
		var cmds []queue.Command
		for _, cmd := range c.Due(time.Now()) {
			pick, ok := cmd.(queue.Dial)
			if !ok {
				cmds = append(cmds, cmd)
			} else if err := c.dial(pick); err != nil {
				return fmt.Errorf("play the simulated centre: %w", err)
			}
		}
		// Refusals are part of the game; only a desk that is gone is an error.
		if _, err := c.to.DoAll(ctx, cmds); err != nil {
			return fmt.Errorf("play the simulated centre: %w", err)
		}
		pause := 50 * time.Millisecond // Done depends on the clock as well
		if due, ok := c.NextDue(); ok {
			pause = min(pause, max(0, time.Until(due)))
		}
		timer.Reset(pause)
	}
	return nil
}

// captures are recordings of a real Asterisk, made for this project: an agent
// who answers, three phones that ring at once, a caller who waits too long. No
// phone is in two of them, so they can be played beside each other.
//
//go:embed demo/*.gz
var captures embed.FS

// recordings names them.
func recordings() ([]string, error) {
	entries, err := captures.ReadDir("demo")
	if err != nil {
		return nil, fmt.Errorf("list the recordings: %w", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// runCapture plays a recording over REST, as if the switch were speaking now.
func runCapture(ctx context.Context, name string, f *feeder) error {
	file, err := captures.Open(path.Join("demo", name))
	if err != nil {
		return fmt.Errorf("play %s: %w", name, err)
	}
	defer file.Close()
	player := asterisk.NewPlayer(f.opt.queue, time.Now())
	if err := player.Load(file); err != nil {
		return fmt.Errorf("play %s: %w", name, err)
	}
	for {
		timed, err := player.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = f.feed(ctx, timed)
		}
		if err != nil {
			return fmt.Errorf("play %s: %w", name, err)
		}
	}
	for _, timed := range player.End() {
		if err := f.feed(ctx, timed); err != nil {
			return fmt.Errorf("play %s: %w", name, err)
		}
	}
	if err := f.close(ctx, player); err != nil {
		return fmt.Errorf("play %s: %w", name, err)
	}
	return nil
}

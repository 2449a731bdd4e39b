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

// runCentre plays the simulated centre in real time until everybody has left.
func runCentre(ctx context.Context, c *sim.Centre, in *inbox, to commander) error {
	c.Open(time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !c.Done(time.Now()) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.wake:
		case <-timer.C:
		}
		c.Observe(in.take())
		// Refusals are part of the game; only a desk that is gone is an error.
		if _, err := to.DoAll(ctx, c.Due(time.Now())); err != nil {
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

// captures are recordings of a real Asterisk, made for this project: each list
// is played one after the other, the lists beside each other.
//
//go:embed demo/*.gz
var captures embed.FS

var captureLanes = [][]string{
	{"s01-answered-agent-completes.ami.gz", "s14-ringall-one-answers.ami.gz"},
	{"s30-sip-caller-sip-agent.ami.gz"},
}

// recordings says how many there are.
func recordings() string {
	n := 0
	for _, lane := range captureLanes {
		n += len(lane)
	}
	return fmt.Sprintf("%d recordings", n)
}

// runCaptures plays a list of recordings as if the switch were speaking now.
func runCaptures(ctx context.Context, names []string, speed float64, to commander) error {
	for _, name := range names {
		if err := runCapture(ctx, name, speed, to); err != nil {
			return fmt.Errorf("play %s: %w", name, err)
		}
	}
	return nil
}

func runCapture(ctx context.Context, name string, speed float64, to commander) error {
	file, err := captures.Open(path.Join("demo", name))
	if err != nil {
		return err
	}
	defer file.Close()
	player := asterisk.NewPlayer("asterisk "+name[:3], time.Now())
	if err := player.Load(file); err != nil {
		return err
	}
	var clock replayClock
	for {
		timed, err := player.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		clock.begin(timed.At, time.Now(), speed)
		if err := feed(ctx, to, clock, timed); err != nil {
			return err
		}
	}
	for _, timed := range player.End() {
		if err := feed(ctx, to, clock, timed); err != nil {
			return err
		}
	}
	return feed(ctx, to, clock, asterisk.Timed{At: player.Now(), Cmd: player.Closing()})
}

// feed waits until a command's time has come and carries it out.
func feed(ctx context.Context, to commander, clock replayClock, timed asterisk.Timed) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(clock.now(timed.At))):
	}
	_, err := to.DoAll(ctx, []queue.Command{clock.shift(timed.Cmd)})
	return err
}

// replayClock maps the instants of a recording to those of its replay.
type replayClock struct {
	first, start time.Time
	speed        float64
}

// begin ties the recording's first instant to the present; later calls do
// nothing.
func (c *replayClock) begin(first, start time.Time, speed float64) {
	if c.first.IsZero() {
		*c = replayClock{first, start, speed}
	}
}

// now maps an instant; zero stays zero.
func (c replayClock) now(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.start.Add(time.Duration(float64(t.Sub(c.first)) / c.speed))
}

// shift maps the instants in a command.
func (c replayClock) shift(cmd queue.Command) queue.Command {
	switch cmd := cmd.(type) {
	case queue.SwitchReport:
		cmd.At, cmd.DialAt, cmd.MemberAnsweredAt = c.now(cmd.At), c.now(cmd.DialAt), c.now(cmd.MemberAnsweredAt)
		return cmd
	case queue.SetAgentStatus:
		cmd.At = c.now(cmd.At)
		return cmd
	case queue.Reconcile:
		cmd.At = c.now(cmd.At)
		return cmd
	default:
		return cmd
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/sim"
)

var (
	errServerGone = errors.New("the server has ended")
	errDrain      = fmt.Errorf("not everything arrived within %s after the last customer", drainTime)
)

// play registers the receiver, lets the centre and the recordings run, and
// waits until everything has arrived, or until something ends early.
func (d *demo) play(ctx context.Context, rest *restClient, server *task) error {
	endpoint, secret, err := rest.registerEndpoint(ctx, d.receiver.url)
	if err != nil {
		return err
	}
	if err := d.receiver.tell(secret); err != nil {
		return err
	}
	suffix := ""
	if d.db.private == nil {
		// Somebody's own database: other queues may have these names.
		suffix = time.Now().Format(" demo-150405")
	}
	queues, agents, err := rest.buildCentre(ctx, suffix)
	if err != nil {
		return err
	}
	defer d.leaveClean(ctx, rest, endpoint, queues, agents)
	members, err := rest.importMembers(ctx, sim.Members(queues, d.opt.length, d.opt.speed))
	if err != nil {
		return err
	}
	d.view.say("centre    %d queues, %d agents, %d members on lists, seed %d", len(queues), len(agents), len(members), d.opt.seed)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	players, err := d.launch(ctx, rest, sim.Config{Queues: queues, Agents: agents, Members: members, Length: d.opt.length, Speed: d.opt.speed})
	if err != nil {
		return err
	}
	err = d.follow(ctx, players, server)
	stop()
	if ended := players.wait(); err == nil {
		err = ended
	}
	return err
}

// launch lets the centre and the recordings play until ctx ends, or until
// everybody has left.
func (d *demo) launch(ctx context.Context, rest *restClient, cfg sim.Config) (*task, error) {
	names, err := recordings()
	if err != nil {
		return nil, err
	}
	d.view.say("switch    %d recordings of a real Asterisk\n", len(names))
	g, playing := errgroup.WithContext(ctx)
	closed := make(chan struct{})
	room := centre{
		Centre: sim.New(d.opt.seed, cfg), inbox: d.inbox, to: d.system.desks.known(firstDomain), closed: closed,
		dial: func(pick queue.Dial) error { return rest.dial(playing, pick) },
	}
	g.Go(func() error { return room.run(playing) })
	g.Go(func() error {
		defer close(closed)
		select {
		case <-playing.Done():
			return playing.Err()
		case <-time.After(d.opt.length):
			d.untilShown(playing)
			return rest.stopDialling(playing, cfg.Queues)
		}
	})
	for _, name := range names {
		f := &feeder{
			opt:    replayOptions{queue: "asterisk " + name[:3], speed: d.opt.speed, server: rest.base, key: rest.key},
			client: &rest.http, problems: d.complaints,
		}
		g.Go(func() error { return runCapture(playing, name, f) })
	}
	return start(g.Wait), nil
}

// untilShown waits until the log shows what every queue type is for, and overtime
// at most: on a busy machine the lists are worked on more slowly than planned.
func (d *demo) untilShown(ctx context.Context) {
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	over := time.NewTimer(overtime)
	defer over.Stop()
	for {
		// A log that cannot be read is conclude's business.
		log, err := readLog(ctx, d.db.Store, d.begin)
		if err != nil || checkTypes(log).Types == len(queue.Built) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			return
		case <-look.C:
		}
	}
}

// leaveClean takes back what the demo made in somebody's own database; the log
// keeps what happened. A queue in which somebody still waits stays.
func (d *demo) leaveClean(ctx context.Context, rest *restClient, endpoint string, queues []queue.Queue, agents []queue.Agent) {
	if d.db.private != nil {
		return
	}
	made := []string{"/v1/endpoints/" + endpoint}
	for _, a := range agents {
		made = append(made, fmt.Sprintf("/v1/agents/%d", a.ID))
	}
	for _, q := range queues {
		made = append(made, fmt.Sprintf("/v1/queues/%d", q.ID))
	}
	for _, path := range made {
		if err := rest.remove(context.WithoutCancel(ctx), path); err != nil {
			fmt.Fprintf(d.complaints, "offhook demo: %v\n", err)
		}
	}
}

// follow shows what flows until it is over: players have ended and everything
// they caused has arrived.
func (d *demo) follow(ctx context.Context, players, server *task) error {
	show := time.NewTicker(d.view.every())
	defer show.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	deadline := time.NewTimer(d.opt.length + overtime + drainTime)
	defer deadline.Stop()
	playing, receiver := players.done, d.receiver.ended
	var gone <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-server.done:
			return fmt.Errorf("%w: %w", errServerGone, server.err)
		case <-receiver:
			// It goes on for a moment, to show what is stored while nobody listens.
			receiver, gone = nil, time.After(afterReceiver)
		case <-gone:
			return d.receiver.gone()
		case <-playing:
			if players.err != nil {
				return players.err
			}
			playing = nil
		case <-show.C:
			d.view.show(d.ledger.progress())
		case <-look.C:
			if playing == nil && receiver != nil && d.ledger.drained() {
				return nil
			}
		case <-deadline.C:
			return errDrain
		}
	}
}

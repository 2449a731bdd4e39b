package asterisk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"
)

// Client keeps the connection to a live switch and hands what it reports to the
// desk.
type Client struct {
	cfg    Config
	log    *slog.Logger
	outbox *outbox
	now    func() time.Time

	translator *Translator
	actions    int // of all sessions, for action ids
}

// NewClient stores what it is given; Run does the work. now is the reader's
// clock; it dates what the switch does not.
func NewClient(cfg Config, d Desk, log *slog.Logger, now func() time.Time) *Client {
	cfg = cfg.withDefaults()
	log = log.With("switch", cfg.Address)
	return &Client{cfg: cfg, log: log, now: now, outbox: newOutbox(d, log), translator: NewTranslator(cfg.Queue)}
}

// Run connects, and again after every loss with a growing wait, until ctx ends.
// It returns when all is quiet; the error is that of ctx.
func (c *Client) Run(ctx context.Context) error {
	// The outbox outlives the reading, so that what was read last goes out.
	sendCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var sending sync.WaitGroup
	sending.Go(func() { c.outbox.run(sendCtx) })
	defer sending.Wait()
	defer stop()
	wait := c.cfg.RetryMin
	for ctx.Err() == nil {
		ready, err := c.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if ready {
			wait = c.cfg.RetryMin
		}
		what := "cannot log in to the switch, trying again"
		if ready {
			what = "the connection to the switch is lost, connecting again"
		}
		c.log.Warn(what, "error", err, "wait", wait.String())
		if !sleep(ctx, wait) {
			break
		}
		wait = min(wait*2, c.cfg.RetryLimit)
	}
	return ctx.Err()
}

// connect runs one connection until it ends. ready says that the login was
// accepted.
func (c *Client) connect(ctx context.Context) (ready bool, err error) {
	dialer := net.Dialer{Timeout: c.cfg.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.cfg.Address)
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	s := &session{client: c, conn: conn, buf: make([]byte, 32<<10)}
	s.decoder.Lenient = true
	if err := s.login(); err != nil {
		return false, err
	}
	c.log.Info("logged in to the switch", "user", c.cfg.User)
	return true, s.read(ctx)
}

// quiet is how long the connection must be silent before the stream's clock moves
// on by itself. It is longer than the translator's patience, because a stall of
// the network is no evidence.
const quiet = 500 * time.Millisecond

// errSilence says that the switch did not answer a ping.
var errSilence = errors.New("the switch is silent")

// session is one connection.
type session struct {
	client  *Client
	conn    net.Conn
	decoder Decoder
	buf     []byte
	packets []Packet // decoded, not yet taken
	pinged  time.Time
	heard   time.Time
}

// send writes one action and returns its id.
func (s *session) send(action string, fields ...Field) (string, error) {
	s.client.actions++
	id := "offhook-" + strconv.Itoa(s.client.actions)
	b, err := AppendAction(nil, action, id, fields...)
	if err != nil {
		return "", err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.client.cfg.Timeout)); err != nil {
		return "", err
	}
	_, err = s.conn.Write(b)
	return id, err
}

// fill reads what there is into packets, until the deadline; false with no
// error when nothing came.
func (s *session) fill(deadline time.Time) (bool, error) {
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return false, err
	}
	n, err := s.conn.Read(s.buf)
	if n > 0 {
		s.heard = time.Now()
		if err := s.decoder.Feed(s.buf[:n], func(p Packet) error {
			s.packets = append(s.packets, p)
			return nil
		}); err != nil {
			return false, err
		}
		return true, nil
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return false, nil
	}
	if err == io.EOF {
		return false, errors.New("the switch closed the connection")
	}
	return false, err
}

// read takes packets until the connection ends: it rebuilds first, then follows.
func (s *session) read(ctx context.Context) error {
	c := s.client
	queues, err := s.send("QueueStatus")
	if err != nil {
		return err
	}
	channels, err := s.send("CoreShowChannels")
	if err != nil {
		return err
	}
	c.translator.Resync(queues, channels)
	s.heard = time.Now()
	for {
		if err := s.take(ctx); err != nil {
			return err
		}
		if err := s.keepAlive(); err != nil {
			return err
		}
		if _, err := s.fill(s.wake()); err != nil {
			return err
		}
	}
}

// wake returns when something is to be done though nothing comes.
func (s *session) wake() time.Time {
	wake := s.heard.Add(s.client.cfg.Ping)
	if s.pinged.After(s.heard) {
		wake = s.pinged.Add(s.client.cfg.Timeout)
	}
	if end := s.heard.Add(quiet); s.client.translator.Waiting() && end.Before(wake) && time.Now().Before(end) {
		wake = end
	}
	return wake
}

// take hands decoded packets to the translator, and its commands to the outbox.
func (s *session) take(ctx context.Context) error {
	t := s.client.translator
	for i := range s.packets {
		t.Packet(&s.packets[i], s.client.now())
	}
	s.packets = nil // not reused: a rebuild keeps packets of lists that come in several reads
	if time.Since(s.heard) >= quiet {
		t.Advance(s.client.now())
	}
	return s.client.outbox.put(ctx, t.Take())
}

// keepAlive pings a switch that has been silent, and errs when a ping was not
// answered in time.
func (s *session) keepAlive() error {
	now := time.Now()
	switch {
	case s.pinged.After(s.heard):
		if now.Sub(s.pinged) >= s.client.cfg.Timeout {
			return errSilence
		}
	case now.Sub(s.heard) >= s.client.cfg.Ping:
		s.pinged = now
		_, err := s.send("Ping")
		return err
	}
	return nil
}

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/offhook/offhook/api/asterisk"
	"github.com/offhook/offhook/queue"
)

type replayOptions struct {
	queue  string
	dryRun bool
	speed  float64
	server string
	key    string
}

func newReplayCommand() *cobra.Command {
	var opt replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Read a switch's recording through its adapter: Asterisk AMI captures and queue logs",
		Long: `replay reads recordings of an Asterisk switch, AMI captures or queue logs, plain
or gzip, recognised by content; - is standard input. Several files follow each
other like the pieces of a rotated log.

Into a live server the stream is shifted so that its first packet is now, and
fed at 1× or --speed. With --dry-run it runs in virtual time on an engine of its
own: no server, no database; every event is printed as one JSON object a line.

When the recording ends, callers who are still in a queue leave as recovered.
The server and the key also come from OFFHOOK_URL and OFFHOOK_API_KEY.`,
		Example: `  offhook replay --dry-run ami.txt | jq .type
  offhook replay --queue support --speed 10 /var/log/asterisk/queue_log`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("replay needs a FILE, or - for standard input")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig()
			if err != nil {
				return err
			}
			if err := opt.check(cfg); err != nil {
				return usageError{err}
			}
			return replay(cmd, args, opt)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opt.queue, "queue", "", "put every queue of the stream into this one; without it each becomes one of ours")
	f.BoolVar(&opt.dryRun, "dry-run", false, "print the events that the file would give, and touch nothing")
	f.Float64Var(&opt.speed, "speed", 1, "how many times faster than it was")
	f.StringVar(&opt.server, "server", "", "URL of the server (default $OFFHOOK_URL or "+defaultServer+")")
	f.StringVar(&opt.key, "key", "", "API key of the role operator (default $OFFHOOK_API_KEY)")
	return cmd
}

// check fills what the configuration says and refuses what cannot work.
func (opt *replayOptions) check(cfg Config) error {
	if !(opt.speed > 0) || math.IsInf(opt.speed, 0) {
		return errors.New("--speed must be a positive number")
	}
	if opt.dryRun {
		return nil
	}
	opt.server = cmp.Or(opt.server, cfg.URL, defaultServer)
	opt.key = cmp.Or(opt.key, cfg.APIKey)
	if opt.key == "" {
		return errors.New("a live server needs an API key: set OFFHOOK_API_KEY, or use --dry-run")
	}
	return checkServer("--server (or OFFHOOK_URL)", opt.server)
}

func replay(cmd *cobra.Command, files []string, opt replayOptions) error {
	if opt.dryRun {
		return replayDry(cmd, files, opt)
	}
	return replayLive(cmd, files, opt)
}

// recording reads files one after the other through one player.
type recording struct {
	player *asterisk.Player
	files  []string
	stdin  io.Reader
	stderr io.Writer
}

func newRecording(cmd *cobra.Command, files []string, opt replayOptions) *recording {
	return &recording{
		player: asterisk.NewPlayer(opt.queue, time.Now()),
		files:  files, stdin: cmd.InOrStdin(), stderr: cmd.ErrOrStderr(),
	}
}

// each calls f with every command of every file, and with what was held back at
// the end of the last.
func (r *recording) each(ctx context.Context, f func(asterisk.Timed) error) error {
	for _, name := range r.files {
		if err := r.file(ctx, name, f); err != nil {
			return err
		}
	}
	for _, cmd := range r.player.End() {
		if err := f(cmd); err != nil {
			return err
		}
	}
	if !r.player.Stamped() {
		fmt.Fprintln(r.stderr, "warning: the recording has no instants of its own (timestampevents is off at the switch); everything happens at once")
	}
	return nil
}

func (r *recording) file(ctx context.Context, name string, f func(asterisk.Timed) error) error {
	in, size := r.stdin, int64(-1)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		switch {
		case err == nil && info.IsDir():
			return fmt.Errorf("%s is a folder; name the files in it", name)
		case err == nil && info.Mode().IsRegular():
			size = info.Size()
		}
		in = file
	}
	in, done := r.progress(in, name, size)
	defer done()
	if err := r.player.Load(in); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for ctx.Err() == nil {
		next, err := r.player.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := f(next); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// progress shows on a terminal how much of a file is read.
func (r *recording) progress(in io.Reader, name string, size int64) (io.Reader, func()) {
	out, ok := r.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return in, func() {}
	}
	bar := progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(name),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond))
	reader := progressbar.NewReader(in, bar)
	return &reader, func() { bar.Finish() }
}

// replayDry prints what the files would give.
func replayDry(cmd *cobra.Command, files []string, opt replayOptions) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	var line []byte
	events := 0
	rehearsal := asterisk.NewRehearsal(func(ev *queue.Event) error {
		events++
		line = append(ev.AppendJSON(line[:0]), '\n')
		_, err := out.Write(line)
		return err
	})
	r := newRecording(cmd, files, opt)
	refused := 0
	tolerate := func(err error) error {
		if asterisk.Refused(err) {
			refused++
			fmt.Fprintln(r.stderr, "refused:", err)
			return nil
		}
		return err
	}
	err := r.each(cmd.Context(), func(c asterisk.Timed) error { return tolerate(rehearsal.Step(c)) })
	if err == nil {
		err = tolerate(rehearsal.Finish(r.player.Closing()))
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err == nil {
		fmt.Fprintf(r.stderr, "%s; %d events, %d refused\n", seen(r.player), events, refused)
	}
	return err
}

// seen says in a line what a recording held.
func seen(p *asterisk.Player) string {
	s := p.Stats()
	text := fmt.Sprintf("%s: %d packets, %d callers", p.Kind(), s.Packets, s.Joined)
	if s.Refused > 0 {
		text += fmt.Sprintf(", %d more were not let into a queue", s.Refused)
	}
	if s.Unknown > 0 {
		text += fmt.Sprintf(", %d events about calls that began before", s.Unknown)
	}
	if s.Dropped > 0 {
		text += fmt.Sprintf(", %d beyond what can be followed", s.Dropped)
	}
	return text
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/offhook/offhook/dispatcher"
)

type receiveOptions struct {
	listen string
	secret string
	fail   string
	delay  time.Duration
	json   bool
	// untilEOF ends the receiver with its standard input, and so with the
	// process that started it.
	untilEOF bool
}

func newReceiveCommand() *cobra.Command {
	var opt receiveOptions
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "A reference receiver: verifies, de-duplicates, checks order, prints",
		Long: `receive listens for webhooks as a customer's own program would: it verifies
signature and timestamp (401 and 400 otherwise), knows a repeated event by its
webhook-id, and checks the order within every attempt.

On a terminal it prints a line per event, in a pipe one JSON object. GET /stats
answers with its counters, and they are printed at the end.

The secret is the endpoint's, or its public key (whpk_) when it signs with
Ed25519; of several, separated by commas, one must fit. It comes from
--secret, from OFFHOOK_RECEIVE_SECRET, or with '--secret -' from the first line
of standard input.`,
		Example: `  offhook receive --listen 127.0.0.1:9000 --secret whsec_…
  offhook receive --secret whsec_… --fail 10% --delay 200ms`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return receive(cmd, opt) },
	}
	f := cmd.Flags()
	f.StringVar(&opt.listen, "listen", "127.0.0.1:9000", "address to listen on; port 0 takes a free one")
	f.StringVar(&opt.secret, "secret", "", "the endpoint's secret or public key, or - for standard input")
	f.StringVar(&opt.fail, "fail", "0%", "share of requests to answer with 500, half of them after keeping the event")
	f.DurationVar(&opt.delay, "delay", 0, "wait before every answer")
	f.BoolVar(&opt.json, "json", false, "JSON lines also on a terminal")
	f.BoolVar(&opt.untilEOF, "until-eof", false, "end when standard input does")
	return cmd
}

func receive(cmd *cobra.Command, opt receiveOptions) error {
	fail, err := parseShare(opt.fail)
	if err != nil {
		return usageError{fmt.Errorf("--fail: %w", err)}
	}
	if opt.secret == "" {
		cfg, err := loadConfig()
		if err != nil {
			return err
		}
		opt.secret = cfg.Receive.Secret
	}
	if opt.secret == "" {
		return usageError{errors.New("a receiver needs the endpoint's secret or public key: --secret whsec_…")}
	}
	if opt.secret != "-" {
		for _, key := range keys(opt.secret) {
			if err := dispatcher.CheckKey(key); err != nil {
				return usageError{fmt.Errorf("read the secret: %w", err)}
			}
		}
	}
	listener, err := net.Listen("tcp", opt.listen)
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}
	out := newReceiptPrinter(cmd.OutOrStdout(), opt.json)
	r := newReceiver("", fail, time.Now)
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	if opt.secret != "-" {
		r.setSecret(opt.secret)
	}
	if opt.secret == "-" || opt.untilEOF {
		go func() { // ends with the input, or with the process
			in := bufio.NewReader(cmd.InOrStdin())
			if opt.secret == "-" {
				line, _ := in.ReadString('\n')
				r.setSecret(strings.TrimSpace(line))
			}
			_, _ = io.Copy(io.Discard, in)
			if opt.untilEOF {
				cancel()
			}
		}()
	}
	out.listening("http://" + listener.Addr().String() + "/")
	err = serveHTTP(ctx, listener, receiverHandler(r, out, opt.delay))
	out.end(r.snapshot())
	return err
}

// keys reads what verifies requests: secrets and public keys, separated by
// commas.
func keys(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// parseShare reads 10%, 0.1 or 0.
func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) { // so that NaN is none either
		return 0, fmt.Errorf("%q is no share: write 10%% or 0.1", s)
	}
	return x, nil
}

// maxBody is more than any event has; what is longer is not from us.
const maxBody = 1 << 20

func receiverHandler(r *receiver, out *receiptPrinter, delay time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r.snapshot()) // the asker may have gone
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		rec := r.take(req.Header, body)
		// Printed before it is answered: what a sender believes delivered is on record here.
		out.print(rec)
		if delay > 0 {
			select {
			case <-time.After(delay):
			case <-req.Context().Done():
			}
		}
		w.WriteHeader(rec.Status)
	})
	return mux
}

// serveHTTP serves until ctx ends, then lets requests under way finish.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve webhooks: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close() // a connection that says nothing does not keep us
	}
	if served := <-done; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return err
}

// receiptPrinter writes for people on a terminal and JSON lines in a pipe.
type receiptPrinter struct {
	mu   sync.Mutex
	w    io.Writer
	json bool
}

func newReceiptPrinter(w io.Writer, forceJSON bool) *receiptPrinter {
	return &receiptPrinter{w: w, json: forceJSON || !isTerminal(w)}
}

// Errors of writing are not looked at: a receiver goes on when nobody reads.

func (p *receiptPrinter) listening(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		_ = json.NewEncoder(p.w).Encode(map[string]string{"listening": url})
		return
	}
	fmt.Fprintf(p.w, "listening on %s, counters at %sstats\n", url, url)
}

func (p *receiptPrinter) print(r receipt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		_ = json.NewEncoder(p.w).Encode(r)
		return
	}
	fmt.Fprintf(p.w, "%s %-9s %d %-20s attempt %d/%d", r.At.Format("15:04:05.000"), r.Verdict, r.Status, r.Type, r.Attempt, r.Sequence)
	for _, note := range []string{r.Misordered, r.Error} {
		if note != "" {
			fmt.Fprintf(p.w, "  %s", note)
		}
	}
	fmt.Fprintln(p.w)
}

func (p *receiptPrinter) end(s stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		_ = json.NewEncoder(p.w).Encode(map[string]stats{"stats": s})
		return
	}
	fmt.Fprintf(p.w, "requests %d, events %d, repeated %d, failed on purpose %d, rejected %d, misordered %d\n",
		s.Requests, s.Accepted, s.Repeated, s.Failed, s.Rejected, s.Misordered)
}

// isTerminal reports whether people read w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

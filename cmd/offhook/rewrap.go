package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/offhook/offhook/store"
)

func newRewrapCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rewrap",
		Short: "Encrypt the secrets of all endpoints anew, under the newest key",
		Long: `rewrap encrypts the secrets and headers of all endpoints anew, under the first
key of OFFHOOK_KEY_RING. Afterwards the other keys can be taken out of the ring:

  1. put a new key in front, OFFHOOK_KEY_RING=k2:…,k1:…, on every server
  2. offhook rewrap
  3. OFFHOOK_KEY_RING=k2:…

It works on the database itself, beside running servers. When it is interrupted,
run it again: it goes on where it stopped.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig()
			if err != nil {
				return err
			}
			ring, err := keyRing(cfg)
			if err != nil {
				return err
			}
			return withDatabase(cmd, func(ctx context.Context, db *database) error {
				progress, end := rewrapProgress(cmd.ErrOrStderr())
				done, err := store.NewDelivery(db.Store, ring).Rewrap(ctx, progress)
				end()
				if err != nil {
					return err
				}
				return tellRewrapped(cmd.OutOrStdout(), done)
			})
		},
	}
}

// rewrapProgress shows how far it is, on a terminal.
func rewrapProgress(stderr io.Writer) (progress func(seen, total int64), end func()) {
	out, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return func(int64, int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("encrypting"),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	return func(seen, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(seen) // nothing depends on what is drawn
	}, func() { _ = bar.Finish() }
}

// tellRewrapped says what was done, and errs when a value could not be opened:
// then no key may be taken out.
func tellRewrapped(out io.Writer, r store.Rewrapped) error {
	if _, err := fmt.Fprintf(out, "encrypted anew: %d\n", r.Done); err != nil {
		return err
	}
	if len(r.Lost) == 0 {
		return nil
	}
	var missing []string
	for _, id := range slices.Sorted(maps.Keys(r.Lost)) {
		missing = append(missing, fmt.Sprintf("%d of the key %q", r.Lost[id], id))
	}
	return fmt.Errorf("left as they are, because no key of the ring opens them: %s; put their keys at the end of OFFHOOK_KEY_RING and run it again",
		strings.Join(missing, ", "))
}

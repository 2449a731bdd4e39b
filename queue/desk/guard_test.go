package desk_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/desk/desktest"
)

// What a guard refuses is not carried out, and its batch goes on without it.
func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := desk.New(desktest.NewMemory(), desk.Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		save := []queue.Command{queue.SaveQueue{Queue: queue.DefaultQueue(0, "chats", queue.Chat)}}
		refusal := errors.New("not as it was")
		seen := 0
		answers, err := d.DoNoted(t.Context(), save, &desk.Clerk{Guard: func(e *queue.Engine) error {
			seen = len(e.Queues())
			return refusal
		}})
		if err != nil || !errors.Is(answers[0].Err, refusal) || seen != 0 {
			t.Errorf("answers %v, %v; the guard saw %d queues", answers, err, seen)
		}
		answers, err = d.DoNoted(t.Context(), save, &desk.Clerk{Guard: func(*queue.Engine) error { return nil }})
		if err != nil || answers[0].Err != nil {
			t.Errorf("answers %v, %v", answers, err)
		}
		queues := 0
		var head desk.Head
		err = d.ReadAt(t.Context(), func(e *queue.Engine, at desk.Head) { queues, head = len(e.Queues()), at })
		if err != nil || queues != 1 || head.Version != 1 {
			t.Errorf("%d queues at %+v: %v", queues, head, err)
		}
		stop()
		<-done
	})
}

package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStagesStopInOrder(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		fail bool
		want error
	}{"by signal": {false, nil}, "by error": {true, boom}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var ended []string
				until := func(name string, slow time.Duration) func(context.Context) error {
					return func(ctx context.Context) error {
						<-ctx.Done()
						<-time.After(slow) // its last work
						mu.Lock()
						defer mu.Unlock()
						ended = append(ended, name)
						return ctx.Err()
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				last := until("dispatcher", 0)
				if tc.fail {
					last = func(context.Context) error { <-time.After(time.Second); return boom }
				} else {
					time.AfterFunc(time.Second, cancel)
				}
				defer cancel()
				err := runStages(ctx, stage{until("api", 2*time.Second), until("asterisk", time.Second)}, stage{until("desk", 0)}, stage{last})
				if !errors.Is(err, tc.want) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				want := []string{"asterisk", "api", "desk", "dispatcher"}
				if tc.fail {
					want = want[:3]
				}
				if !slices.Equal(ended, want) {
					t.Errorf("they ended as %v, want %v", ended, want)
				}
			})
		})
	}
}

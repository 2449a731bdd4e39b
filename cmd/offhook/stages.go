package main

import (
	"context"
	"errors"
	"sync"
)

// stage is what runs and stops together.
type stage []func(context.Context) error

// runStages runs everything until ctx ends or something errs, and then stops
// one stage after the other in the order given: first whoever takes in work,
// last whoever carries it out. It returns when all is quiet, with the errors of
// all.
func runStages(ctx context.Context, stages ...stage) error {
	failed := make(chan struct{})
	var once sync.Once
	var mu sync.Mutex
	var errs []error
	stops := make([]context.CancelFunc, len(stages))
	running := make([]sync.WaitGroup, len(stages))
	for i, s := range stages {
		// A stage lives until it is told to stop, not until the signal comes.
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		stops[i] = stop
		for _, run := range s {
			running[i].Go(func() {
				err := run(own)
				if err != nil && !errors.Is(err, context.Canceled) {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					once.Do(func() { close(failed) })
				}
			})
		}
	}
	select {
	case <-ctx.Done():
	case <-failed:
	}
	for i, stop := range stops {
		stop()
		running[i].Wait()
	}
	return errors.Join(errs...)
}

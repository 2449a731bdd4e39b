package dispatcher_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// TestProbeSaysWhetherItWorks: a dispatcher that has not begun, or that no
// longer looks after its endpoints, is not well.
func TestProbeSaysWhetherItWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m dispatchertest.Memory
		d := dispatcher.New(&m, dispatcher.Config{ReloadEvery: time.Second, Now: time.Now})
		if d.Probe(t.Context()) == nil {
			t.Error("it is well before it runs")
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := d.Probe(ctx); err != nil {
			t.Errorf("it runs, and says %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if d.Probe(t.Context()) == nil {
			t.Error("it is well a minute after its end")
		}
	})
}

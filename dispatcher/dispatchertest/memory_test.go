package dispatchertest_test

import (
	"testing"

	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	dispatchertest.Run(t, func(t *testing.T) dispatchertest.Fixture {
		m := &dispatchertest.Memory{}
		return dispatchertest.Fixture{Store: m, Append: m.Append, Create: m.Create, Delete: m.Delete, Recover: m.Recover, Tries: m.Tries}
	})
}

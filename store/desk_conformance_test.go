package store_test

import (
	"testing"

	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/desk/desktest"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestDeskLogConforms(t *testing.T) {
	t.Parallel()
	desktest.Run(t, func(t *testing.T) func() desk.Log {
		pool := storetest.New(t)
		return func() desk.Log { return store.New(pool).DeskLog(1) }
	})
}

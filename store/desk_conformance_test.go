package store_test

import (
	"errors"
	"testing"

	"github.com/offhook/offhook/queue"
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

func TestDeskListsConform(t *testing.T) {
	t.Parallel()
	desktest.RunLists(t, func(t *testing.T) desktest.Roster {
		pool := storetest.New(t)
		s := store.New(pool)
		return desktest.Roster{
			Open: func() desk.Log { return s.DeskLog(1) }, Lists: func() desk.Lists { return s.DeskLists(1) },
			Add: func(members ...*queue.Member) { newReplica(t, pool).insert(members) },
			Edit: func(id int64, priority int, name string) bool {
				_, err := s.ChangeMember(t.Context(), 1, id, store.By{At: at(0)}, func(m *queue.Member, _ *store.By) error {
					m.Priority, m.Name = priority, &name
					return nil
				})
				var busy *store.BusyError
				if err != nil && !errors.As(err, &busy) {
					t.Fatal(err)
				}
				return err == nil
			},
			Remove: func(id int64) {
				if err := s.DeleteMember(t.Context(), 1, id, store.By{At: at(0)}); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

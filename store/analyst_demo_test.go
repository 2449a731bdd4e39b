package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/sim"
	"github.com/offhook/offhook/store"
)

// demoFrom is a Monday morning, 9:25 in Berlin.
var demoFrom = time.Date(2024, 3, 4, 8, 25, 0, 0, time.UTC)

// playDemo lets the centre of the demo work for ten minutes of virtual time and
// stops in the middle of its work. It always gives the same rows.
func playDemo(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	r := newReplica(t, pool)
	r.lenient = true
	first, err := r.log.IDs(t.Context(), 10_000)
	fatal(t, err)
	r.engine.Stock(first, first+10_000)
	queues, agents := r.furnish(demoFrom)
	lists := demoLists(t, pool, queues)
	var members []queue.Member
	for _, q := range queues {
		for _, m := range lists[q.ID] {
			members = append(members, *m)
		}
	}
	centre := sim.New(1, sim.Config{Queues: queues, Agents: agents, Members: members, Length: 10 * time.Minute})
	centre.Open(demoFrom)
	for now := demoFrom; now.Before(demoFrom.Add(10 * time.Minute)); now = now.Add(250 * time.Millisecond) {
		cmds := append([]queue.Command{queue.Tick{}}, centre.Due(now)...)
		for _, want := range r.engine.Wants(now) {
			n := min(want.Limit, len(lists[want.QueueID]))
			cmds = append(cmds, queue.Load{QueueID: want.QueueID, Members: lists[want.QueueID][:n]})
			lists[want.QueueID] = lists[want.QueueID][n:]
		}
		had := len(r.events)
		r.must(now, cmds...)
		centre.Observe(r.events[had:])
	}
}

// demoLists puts members on the lists of the outbound queues.
func demoLists(t *testing.T, pool *pgxpool.Pool, queues []queue.Queue) map[int64][]*queue.Member {
	t.Helper()
	lists := map[int64][]*queue.Member{}
	incoming := map[int64][]store.Incoming{}
	for _, m := range sim.Members(queues, time.Minute, 1) {
		incoming[m.QueueID] = append(incoming[m.QueueID], store.Incoming{Member: &m})
	}
	for _, q := range queues {
		if len(incoming[q.ID]) == 0 {
			continue
		}
		settled, err := store.New(pool).AddMembers(t.Context(), 1, store.Intake{QueueID: q.ID, Members: incoming[q.ID], OnDuplicate: store.DuplicateKeep}, store.By{At: demoFrom})
		fatal(t, err)
		for _, s := range settled {
			lists[q.ID] = append(lists[q.ID], s.Member)
		}
	}
	return lists
}

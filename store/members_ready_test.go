package store_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// scatter adds members of many kinds to queue 7 and returns them.
func scatter(t *testing.T, pool *pgxpool.Pool, n int) []*queue.Member {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	var all []*queue.Member
	for i := range n {
		m := &queue.Member{
			ID: int64(1000 + i), QueueID: 7, Name: ptr(fmt.Sprint("Member ", i)), Numbers: []queue.Number{{Number: fmt.Sprintf("+49%07d", i)}},
			Priority: rng.IntN(4) - 1, TimeZone: allZones[rng.IntN(3)], CreatedAt: at(0), ReadyAt: at(rng.IntN(20) - 10),
		}
		if rng.IntN(10) == 0 {
			m.StoppedAt, m.StopCause = at(-5), queue.ReasonServed
		} else if rng.IntN(10) == 0 {
			m.Open, m.LastAttempt = int64(100_000+i), int64(100_000+i)
		}
		all = append(all, m)
	}
	newReplica(t, pool).insert(all)
	return all
}

// insert writes members that the engine has made, past the engine.
func (r *replica) insert(members []*queue.Member) {
	r.t.Helper()
	if err := r.write(members...); err != nil {
		r.t.Fatal(err)
	}
}

// write stores records of members in a batch of their own.
func (r *replica) write(members ...*queue.Member) error {
	r.t.Helper()
	return r.log.Update(r.t.Context(), r.head, func(snap desk.Snapshot) (desk.Batch, error) {
		b := desk.Batch{Head: snap.Head}
		b.Head.Version++
		for _, m := range members {
			b.Changed = append(b.Changed, m)
		}
		r.head = b.Head
		return b, nil
	})
}

// ready is what Ready shall answer, found the long way.
func ready(all []*queue.Member, q desk.Ready) []int64 {
	var some []*queue.Member
	for _, m := range all {
		if store.StateOf(m, q.At) == store.MemberReady && slices.Contains(q.Zones, m.TimeZone) {
			some = append(some, m)
		}
	}
	slices.SortFunc(some, func(a, b *queue.Member) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.ReadyAt.Compare(b.ReadyAt), cmp.Compare(a.ID, b.ID))
	})
	return ids(some[:min(q.Limit, len(some))])
}

func ids(members []*queue.Member) []int64 {
	var ids []int64
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids
}

// Members come in the order in which they are picked, from the zones that are
// open, and nobody who waits, has stopped or is in an attempt is among them.
func TestReadyInOrder(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	all := scatter(t, pool, 500)
	lists := store.New(pool).DeskLists(1)
	for _, q := range []desk.Ready{
		{Zones: allZones[:3], Limit: 1000},
		{Zones: allZones[:1], Limit: 30},
		{Zones: allZones[1:3], Limit: 7},
		{Zones: allZones[:3], Limit: 40},
		{Zones: []string{"Asia/Tokyo"}, Limit: 10},
		{Zones: []string{}, Limit: 10},
	} {
		q.QueueID, q.At = 7, at(2)
		got, _, err := lists.Ready(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if want := ready(all, q); !slices.Equal(ids(got), want) {
			t.Errorf("%d from %q: %v, want %v", q.Limit, q.Zones, ids(got), want)
		}
	}
	if got, _, err := lists.Ready(t.Context(), desk.Ready{QueueID: 8, Zones: allZones, At: at(2), Limit: 10}); err != nil || len(got) != 0 {
		t.Errorf("another queue has %d members, %v", len(got), err)
	}
	if got, _, err := store.New(pool).DeskLists(2).Ready(t.Context(), desk.Ready{QueueID: 7, Zones: allZones, At: at(2), Limit: 10}); err == nil {
		t.Errorf("a domain that is none has %d members", len(got))
	}
}

// A refill tells the log's version of the same instant, the zones that there
// are, and which numbers must not be dialled.
func TestReadyTellsMore(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	all := scatter(t, pool, 50)
	r := newReplica(t, pool)
	r.must(at(0), centre()...)
	first := ready(all, desk.Ready{Zones: allZones[:3], At: at(2), Limit: 1})[0]
	number := all[slices.IndexFunc(all, func(m *queue.Member) bool { return m.ID == first })].Numbers[0].Number
	if _, err := pool.Exec(t.Context(), `INSERT INTO dnc (domain_id, number, created_at, changed) VALUES (1, $1, $2, 1)`, number, at(0)); err != nil {
		t.Fatal(err)
	}
	lists := store.New(pool).DeskLists(1)
	got, version, err := lists.Ready(t.Context(), desk.Ready{QueueID: 7, Zones: allZones[:3], At: at(2), Limit: 2})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d members, %v", len(got), err)
	}
	if version != r.head.Version || version == 0 {
		t.Errorf("version %d, the log is at %d", version, r.head.Version)
	}
	if !got[0].Numbers[0].Forbidden || got[1].Numbers[0].Forbidden {
		t.Errorf("forbidden: %v and %v, want the first only", got[0].Numbers, got[1].Numbers)
	}
	zones, err := lists.Zones(t.Context(), 7)
	if want := slices.Sorted(slices.Values(allZones[:3])); err != nil || !slices.Equal(zones, want) {
		t.Errorf("zones %q, %v; want %q", zones, err, want)
	}
	if zones, err := lists.Zones(t.Context(), 8); err != nil || len(zones) != 0 {
		t.Errorf("zones of no members: %q, %v", zones, err)
	}
}

// A list that is paged through shows everybody once, in its order.
func TestMemberListsByState(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	all := scatter(t, pool, 300)
	s := store.New(pool)
	for _, state := range append(slices.Clone(store.MemberStates), "") {
		var want []*queue.Member
		for _, m := range all {
			if state == "" || store.StateOf(m, at(2)) == state {
				want = append(want, m)
			}
		}
		switch state {
		case store.MemberReady:
			slices.SortFunc(want, func(a, b *queue.Member) int {
				return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.ReadyAt.Compare(b.ReadyAt), cmp.Compare(a.ID, b.ID))
			})
		case store.MemberWaiting:
			slices.SortFunc(want, func(a, b *queue.Member) int {
				return cmp.Or(a.ReadyAt.Compare(b.ReadyAt), cmp.Compare(a.ID, b.ID))
			})
		}
		for _, limit := range []int{1000, 7} {
			var got []*queue.Member
			f := store.MemberFilter{QueueID: 7, State: state, At: at(2), Limit: limit}
			for {
				page, err := s.Members(t.Context(), 1, f)
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, page...); len(page) < limit {
					break
				}
				f.After = store.PlaceOf(page[len(page)-1])
			}
			if len(want) < 10 || !slices.Equal(ids(got), ids(want)) {
				t.Errorf("%s in pages of %d: %v, want %v", state, limit, ids(got), ids(want))
			}
		}
	}
	one := all[17]
	for state, want := range map[store.MemberState]int{"": 1, store.StateOf(one, at(2)): 1, "none": 0} {
		f := store.MemberFilter{QueueID: 7, Number: one.Numbers[0].Number, State: state, At: at(2), Limit: 10}
		if got, err := s.Members(t.Context(), 1, f); err != nil || len(got) != want {
			t.Errorf("by number, %q: %v, %v", state, ids(got), err)
		}
	}
}

// plan is a node of EXPLAIN.
type plan struct {
	Node  string  `json:"Node Type"`
	Table string  `json:"Relation Name"`
	Index string  `json:"Index Name"`
	Rows  float64 `json:"Actual Rows"`
	Loops float64 `json:"Actual Loops"`
	Gone  float64 `json:"Rows Removed by Filter"`
	Plans []plan
}

// touched is how many rows of members the plan looked at, and its worst node.
func (p plan) touched() (rows float64, worst string) {
	if p.Table == "members" {
		rows = (p.Rows + p.Gone) * p.Loops
		if p.Node == "Seq Scan" || p.Node == "Bitmap Heap Scan" {
			worst = p.Node
		}
	}
	for _, sub := range p.Plans {
		n, w := sub.touched()
		rows, worst = rows+n, cmp.Or(worst, w)
	}
	return rows, worst
}

// What is read to fill a hopper, or a page, depends on how much is asked for and
// on how many zones and priorities there are; not on how long the list is.
func TestPlansOfPicking(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	manyMembers(t, pool, 30_000)
	none := pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	const limit, levels = 20, 7 * 6 // the priorities of every zone, and its end
	for name, c := range map[string]struct {
		sql  string
		args []any
		most float64
	}{
		"ready":   {store.ReadySQL, []any{1, 7, allZones, t0, limit, int64(math.MaxInt64), none, 0}, 7*limit + limit + levels},
		"further": {store.ReadySQL, []any{1, 7, allZones, t0, limit, 2, t0.Add(-time.Hour), 5000}, 7*limit + limit + levels},
		"waiting": {store.WaitingSQL, []any{1, 7, allZones, t0, limit, int64(math.MaxInt64), t0, int64(math.MaxInt64)}, 7*limit*5 + limit + levels},
		"zones":   {store.ZonesSQL, []any{1, 7}, 8},
	} {
		var raw []byte
		if err := pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+c.sql, c.args...).Scan(&raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var explained []struct{ Plan plan }
		if err := json.Unmarshal(raw, &explained); err != nil {
			t.Fatal(err)
		}
		if rows, worst := explained[0].Plan.touched(); rows > c.most || rows == 0 || worst != "" {
			t.Errorf("%s looks at %v rows, want at most %v; worst node %q\n%s", name, rows, c.most, worst, raw)
		}
	}
}

package api_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// once sends a POST with an Idempotency-Key.
func (s *site) once(key, path, body, idempotency string) *answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "POST", s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Idempotency-Key", idempotency)
	return s.send(r)
}

// replays fails the test unless again is the answer first, sent once more.
func (a *answer) replays(first *answer) *answer {
	a.t.Helper()
	if a.status != first.status || !bytes.Equal(a.raw, first.raw) || a.header.Get("Content-Type") != first.header.Get("Content-Type") ||
		a.header.Get("Location") != first.header.Get("Location") {
		a.t.Fatalf("%s: not the first answer again: %d %s\nfirst: %d %s", a.what, a.status, a.raw, first.status, first.raw)
	}
	if a.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		a.t.Fatalf("%s: Idempotent-Replayed %q, at first %q", a.what, a.header.Get("Idempotent-Replayed"), first.header.Get("Idempotent-Replayed"))
	}
	return a
}

func (s *site) attempts() int {
	s.t.Helper()
	return len(s.call(s.analyst, "GET", "/v1/attempts?limit=250", nil).want(200).list())
}

// A POST with a key is carried out once, and answered as the first time, by
// any server, after any restart, until a day is over.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	join := "/v1/queues/" + q + "/attempts"
	first := s.once(s.operator, join, `{"destination":"a"}`, "k1").want(201)
	s.once(s.operator, join, `{"destination":"a"}`, "k1").replays(first)
	s.replica().once(s.operator, join, `{"destination":"a"}`, "k1").replays(first)
	s.once(s.operator, join, `{"destination":"b"}`, "k1").problem(422, "invalid").blames("Idempotency-Key:")
	other := s.queue(map[string]any{"name": "others", "type": "chat"})
	s.once(s.operator, "/v1/queues/"+other+"/attempts", `{"destination":"a"}`, "k1").problem(422, "invalid")
	if n := s.attempts(); n != 1 {
		t.Fatalf("%d attempts for one key", n)
	}
	// A refusal is an answer too, and a key belongs to its API key.
	refused := s.once(s.operator, "/v1/attempts/"+first.id("attempt_id")+"/accept", `{"agent_id":1}`, "k2").want(409)
	s.once(s.operator, "/v1/attempts/"+first.id("attempt_id")+"/accept", `{"agent_id":1}`, "k2").replays(refused)
	s.once(s.admin, join, `{"destination":"a"}`, "k1").want(201)
	s.once(s.operator, join, `{"destination":"a"}`, strings.Repeat("k", 256)).problem(422, "invalid").blames("Idempotency-Key:")

	delivery := s.cfg.Delivery
	if n, err := delivery.DropIdempotency(t.Context(), s.clock.now()); n != 0 || err != nil {
		t.Errorf("dropped %d keys of today: %v", n, err)
	}
	s.clock.forward(store.KeepIdempotency + time.Minute)
	again := s.once(s.operator, join, `{"destination":"b"}`, "k1").want(201)
	s.once(s.operator, join, `{"destination":"b"}`, "k1").replays(again)
	if n, err := delivery.DropIdempotency(t.Context(), s.clock.now()); n != 2 || err != nil {
		t.Errorf("dropped %d keys of yesterday, want 2: %v", n, err)
	}
}

// Of many equal requests at once, on two servers, one is carried out, and all
// have its answer.
func TestIdempotencyKeyAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sites := []*site{s, s.replica()}
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	answers := make([]*answer, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			answers[i] = sites[i%2].once(s.operator, "/v1/queues/"+q+"/attempts", `{"destination":"a"}`, "same")
		})
	}
	group.Wait()
	replayed := 0
	for _, a := range answers {
		if a.want(201); !bytes.Equal(a.raw, answers[0].raw) {
			t.Errorf("two answers:\n%s\n%s", a.raw, answers[0].raw)
		}
		if a.header.Get("Idempotent-Replayed") == "true" {
			replayed++
		}
	}
	if replayed != len(answers)-1 || s.attempts() != 1 {
		t.Errorf("%d replayed of %d, %d attempts", replayed, len(answers), s.attempts())
	}
}

// forgetAnswers makes every claim one whose server died between the commit of
// the effect and the keeping of the answer.
func (s *site) forgetAnswers() {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), `UPDATE idempotency_keys SET status = NULL, answer = NULL, claimed_until = created_at - interval '1 s'`)
	if err != nil {
		s.t.Fatal(err)
	}
}

// A server that dies after the commit and before its answer was kept leaves no
// second effect.
func TestIdempotencyKeyOutlivesACrash(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	join := "/v1/queues/" + q + "/attempts"
	first := s.once(s.operator, join, `{"destination":"a"}`, "k1").want(201)
	queue := s.once(s.admin, "/v1/queues", `{"name":"more","type":"task"}`, "k2").want(201)
	endpoint := s.once(s.admin, "/v1/endpoints", `{"url":"https://crm.example/hook"}`, "k3").want(201)
	ended := `[{"event":"ended","attempt_id":` + first.id("attempt_id") + `,"leg":"member"}]`
	s.once(s.operator, "/v1/reports", ended, "k4").want(200)
	s.forgetAnswers()

	second := s.once(s.operator, join, `{"destination":"a"}`, "k1").want(201)
	if second.id("attempt_id") != first.id("attempt_id") || second.header.Get("Location") != first.header.Get("Location") || s.attempts() != 1 {
		t.Errorf("carried out twice: %s", second.raw)
	}
	s.once(s.operator, join, `{"destination":"a"}`, "k1").replays(second)
	if a := s.once(s.admin, "/v1/queues", `{"name":"more","type":"task"}`, "k2").want(201); !bytes.Equal(a.raw, queue.raw) {
		t.Errorf("another queue: %s", a.raw)
	}
	lost := s.once(s.admin, "/v1/endpoints", `{"url":"https://crm.example/hook"}`, "k3").problem(409, "answer_lost")
	if id := endpoint.json["id"].(string); !strings.Contains(lost.json["detail"].(string), id) {
		t.Errorf("the problem does not name endpoint %s: %s", id, lost.raw)
	}
	if n := len(s.call(s.admin, "GET", "/v1/endpoints", nil).want(200).list()); n != 1 {
		t.Errorf("%d endpoints", n)
	}
	s.once(s.operator, "/v1/reports", ended, "k4").problem(409, "answer_lost")
}

// A server that was halted so long that another one took over its claim changes
// nothing when it goes on.
func TestIdempotencyClaimIsAFence(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.queue(map[string]any{"name": "chats", "type": "chat"})
	claim := store.Claim{DomainID: 1, Key: [32]byte{1}, Digest: [32]byte{2}, At: s.clock.now(), Hold: time.Second}
	halted, err := s.cfg.Delivery.ClaimKey(t.Context(), claim)
	if err != nil || !halted.Once.Set() {
		t.Fatal(halted, err)
	}
	if early, err := s.cfg.Delivery.ClaimKey(t.Context(), claim); err != nil || early.Once.Set() {
		t.Fatalf("a claim in force was taken over: %v %v", early, err)
	}
	claim.At = claim.At.Add(2 * time.Second)
	taken, err := s.cfg.Delivery.ClaimKey(t.Context(), claim)
	if err != nil || !taken.Once.Set() {
		t.Fatal(taken, err)
	}
	d, _ := s.cfg.Desk(1)
	before := s.fingerprint()
	save := func(once desk.Once) error {
		q := queue.DefaultQueue(0, "late", queue.Chat)
		_, err := d.DoNoted(t.Context(), []queue.Command{queue.SaveQueue{Queue: q}}, &desk.Clerk{
			Note: func([]desk.Answer) (desk.Note, bool) { return desk.Note{Once: once, Kind: "queue", ObjectID: id}, true },
		})
		return err
	}
	if err := save(halted.Once); err == nil || !strings.Contains(err.Error(), desk.ErrOvertaken.Error()) {
		t.Errorf("the desk wrote for a claim that was lost: %v", err)
	}
	_, _, err = s.store.CreateKey(t.Context(), 1, store.RoleAdmin, "late", store.By{At: s.clock.now(), Once: halted.Once})
	if err == nil || s.fingerprint() != before {
		t.Errorf("the store wrote for a claim that was lost: %v", err)
	}
	if err := save(taken.Once); err != nil {
		t.Error(err)
	}
}

// Answers hold secrets, which must not be readable in the database.
func TestIdempotencyKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.once(s.admin, "/v1/keys", `{"name":"CRM","role":"analyst"}`, "k1").want(201)
	s.once(s.admin, "/v1/keys", `{"name":"CRM","role":"analyst"}`, "k1").replays(first)
	var kept []byte
	if err := s.pool.QueryRow(t.Context(), `SELECT answer FROM idempotency_keys`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(kept, []byte("ohk_")) || bytes.Contains(kept, []byte("CRM")) {
		t.Errorf("the answer can be read: %q", kept)
	}
	if _, err := s.pool.Exec(t.Context(), `UPDATE idempotency_keys SET answer = '\x00'`); err != nil {
		t.Fatal(err)
	}
	s.once(s.admin, "/v1/keys", `{"name":"CRM","role":"analyst"}`, "k1").problem(409, "answer_lost")
}

// What was not carried out is tried anew with the same key; what is under way
// makes others wait, and then say so.
func TestIdempotencyKeyAfterAFailure(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	s := newSite(t, func(c *api.Config) {
		of := c.Desk
		c.Desk = func(id int64) (api.Desk, bool) {
			d, ok := of(id)
			return d, ok && !away.Load()
		}
	})
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	join := "/v1/queues/" + q + "/attempts"
	away.Store(true)
	s.once(s.operator, join, `{"destination":"a"}`, "k1").problem(503, "unavailable")
	away.Store(false)
	s.once(s.operator, join, `{"destination":"a"}`, "k1").want(201)

	_, err := s.pool.Exec(context.Background(), `UPDATE idempotency_keys SET status = NULL, answer = NULL`)
	if err != nil {
		t.Fatal(err)
	}
	busy := s.once(s.operator, join, `{"destination":"a"}`, "k1").problem(409, "idempotency_key_in_use")
	if busy.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

const (
	headerIdempotency = "Idempotency-Key"
	headerReplayed    = "Idempotent-Replayed"
	maxIdempotencyKey = 255
	// onceWait is how long a request waits for the answer of an equal one that is
	// under way, looking every oncePoll.
	onceWait = 5 * time.Second
	oncePoll = 40 * time.Millisecond
	// onceMargin is what a claim is held beyond the patience of its operation: as
	// long as a transaction that was begun may still commit.
	onceMargin = 20 * time.Second
	// keepWait bounds what is done for a claim after its request.
	keepWait = 5 * time.Second
)

// idempotencyParam describes the header to OpenAPI.
var idempotencyParam = &huma.Param{
	Name: headerIdempotency, In: "header",
	Description: "Makes the request safe to repeat: for 24 hours, the same request with the same key is carried out once, and answered with the first answer.",
	Schema:      &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxIdempotencyKey)},
}

// onceState is what the operations of a request know of its claim.
type onceState struct {
	once desk.Once
	// unknown says that a change was asked for of which nobody knows whether it
	// was stored.
	unknown bool
}

type onceKey struct{}

// onceOf returns the claim of the request; not set when it has none.
func onceOf(ctx context.Context) desk.Once {
	if s, _ := ctx.Value(onceKey{}).(*onceState); s != nil {
		return s.once
	}
	return desk.Once{}
}

// marking marks the claim of the request in the transaction of a command that
// nobody notes; nil when there is no claim, or nothing that the request asked
// for.
func marking(ctx context.Context, cmd queue.Command) *desk.Clerk {
	once := onceOf(ctx)
	if _, tick := cmd.(queue.Tick); tick || !once.Set() {
		return nil
	}
	return &desk.Clerk{Note: func(answers []desk.Answer) (desk.Note, bool) {
		n := desk.Note{Once: once, Kind: "request"}
		if t := answers[0].Result.Attempt; len(answers) == 1 && t != nil {
			n.Kind, n.ObjectID = "attempt", strconv.FormatInt(t.ID, 10)
		}
		return n, true
	}}
}

// doubtful notes that nobody knows whether the request had an effect.
func doubtful(ctx context.Context) {
	if s, _ := ctx.Value(onceKey{}).(*onceState); s != nil {
		s.unknown = true
	}
}

// idempotent carries out a POST with an Idempotency-Key at most once: the
// answer is kept before it is sent, and the claim is marked in the transaction
// of the effect, so that no crash between the two makes a second effect.
func (h *handler) idempotent(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header(headerIdempotency)
	c, known := ctx.Context().Value(callerKey{}).(caller)
	if key == "" || ctx.Method() != http.MethodPost || !known {
		next(ctx)
		return
	}
	if len(key) > maxIdempotencyKey || strings.IndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		h.answer(ctx, invalid(headerIdempotency+":", "expected 1 to 255 printable ASCII characters"))
		return
	}
	r, w := humachi.Unwrap(ctx)
	limit := ctx.Operation().MaxBodyBytes
	upload := ctx.Operation().Metadata["upload"] == true
	if upload {
		limit = maxAtOnceBytes
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	whole := err == nil && int64(len(head)) <= limit
	r = r.WithContext(ctx.Context())
	r.Body = rejoin(head, err, r.Body)
	if !whole && !upload {
		next(humachi.NewContext(ctx.Operation(), r, w)) // it will be refused for its body
		return
	}
	claim := store.Claim{
		DomainID: c.domain, Key: sha256.Sum256([]byte(c.key + "\x00" + key)), Digest: digestOf(r, head),
		Hold: h.patienceOf(ctx.Operation()) + onceMargin,
	}
	claimed, p := h.claim(ctx.Context(), claim)
	switch {
	case p != nil:
		h.answer(ctx, p)
	case claimed.Answer != nil:
		replay(w, claimed.Answer, true)
	default:
		h.carryOutOnce(ctx.Operation(), r, w, claimed, next)
	}
}

// rejoin puts back what was read of a body.
func rejoin(head []byte, err error, rest io.ReadCloser) io.ReadCloser {
	from := io.MultiReader(bytes.NewReader(head), rest)
	if err != nil {
		from = io.MultiReader(bytes.NewReader(head), failedReader{err})
	}
	return struct {
		io.Reader
		io.Closer
	}{from, rest}
}

// failedReader fails as the reader before it did.
type failedReader struct{ err error }

// Read fails.
func (f failedReader) Read([]byte) (int, error) { return 0, f.err }

// digestOf is a hash of what makes a request this one. Of an upload too long to
// be held it is the beginning, and the length if the client has said it.
func digestOf(r *http.Request, head []byte) (digest [sha256.Size]byte) {
	sum := sha256.New()
	for _, part := range [][]byte{
		[]byte(r.URL.EscapedPath()), []byte(r.URL.RawQuery), []byte(r.Header.Get("Content-Type")),
		[]byte(strconv.FormatInt(max(r.ContentLength, int64(len(head))), 10)), head,
	} {
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		sum.Write(part)
	}
	sum.Sum(digest[:0])
	return digest
}

func (h *handler) patienceOf(op *huma.Operation) time.Duration {
	if p, _ := op.Metadata["patience"].(time.Duration); p > h.cfg.Patience {
		return p
	}
	return h.cfg.Patience
}

// claim claims the key of a request, waiting for one that is under way.
func (h *handler) claim(ctx context.Context, claim store.Claim) (store.Claimed, *Problem) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	poll := time.NewTicker(oncePoll)
	defer poll.Stop()
	end := time.NewTimer(onceWait)
	defer end.Stop()
	for {
		claim.At = h.cfg.Now()
		found, err := h.cfg.Delivery.ClaimKey(ctx, claim)
		switch {
		case err != nil:
			return found, h.translate(ctx, err)
		case found.Other:
			return found, invalid(headerIdempotency+":", "this key came with another request before; use a new key for a new request")
		case found.Once.Set(), found.Answer != nil:
			return found, nil
		case found.Lost:
			return found, answerLost(found)
		}
		select {
		case <-ctx.Done():
			return found, h.translate(ctx, ctx.Err())
		case <-end.C:
			return found, problem(CodeKeyInUse, "The request that came first with this Idempotency-Key has no answer yet; ask again for it.")
		case <-poll.C:
		}
	}
}

// carryOutOnce carries out a claimed request, or, when somebody who died had
// done so, answers with what there is now.
func (h *handler) carryOutOnce(op *huma.Operation, r *http.Request, w http.ResponseWriter, claimed store.Claimed, next func(huma.Context)) {
	state := &onceState{once: claimed.Once}
	c, _ := r.Context().Value(callerKey{}).(caller)
	var a *store.Answer
	if claimed.Kind != "" {
		a = h.rebuild(op, r, claimed)
	} else {
		rec := &recorder{to: w, header: http.Header{}}
		next(humachi.NewContext(op, r.WithContext(context.WithValue(r.Context(), onceKey{}, state)), rec))
		a = &store.Answer{Status: rec.status, Header: rec.header, Body: rec.body.Bytes()}
	}
	// The client may be gone; his next request wants the answer all the more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), keepWait)
	defer cancel()
	var err error
	switch {
	case a.Status < http.StatusInternalServerError:
		err = h.cfg.Delivery.AnswerKey(ctx, c.domain, state.once, *a)
	case !state.unknown:
		err = h.cfg.Delivery.ReleaseKey(ctx, c.domain, state.once)
	}
	if err != nil {
		h.cfg.Logger.WarnContext(ctx, "keep what an idempotency key was answered with", "request_id", requestID(ctx), "error", err)
	}
	replay(w, a, false)
}

// replay sends an answer.
func replay(w http.ResponseWriter, a *store.Answer, again bool) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	if again {
		w.Header().Set(headerReplayed, "true")
	}
	w.WriteHeader(a.Status)
	// The status is out; when the client is gone there is nobody to tell.
	_, _ = w.Write(a.Body)
}

// rebuild answers for a request that was carried out by a server which died
// before it could answer: with the object as it is now, if the operation
// answers with the whole object, else with a problem that names it.
func (h *handler) rebuild(op *huma.Operation, r *http.Request, claimed store.Claimed) *store.Answer {
	rec := &recorder{header: http.Header{}}
	one := operationAt(h.huma.OpenAPI(), http.MethodGet, "/v1/"+claimed.Kind+"s/{id}")
	if one != nil && sameAnswer(op, one) {
		place := location(claimed.Kind+"s", claimed.ObjectID)
		// Without the route of the request under way, chi would go on from there.
		ctx := context.WithValue(r.Context(), chi.RouteCtxKey, (*chi.Context)(nil))
		read := r.Clone(ctx)
		read.Method, read.Body, read.ContentLength = http.MethodGet, http.NoBody, 0
		read.URL.Path, read.URL.RawPath, read.URL.RawQuery = place, "", ""
		h.router.ServeHTTP(rec, read)
		if rec.status == http.StatusOK {
			rec.header.Del("X-Request-Id")
			rec.header.Del("ETag")
			if op.DefaultStatus == http.StatusCreated {
				rec.header.Set("Location", place)
			}
			return &store.Answer{Status: max(op.DefaultStatus, http.StatusOK), Header: rec.header, Body: rec.body.Bytes()}
		}
		rec = &recorder{header: http.Header{}}
	}
	answerLost(claimed).write(rec, r)
	return &store.Answer{Status: rec.status, Header: rec.header, Body: rec.body.Bytes()}
}

// sameAnswer reports whether two operations answer with the same type.
func sameAnswer(a, b *huma.Operation) bool {
	ref := func(op *huma.Operation) string {
		for _, status := range []string{strconv.Itoa(op.DefaultStatus), "200"} {
			if r := op.Responses[status]; r != nil && r.Content[mediaJSON] != nil && r.Content[mediaJSON].Schema != nil {
				return r.Content[mediaJSON].Schema.Ref
			}
		}
		return ""
	}
	return ref(a) != "" && ref(a) == ref(b)
}

func answerLost(claimed store.Claimed) *Problem {
	what := ""
	if claimed.ObjectID != "" {
		what = fmt.Sprintf(" It is about the %s %s.", claimed.Kind, claimed.ObjectID)
	}
	return problem(CodeAnswerLost, "The request was carried out, but the server failed before it could answer, and what it would have said cannot be said again."+what)
}

// recorder holds an answer back until it is kept.
type recorder struct {
	to     http.ResponseWriter // whose connection it is; nil for none
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the headers of the answer.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader sets the status, once.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write adds to the body.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Unwrap leads to the connection, whose deadlines uploads move.
func (r *recorder) Unwrap() http.ResponseWriter { return r.to }

package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/store"
)

// caller is who asks: the domain and the role of the key.
type caller struct {
	domain int64
	role   store.Role
	key    string // its id, for the log
	name   string // of the key, for the audit log
}

// keyTTL is how long a key that was found is believed without asking Postgres
// again, which also is how long a revoked one lives on.
const keyTTL = 5 * time.Second

// maxKeys bounds the cache; only keys that exist get into it.
const maxKeys = 4096

// keyring remembers the keys that were used in the last seconds, so that a
// busy client does not cost a query a request.
type keyring struct {
	store *store.Store
	now   func() time.Time

	mu   sync.RWMutex
	keys map[[sha256.Size]byte]heldKey
}

type heldKey struct {
	caller caller
	until  time.Time
}

// find returns who holds the secret. It errs with store.ErrNotFound for a
// secret that is not, or no longer, a key.
func (k *keyring) find(ctx context.Context, secret string) (caller, error) {
	hash := store.HashKey(secret)
	now := k.now()
	if held, ok := k.held(hash); ok && now.Before(held.until) {
		return held.caller, nil
	}
	key, err := k.store.LookupKey(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		k.drop(hash)
	}
	if err != nil {
		return caller{}, err
	}
	c := caller{domain: key.DomainID, role: key.Role, key: key.ID, name: key.Name}
	k.hold(hash, heldKey{caller: c, until: now.Add(keyTTL)})
	return c, nil
}

func (k *keyring) held(hash [sha256.Size]byte) (heldKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	h, ok := k.keys[hash]
	return h, ok
}

func (k *keyring) hold(hash [sha256.Size]byte, h heldKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) >= maxKeys {
		clear(k.keys)
	}
	k.keys[hash] = h
}

func (k *keyring) drop(hash [sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, hash)
}

// forget drops a key that was just revoked here; other servers notice within
// keyTTL.
func (k *keyring) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.keys, func(_ [sha256.Size]byte, h heldKey) bool { return h.caller.key == id })
}

type callerKey struct{}

// authorize lets a request of an operation through when its key has the
// operation's role. The caller travels in the context, because huma hands an
// operation nothing else.
func (h *handler) authorize(ctx huma.Context, next func(huma.Context)) {
	need, _ := ctx.Operation().Metadata["role"].(store.Role)
	if need == "" {
		next(ctx)
		return
	}
	c, p := h.identify(ctx.Context(), ctx.Header("Authorization"))
	if p == nil {
		p = h.limited(c)
	}
	if p == nil && !c.role.Includes(need) {
		p = problem(CodeForbidden, "This needs the role "+string(need)+"; the key has the role "+string(c.role)+".")
	}
	if p != nil {
		h.answer(ctx, p)
		return
	}
	if seen := traceOf(ctx.Context()); seen != nil {
		seen.key = c.key
	}
	next(huma.WithValue(ctx, callerKey{}, c))
}

func (h *handler) identify(ctx context.Context, header string) (caller, *Problem) {
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return caller{}, problem(CodeUnauthenticated, "Send the header Authorization: Bearer with an API key.")
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	c, err := h.keys.find(ctx, strings.TrimSpace(secret))
	if errors.Is(err, store.ErrNotFound) {
		return caller{}, problem(CodeUnauthenticated, "This API key is not known, or was revoked.")
	}
	if err != nil {
		return caller{}, h.translate(ctx, err)
	}
	return c, nil
}

// answer writes a problem from within huma's middleware.
func (h *handler) answer(ctx huma.Context, p *Problem) {
	p.RequestID = requestID(ctx.Context())
	for name, values := range p.GetHeaders() {
		for _, v := range values {
			ctx.AppendHeader(name, v)
		}
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	// The status is out; when the client is gone there is nobody to tell.
	_ = jsonFormat.Marshal(ctx.BodyWriter(), p)
}

// wellFormed refuses what no operation can take: bodies that are not JSON, and
// paths and queries that Postgres cannot compare with anything.
func (h *handler) wellFormed(ctx huma.Context, next func(huma.Context)) {
	if body := ctx.Operation().RequestBody; body != nil {
		if ct := ctx.Header("Content-Type"); ct != "" && !takes(body, ct) {
			h.answer(ctx, problem(CodeMediaType, "Send the body as "+strings.Join(wants(body), " or ")+", not as "+ct+"."))
			return
		}
	}
	u := ctx.URL()
	if !clean(u.Path) {
		h.answer(ctx, problem(CodeNotFound, "No such thing is visible with this key."))
		return
	}
	if !cleanQuery(u.RawQuery) {
		h.answer(ctx, problem(CodeMalformed, "The query is not UTF-8 text."))
		return
	}
	next(ctx)
}

// takes reports whether a body may be of the content type.
func takes(body *huma.RequestBody, contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return body.Content[strings.ToLower(strings.TrimSpace(media))] != nil
}

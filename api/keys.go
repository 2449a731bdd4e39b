package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/offhook/offhook/store"
)

// Key is an API key as the API shows it: without its secret.
type Key struct {
	ID        string     `json:"id" example:"key_01890a5d-ac96-774b-bcce-b302099a8057"`
	Name      string     `json:"name" doc:"Who uses it."`
	Role      store.Role `json:"role" enum:"admin,operator,analyst"`
	Prefix    string     `json:"prefix" doc:"How the secret begins, to tell keys apart."`
	CreatedAt *string    `json:"created_at" format:"date-time"`
	RevokedAt *string    `json:"revoked_at" format:"date-time" doc:"null while the key is good."`
}

// KeyWithSecret is the answer to a creation, and the only one that shows the
// secret.
type KeyWithSecret struct {
	Key
	Secret string `json:"secret" doc:"Keep it now: it is not stored and cannot be shown again."`
}

// NewKey is the body that makes a key.
type NewKey struct {
	Name string     `json:"name" minLength:"1" maxLength:"200" doc:"Who will use it."`
	Role store.Role `json:"role" enum:"admin,operator,analyst" doc:"What it may do; each role may do what the ones after it may."`
}

// KeyPath names a key in a path.
type KeyPath struct {
	ID string `path:"id" maxLength:"64" doc:"The key."`
}

type keyOut struct{ Body Key }

type keyCreated struct {
	Location string `header:"Location"`
	Body     KeyWithSecret
}

func (h *handler) keyRoutes() {
	op := func(method, path, id, summary, doc string) operation {
		return operation{
			method: method, path: "/v1/keys" + path, id: id, tag: tagAdmin, role: store.RoleAdmin, summary: summary, doc: doc,
		}
	}
	register(h, op(http.MethodGet, "", "listKeys", "List API keys",
		"Of this domain, in the order of their creation, revoked ones too; never their secrets."), h.listKeys)
	create := op(http.MethodPost, "", "createKey", "Make an API key", "The answer shows the secret, this once.")
	create.status = http.StatusCreated
	register(h, create, h.createKey)
	register(h, op(http.MethodGet, "/{id}", "readKey", "Read an API key", ""), h.readKey)
	register(h, op(http.MethodDelete, "/{id}", "revokeKey", "Revoke an API key",
		"Within seconds every server refuses it. It stays in the list, so that the audit log keeps its names; revoking it again changes nothing. "+
			"A key may revoke itself."), h.revokeKey)
}

func (h *handler) listKeys(ctx context.Context, c caller, in *struct {
	Page
	Role store.Role `query:"role" enum:"admin,operator,analyst" doc:"Only keys of this role."`
}) (*listOut[Key], error) {
	f := store.KeyFilter{Role: in.Role, After: in.Cursor, Limit: in.Limit + 1}
	if in.Cursor != "" && !store.IsKeyID(in.Cursor) {
		return nil, badCursor()
	}
	found, err := h.cfg.Store.KeyPage(ctx, c.domain, f)
	if err != nil {
		return nil, err
	}
	out := &listOut[Key]{list[Key]{Data: []Key{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = &found[in.Limit-1].ID
	}
	for i := range found {
		out.Body.Data = append(out.Body.Data, viewKey(&found[i]))
	}
	return out, nil
}

func (h *handler) createKey(ctx context.Context, c caller, in *struct{ Body NewKey }) (*keyCreated, error) {
	if len(in.Body.Name) > store.MaxKeyName { // the schema counts characters
		return nil, invalid("/name", fmt.Sprintf("at most %d bytes", store.MaxKeyName))
	}
	key, secret, err := h.cfg.Store.CreateKey(ctx, c.domain, in.Body.Role, in.Body.Name, h.by(ctx, c, nil, nil))
	if err != nil {
		return nil, err
	}
	return &keyCreated{Location: location("keys", key.ID), Body: KeyWithSecret{Key: viewKey(&key), Secret: secret}}, nil
}

func (h *handler) readKey(ctx context.Context, c caller, in *KeyPath) (*keyOut, error) {
	key, err := h.cfg.Store.Key(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	return &keyOut{viewKey(&key)}, nil
}

func (h *handler) revokeKey(ctx context.Context, c caller, in *KeyPath) (*struct{}, error) {
	key, err := h.cfg.Store.Key(ctx, c.domain, in.ID)
	if err != nil || !key.RevokedAt.IsZero() {
		return nil, err
	}
	if err := h.cfg.Store.RevokeKey(ctx, c.domain, in.ID, h.by(ctx, c, viewKey(&key), nil)); err != nil {
		return nil, err
	}
	h.keys.forget(in.ID)
	return nil, nil
}

func viewKey(k *store.APIKey) Key {
	return Key{
		ID: k.ID, Name: k.Name, Role: k.Role, Prefix: k.Prefix, CreatedAt: stamp(k.CreatedAt), RevokedAt: stamp(k.RevokedAt),
	}
}

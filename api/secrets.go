package api

import (
	"context"
	"net/http"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/store"
)

// EndpointWithSecret is an endpoint with a secret that was just made.
type EndpointWithSecret struct {
	Endpoint
	Secret *string `json:"secret" doc:"Verifies the signatures by Standard Webhooks. Keep it now: lists do not show it. Null for ed25519, where public_key does that."`
}

// SigningKey is one key that signs an endpoint's requests.
type SigningKey struct {
	Signature dispatcher.Signature `json:"signature" enum:"hmac,ed25519"`
	Secret    *string              `json:"secret" doc:"hmac: the shared secret, whsec_ and base64."`
	PublicKey *string              `json:"public_key" doc:"ed25519: the public key, whpk_ and base64. The private one is never shown."`
	Until     *string              `json:"until" format:"date-time" doc:"When it ceases to sign; null for the newest."`
}

// EndpointSecret is what verifies the requests of an endpoint.
type EndpointSecret struct {
	SigningKey
	Older []SigningKey `json:"older" doc:"Keys that were replaced and still sign, the newest first."`
}

// RotateSecret is the body that replaces a secret.
type RotateSecret struct {
	GraceSec  *int                 `json:"grace_sec,omitempty" minimum:"0" maximum:"604800" doc:"How long the old secret goes on signing beside the new one; 86400 when absent, 0 ends it at once."`
	Signature dispatcher.Signature `json:"signature,omitempty" enum:"hmac,ed25519" doc:"How to sign from now on; as before when absent."`
}

// usualGrace is how long a replaced secret signs when nobody says.
const usualGrace = 24 * time.Hour

func (h *handler) secretRoutes(op func(method, path, id, summary, doc string) operation) {
	rotate := op(http.MethodPost, "/{id}/rotate-secret", "rotateSecret", "Replace the secret",
		"The answer shows the new one. For the grace every request has a signature of each, the newest first, so that receivers can change at their leisure.")
	rotate.conflicts = true
	register(h, rotate, h.rotateSecret)
	register(h, op(http.MethodGet, "/{id}/secret", "readSecret", "Read the secret",
		"For a receiver that has lost it. Every call is kept in the audit log."), h.readSecret)
}

func (h *handler) rotateSecret(ctx context.Context, c caller, in *struct {
	EndpointPath
	Body *RotateSecret
}) (*struct{ Body EndpointWithSecret }, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	grace, signature := usualGrace, ep.Signature()
	if in.Body != nil {
		if in.Body.GraceSec != nil {
			grace = time.Duration(*in.Body.GraceSec) * time.Second
		}
		if in.Body.Signature != "" {
			signature = in.Body.Signature
		}
	}
	rotation := store.Rotation{Key: dispatcher.NewKey(signature), Grace: grace}
	ref := dispatcher.Ref{DomainID: c.domain, EndpointID: in.ID}
	if err := h.cfg.Delivery.RotateSecret(ctx, ref, rotation, h.by(ctx, c, nil, nil)); err != nil {
		return nil, err
	}
	saved, err := h.reloaded(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body EndpointWithSecret }{withSecret(saved, h.cfg.Now())}, nil
}

func (h *handler) readSecret(ctx context.Context, c caller, in *EndpointPath) (*struct{ Body EndpointSecret }, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.cfg.Store.NoteDeed(ctx, c.domain, store.Deed{Action: "read_secret", Kind: "endpoint", ObjectID: in.ID}, h.by(ctx, c, nil, nil)); err != nil {
		return nil, err
	}
	out := EndpointSecret{Older: []SigningKey{}}
	for i, s := range ep.Secrets {
		switch {
		case i == 0:
			out.SigningKey = viewSecret(s)
		case s.Active(h.cfg.Now()):
			out.Older = append(out.Older, viewSecret(s))
		}
	}
	return &struct{ Body EndpointSecret }{out}, nil
}

func withSecret(ep *dispatcher.Endpoint, now time.Time) EndpointWithSecret {
	out := EndpointWithSecret{Endpoint: viewEndpoint(ep, now)}
	if len(ep.Secrets) > 0 {
		out.Secret = viewSecret(ep.Secrets[0]).Secret
	}
	return out
}

// viewSecret shows a key: the whole of a shared secret, the public half of a
// pair.
func viewSecret(s dispatcher.Secret) SigningKey {
	out := SigningKey{Signature: s.Signature(), PublicKey: orNil(s.PublicKey()), Until: stamp(s.Until)}
	if out.Signature == dispatcher.SignatureHMAC {
		out.Secret = &s.Key
	}
	return out
}

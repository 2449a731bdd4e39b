package dispatcher

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tolerance is how far a request's timestamp may be from the receiver's clock.
const tolerance = 5 * time.Minute

// signer is a key that is ready to sign.
type signer struct {
	shared  *sync.Pool         // of *keyed, for HMAC; nil for Ed25519
	private ed25519.PrivateKey // of Ed25519
	until   time.Time          // zero = without end
}

// keyed is an HMAC with its key: making one costs as much as using it.
type keyed struct {
	hash.Hash
	sum [sha256.Size]byte
}

func keyedPool(key []byte) *sync.Pool {
	return &sync.Pool{New: func() any { return &keyed{Hash: hmac.New(sha256.New, key)} }}
}

// appendMAC signs head and body, one behind the other.
func appendMAC(out []byte, pool *sync.Pool, head, body []byte) []byte {
	k := pool.Get().(*keyed)
	defer pool.Put(k)
	k.Reset()
	k.Write(head)
	k.Write(body)
	return base64.StdEncoding.AppendEncode(out, k.Sum(k.sum[:0]))
}

// newSigner reads a key; its errors do not show it.
func newSigner(s Secret) (signer, error) {
	out := signer{until: s.Until}
	var err error
	if s.Signature() == SignatureEd25519 {
		out.private, err = privateKey(s.Key)
	} else {
		var key []byte
		key, err = secretKey(s.Key)
		out.shared = keyedPool(key)
	}
	return out, err
}

// Sign returns the value of the header webhook-signature for a body that is
// sent at: by Standard Webhooks, one signature for each key that signs then, in
// their order: v1 for a shared secret, v1a for a private key. It fails when a
// key is malformed.
func Sign(id string, at time.Time, body []byte, secrets []Secret) (string, error) {
	signers := make([]signer, len(secrets))
	for i, s := range secrets {
		var err error
		if signers[i], err = newSigner(s); err != nil {
			return "", err
		}
	}
	head := signed(id, strconv.FormatInt(at.Unix(), 10), 0)
	return string(appendSignatures(nil, head, body, signers, at)), nil
}

// appendSignatures appends one signature for each key that signs at, of what
// stands in front of the body (see signed) and the body.
func appendSignatures(out, head, body []byte, signers []signer, at time.Time) []byte {
	empty := len(out)
	for i := range signers {
		s := &signers[i]
		if !s.until.IsZero() && !at.Before(s.until) {
			continue
		}
		if len(out) > empty {
			out = append(out, ' ')
		}
		if s.shared != nil {
			out = appendMAC(append(out, "v1,"...), s.shared, head, body)
		} else {
			out = append(out, "v1a,"...)
			out = base64.StdEncoding.AppendEncode(out, ed25519.Sign(s.private, slices.Concat(head, body)))
		}
	}
	return out
}

// mac signs id.timestamp.body.
func mac(id, timestamp string, body, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(signed(id, timestamp, 0))
	m.Write(body)
	var sum [sha256.Size]byte
	return m.Sum(sum[:0])
}

// signed is what is signed in front of the body, with room for more behind it.
func signed(id, timestamp string, more int) []byte {
	b := make([]byte, 0, len(id)+len(timestamp)+2+more)
	b = append(append(b, id...), '.')
	return append(append(b, timestamp...), '.')
}

// Why Verify refuses a request.
var (
	ErrNoSignature  = errors.New("the request lacks webhook-id, webhook-timestamp or webhook-signature")
	ErrTimestamp    = errors.New("the request's timestamp is too far from this clock")
	ErrBadSignature = errors.New("no signature of the request matches")
)

// Verify reports whether a request with the header and body was signed for one
// of the keys, at most 5 minutes from now: nil, or ErrNoSignature, ErrTimestamp,
// ErrBadSignature, or an error about a malformed key. A key is a shared secret
// (whsec_) or a public key (whpk_). The comparison takes the same time wherever
// signatures differ.
func Verify(h http.Header, body []byte, keys []string, now time.Time) error {
	id, stamp, signatures := h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature")
	if id == "" || stamp == "" || signatures == "" {
		return ErrNoSignature
	}
	unix, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return ErrTimestamp
	}
	// Compared in whole seconds: a Duration would overflow for absurd stamps.
	if d := now.Unix() - unix; d > int64(tolerance/time.Second) || d < -int64(tolerance/time.Second) {
		return ErrTimestamp
	}
	for _, key := range keys {
		fits, scheme, err := verifier(key, id, stamp, body)
		if err != nil {
			return err
		}
		for sig := range strings.FieldsSeq(signatures) {
			text, ok := strings.CutPrefix(sig, scheme)
			if !ok {
				continue
			}
			if got, err := base64.StdEncoding.DecodeString(text); err == nil && fits(got) {
				return nil
			}
		}
	}
	return ErrBadSignature
}

// CheckKey returns an error when the text is no key that Verify takes. The error
// does not show it.
func CheckKey(key string) error {
	_, _, err := verifier(key, "", "", nil)
	return err
}

// verifier returns the check of one signature and the scheme that it is of.
func verifier(key, id, stamp string, body []byte) (fits func(signature []byte) bool, scheme string, err error) {
	if strings.HasPrefix(key, publicPrefix) {
		public, err := publicKey(key)
		if err != nil {
			return nil, "", err
		}
		message := append(signed(id, stamp, len(body)), body...)
		return func(sig []byte) bool { return ed25519.Verify(public, message, sig) }, "v1a,", nil
	}
	shared, err := secretKey(key)
	if err != nil {
		return nil, "", err
	}
	want := mac(id, stamp, body, shared)
	return func(sig []byte) bool { return hmac.Equal(sig, want) }, "v1,", nil
}

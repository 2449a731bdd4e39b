package dispatcher

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins every secret, so that scanners of leaked secrets know
// them.
const secretPrefix = "whsec_"

// tolerance is how far a request's timestamp may be from the receiver's clock.
const tolerance = 5 * time.Minute

// NewSecret returns a fresh signing secret: whsec_ and the base64 of 32 random
// bytes.
func NewSecret() string {
	var key [32]byte
	rand.Read(key[:])
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// secretKey returns the bytes of a secret; its errors do not show it.
func secretKey(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return nil, errors.New("a secret begins with " + secretPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("a secret is " + secretPrefix + " and base64")
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, errors.New("a secret holds 24 to 64 bytes")
	}
	return key, nil
}

// Sign returns the value of the header webhook-signature for a body that is
// sent at: by Standard Webhooks, one v1 signature for each secret, in their
// order. It fails when a secret is malformed.
func Sign(id string, at time.Time, body []byte, secrets []string) (string, error) {
	keys := make([][]byte, 0, len(secrets))
	for _, s := range secrets {
		key, err := secretKey(s)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	return signWith(id, strconv.FormatInt(at.Unix(), 10), body, keys), nil
}

func signWith(id, timestamp string, body []byte, keys [][]byte) string {
	const one = len("v1,") + 44 // base64 of a SHA-256
	out := make([]byte, 0, len(keys)*(one+1))
	for i, key := range keys {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, mac(id, timestamp, body, key))
	}
	return string(out)
}

// mac signs id.timestamp.body.
func mac(id, timestamp string, body, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	prefix := make([]byte, 0, 64)
	prefix = append(prefix, id...)
	prefix = append(prefix, '.')
	prefix = append(prefix, timestamp...)
	prefix = append(prefix, '.')
	m.Write(prefix)
	m.Write(body)
	var sum [sha256.Size]byte
	return m.Sum(sum[:0])
}

// Why Verify refuses a request.
var (
	ErrNoSignature  = errors.New("the request lacks webhook-id, webhook-timestamp or webhook-signature")
	ErrTimestamp    = errors.New("the request's timestamp is too far from this clock")
	ErrBadSignature = errors.New("no signature of the request matches")
)

// Verify reports whether a request with the header and body was signed with one
// of the secrets, at most 5 minutes from now: nil, or ErrNoSignature,
// ErrTimestamp, ErrBadSignature, or an error about a malformed secret. The
// comparison takes the same time wherever signatures differ.
func Verify(h http.Header, body []byte, secrets []string, now time.Time) error {
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
	for _, secret := range secrets {
		key, err := secretKey(secret)
		if err != nil {
			return err
		}
		want := mac(id, stamp, body, key)
		for sig := range strings.FieldsSeq(signatures) {
			text, ok := strings.CutPrefix(sig, "v1,")
			if !ok {
				continue
			}
			if got, err := base64.StdEncoding.DecodeString(text); err == nil && hmac.Equal(got, want) {
				return nil
			}
		}
	}
	return ErrBadSignature
}

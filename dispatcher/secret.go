package dispatcher

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// Signature is how an endpoint's requests are signed, by Standard Webhooks.
type Signature string

// HMAC-SHA256 with a secret that both sides know (v1), and Ed25519 with a
// private key that never leaves offhook (v1a).
const (
	SignatureHMAC    Signature = "hmac"
	SignatureEd25519 Signature = "ed25519"
)

// The prefixes of keys, by which scanners of leaked secrets know them.
const (
	secretPrefix  = "whsec_" // shared secret
	privatePrefix = "whsk_"  // private key
	publicPrefix  = "whpk_"  // public key
)

// Secret is a key that signs an endpoint's requests.
type Secret struct {
	// Key is whsec_ and the base64 of 24 to 64 bytes, or whsk_ and the base64 of
	// an Ed25519 private key: seed and public key.
	Key string
	// Until is when it ceases to sign; zero for one that was not replaced.
	Until time.Time
}

// NewSecret returns a fresh shared secret: whsec_ and the base64 of 32 random
// bytes.
func NewSecret() string {
	var key [32]byte
	rand.Read(key[:])
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// NewKey returns a fresh key for a way of signing: NewSecret's for hmac, a
// private key for ed25519.
func NewKey(s Signature) string {
	if s != SignatureEd25519 {
		return NewSecret()
	}
	_, private, _ := ed25519.GenerateKey(nil) // the system's random source does not fail
	return privatePrefix + base64.StdEncoding.EncodeToString(private)
}

// Signature returns how the key signs.
func (s Secret) Signature() Signature {
	if strings.HasPrefix(s.Key, privatePrefix) {
		return SignatureEd25519
	}
	return SignatureHMAC
}

// PublicKey returns what verifies the signatures of an Ed25519 key, as whpk_ and
// base64; empty for a shared secret.
func (s Secret) PublicKey() string {
	private, err := privateKey(s.Key)
	if err != nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(private[ed25519.SeedSize:])
}

// Signature returns how the endpoint's newest key signs; empty when it has none.
func (e *Endpoint) Signature() Signature {
	if len(e.Secrets) == 0 {
		return ""
	}
	return e.Secrets[0].Signature()
}

// Active reports whether the key signs at the instant.
func (s Secret) Active(at time.Time) bool { return s.Until.IsZero() || at.Before(s.Until) }

// secretKey returns the bytes of a shared secret; its errors do not show it.
func secretKey(secret string) ([]byte, error) {
	key, err := decodeKey(secret, secretPrefix)
	if err != nil {
		return nil, err
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, errors.New("a secret holds 24 to 64 bytes")
	}
	return key, nil
}

func privateKey(text string) (ed25519.PrivateKey, error) {
	key, err := decodeKey(text, privatePrefix)
	if err != nil {
		return nil, err
	}
	// The second half must be the public key of the first: signatures under
	// another would betray the private key.
	if len(key) != ed25519.PrivateKeySize || !ed25519.NewKeyFromSeed(key[:ed25519.SeedSize]).Equal(ed25519.PrivateKey(key)) {
		return nil, errors.New("a private key is " + privatePrefix + " and the base64 of an Ed25519 key pair")
	}
	return key, nil
}

func publicKey(text string) (ed25519.PublicKey, error) {
	key, err := decodeKey(text, publicPrefix)
	if err == nil && len(key) != ed25519.PublicKeySize {
		err = errors.New("a public key holds 32 bytes")
	}
	return key, err
}

func decodeKey(text, prefix string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, errors.New("a secret begins with " + prefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("a secret is " + prefix + " and base64")
	}
	return key, nil
}

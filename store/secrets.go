package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// KeyRing seals what must not be readable in the database: endpoint secrets
// and custom headers, by AES-256-GCM. Its first key seals, all of them open,
// so a key is replaced by putting a new one in front.
type KeyRing struct {
	keys []ringKey
}

type ringKey struct {
	id   string
	aead cipher.AEAD
}

// ParseKeyRing reads a ring as OFFHOOK_KEY_RING has it: id:base64,id:base64 …
// with 32 random bytes a key. Its errors name the key's place and never show
// the text.
func ParseKeyRing(text string) (*KeyRing, error) {
	ring := &KeyRing{}
	seen := map[string]bool{}
	for i, part := range strings.Split(text, ",") {
		id, encoded, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || id == "" || len(id) > 32 {
			return nil, fmt.Errorf("parse key ring: key %d is not id:base64 with an id of 1 to 32 bytes", i+1)
		}
		if seen[id] {
			return nil, fmt.Errorf("parse key ring: key %d has the id of an earlier one", i+1)
		}
		seen[id] = true
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("parse key ring: key %d is not the base64 of 32 bytes", i+1)
		}
		aead, err := newAEAD(raw)
		if err != nil {
			return nil, fmt.Errorf("parse key ring: key %d: %w", i+1, err)
		}
		ring.keys = append(ring.keys, ringKey{id: id, aead: aead})
	}
	return ring, nil
}

// NewKeyRingText returns a ring of one fresh key, in the form that ParseKeyRing
// reads.
func NewKeyRingText(id string) string {
	var key [32]byte
	rand.Read(key[:])
	return id + ":" + base64.StdEncoding.EncodeToString(key[:])
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts plain for one purpose: what was sealed for another does not
// open, so that nobody can move a sealed value between rows. The result is the
// key id's length, the key id, and nonce and ciphertext.
func (r *KeyRing) seal(plain []byte, purpose string) []byte {
	return r.keys[0].aead.Seal(r.mark(), nil, plain, []byte(purpose))
}

// mark is how everything begins that the newest key seals.
func (r *KeyRing) mark() []byte {
	id := r.keys[0].id
	return append([]byte{byte(len(id))}, id...)
}

// keyOf returns the id of the key that a value was sealed with.
func keyOf(sealed []byte) string {
	if len(sealed) < 1 || len(sealed) < 1+int(sealed[0]) {
		return ""
	}
	return string(sealed[1 : 1+sealed[0]])
}

var errSealed = errors.New("no key of the ring opens it")

// open is the reverse of seal.
func (r *KeyRing) open(sealed []byte, purpose string) ([]byte, error) {
	id := keyOf(sealed)
	if id == "" {
		return nil, errSealed
	}
	rest := sealed[1+len(id):]
	for _, k := range r.keys {
		if k.id != id {
			continue
		}
		plain, err := k.aead.Open(nil, nil, rest, []byte(purpose))
		if err != nil {
			return nil, errSealed
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: the key %q is not in it", errSealed, id)
}

package dispatcher

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A key pair from the seed of RFC 8032, 7.1, test 1.
var (
	pair = func() ed25519.PrivateKey {
		seed := []byte{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
			0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60}
		return ed25519.NewKeyFromSeed(seed)
	}()
	pairKey = privatePrefix + base64.StdEncoding.EncodeToString(pair)
)

// TestEd25519 holds a v1a signature to what the specification says is signed,
// with the standard library as the other side.
func TestEd25519(t *testing.T) {
	t.Parallel()
	got, err := Sign(vectorID, vectorAt, []byte(vectorBody), []Secret{{Key: pairKey}})
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(got, "v1a,")
	sig, err := base64.StdEncoding.DecodeString(text)
	signed := vectorID + "." + strconv.FormatInt(vectorAt.Unix(), 10) + "." + vectorBody
	if !ok || err != nil || !ed25519.Verify(pair.Public().(ed25519.PublicKey), []byte(signed), sig) {
		t.Errorf("signature %q (%v)", got, err)
	}
	public := Secret{Key: pairKey}.PublicKey()
	if public != "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" {
		t.Errorf("public key %s", public)
	}
	if (Secret{Key: NewSecret()}).PublicKey() != "" {
		t.Error("a shared secret has a public key")
	}
}

func TestKeysOfEverySignature(t *testing.T) {
	t.Parallel()
	for _, s := range []Signature{SignatureHMAC, SignatureEd25519} {
		a, b := Secret{Key: NewKey(s)}, Secret{Key: NewKey(s)}
		if a.Key == b.Key || a.Signature() != s {
			t.Errorf("%s: fresh keys of %s, equal %t", s, a.Signature(), a.Key == b.Key)
		}
		if _, err := newSigner(a); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		ep := Endpoint{Secrets: []Secret{a, {Key: vectorSecret}}}
		if ep.Signature() != s {
			t.Errorf("the newest key signs with %s, the endpoint with %s", s, ep.Signature())
		}
	}
	if (&Endpoint{}).Signature() != "" {
		t.Error("no key signs all the same")
	}
}

func TestMalformedKeys(t *testing.T) {
	t.Parallel()
	foreign := bytes.Clone(pair)
	foreign[63] ^= 1 // the public half of somebody else
	for name, key := range map[string]string{
		"no base64":          privatePrefix + "%%%",
		"a seed alone":       privatePrefix + base64.StdEncoding.EncodeToString(pair.Seed()),
		"another's public":   privatePrefix + base64.StdEncoding.EncodeToString(foreign),
		"a public key":       Secret{Key: pairKey}.PublicKey(),
		"an unknown prefix":  "whxx_" + base64.StdEncoding.EncodeToString(pair),
		"a short public key": publicPrefix + base64.StdEncoding.EncodeToString(pair[:31]),
	} {
		_, err := newSigner(Secret{Key: key})
		if err == nil || strings.Contains(err.Error(), key[6:]) {
			t.Errorf("%s signs, or is shown: %v", name, err)
		}
	}
	for _, key := range []string{pairKey, "", "whpk_", publicPrefix + base64.StdEncoding.EncodeToString(pair[:31])} {
		if err := CheckKey(key); err == nil {
			t.Errorf("%.12q verifies", key)
		}
	}
}

// TestRotationKeepsEveryReceiverHappy: for the grace both keys sign, the newest
// first, also when the way of signing changes; then only the new one does.
func TestRotationKeepsEveryReceiverHappy(t *testing.T) {
	t.Parallel()
	ends := vectorAt.Add(time.Hour)
	secrets := []Secret{{Key: pairKey}, {Key: vectorSecret, Until: ends}}
	header := func(at time.Time) http.Header {
		value, err := Sign(vectorID, at, []byte(vectorBody), secrets)
		if err != nil {
			t.Fatal(err)
		}
		return http.Header{"Webhook-Id": {vectorID}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {value}}
	}
	for at, want := range map[time.Time][]string{
		vectorAt: {"v1a", "v1"}, ends.Add(-time.Second): {"v1a", "v1"}, ends: {"v1a"}, ends.Add(time.Hour): {"v1a"},
	} {
		h := header(at)
		var schemes []string
		for _, sig := range strings.Fields(h.Get("webhook-signature")) {
			schemes = append(schemes, sig[:strings.Index(sig, ",")])
		}
		if strings.Join(schemes, " ") != strings.Join(want, " ") {
			t.Errorf("at %v: %v, want %v", at, schemes, want)
		}
		if err := Verify(h, []byte(vectorBody), []string{Secret{Key: pairKey}.PublicKey()}, at); err != nil {
			t.Errorf("at %v the new key: %v", at, err)
		}
		old := Verify(h, []byte(vectorBody), []string{vectorSecret}, at)
		if at.Before(ends) != (old == nil) || old != nil && !errors.Is(old, ErrBadSignature) {
			t.Errorf("at %v the old key: %v", at, old)
		}
	}
	h := header(vectorAt)
	if err := Verify(h, []byte(vectorBody+" "), []string{Secret{Key: pairKey}.PublicKey()}, vectorAt); !errors.Is(err, ErrBadSignature) {
		t.Errorf("another body under the public key: %v", err)
	}
	if !secrets[0].Active(ends) || secrets[1].Active(ends) {
		t.Error("only the newest outlives the grace")
	}
}

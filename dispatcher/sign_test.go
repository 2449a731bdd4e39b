package dispatcher

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The vector of the Standard Webhooks specification.
const (
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorAt = time.Unix(1614265330, 0)

func TestSignVector(t *testing.T) {
	t.Parallel()
	got, err := Sign(vectorID, vectorAt, []byte(vectorBody), []Secret{{Key: vectorSecret}})
	if err != nil || got != vectorSignature {
		t.Errorf("signature %q (%v), want %q", got, err, vectorSignature)
	}
}

func TestSignWithSeveralSecretsNewestFirst(t *testing.T) {
	t.Parallel()
	newest := NewSecret()
	got, err := Sign(vectorID, vectorAt, []byte(vectorBody), []Secret{{Key: newest}, {Key: vectorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	alone, _ := Sign(vectorID, vectorAt, []byte(vectorBody), []Secret{{Key: newest}})
	if got != alone+" "+vectorSignature {
		t.Errorf("signatures %q, want the newest in front of %q", got, vectorSignature)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	other := NewSecret()
	for name, tc := range map[string]struct {
		change  func(h http.Header)
		body    string
		secrets []string
		at      time.Duration
		want    error
	}{
		"as it was sent":          {},
		"another body":            {body: `{"test": 2432232315}`, want: ErrBadSignature},
		"another id":              {change: func(h http.Header) { h.Set("webhook-id", "msg_x") }, want: ErrBadSignature},
		"another timestamp":       {change: func(h http.Header) { h.Set("webhook-timestamp", "1614265331") }, want: ErrBadSignature},
		"a wrong secret":          {secrets: []string{other}, want: ErrBadSignature},
		"one of two secrets":      {secrets: []string{other, vectorSecret}},
		"one of two signatures":   {change: func(h http.Header) { h.Set("webhook-signature", "v1,AAAA v2,x "+vectorSignature) }},
		"another scheme":          {change: func(h http.Header) { h.Set("webhook-signature", "v1a,"+vectorSignature[3:]) }, want: ErrBadSignature},
		"five minutes old":        {at: 5 * time.Minute},
		"older":                   {at: 5*time.Minute + time.Second, want: ErrTimestamp},
		"five minutes early":      {at: -5 * time.Minute},
		"earlier":                 {at: -5*time.Minute - time.Second, want: ErrTimestamp},
		"an absurd timestamp":     {change: func(h http.Header) { h.Set("webhook-timestamp", "-9223372036854775808") }, want: ErrTimestamp},
		"a timestamp of no digit": {change: func(h http.Header) { h.Set("webhook-timestamp", "now") }, want: ErrTimestamp},
		"no id":                   {change: func(h http.Header) { h.Del("webhook-id") }, want: ErrNoSignature},
		"no signature":            {change: func(h http.Header) { h.Del("webhook-signature") }, want: ErrNoSignature},
	} {
		h := http.Header{}
		h.Set("webhook-id", vectorID)
		h.Set("webhook-timestamp", strconv.FormatInt(vectorAt.Unix(), 10))
		h.Set("webhook-signature", vectorSignature)
		if tc.change != nil {
			tc.change(h)
		}
		body, secrets := vectorBody, []string{vectorSecret}
		if tc.body != "" {
			body = tc.body
		}
		if tc.secrets != nil {
			secrets = tc.secrets
		}
		if err := Verify(h, []byte(body), secrets, vectorAt.Add(tc.at)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	a, b := NewSecret(), NewSecret()
	key, err := secretKey(a)
	if err != nil || len(key) != 32 || a == b || bytes.Equal(key, make([]byte, 32)) {
		t.Errorf("fresh secrets %d bytes, equal %t, %v", len(key), a == b, err)
	}
	short := base64.StdEncoding.EncodeToString(make([]byte, 8))
	for _, bad := range []string{"", "hush", strings.TrimPrefix(a, secretPrefix), secretPrefix + "%%%", secretPrefix + short} {
		_, err := secretKey(bad)
		if err == nil {
			t.Errorf("%q passes as a secret", bad)
		} else if len(bad) > 10 && strings.Contains(err.Error(), bad) {
			t.Errorf("the error shows the secret: %v", err)
		}
		if _, err := Sign("id", vectorAt, nil, []Secret{{Key: bad}}); err == nil {
			t.Errorf("%q signs", bad)
		}
	}
}

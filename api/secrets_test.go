package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

func TestSecretRotation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/"}`).want(201)
	path, first := "/v1/endpoints/"+made.json["id"].(string), made.json["secret"].(string)
	if made.json["signature"] != "hmac" || made.json["public_key"] != nil {
		t.Errorf("made: %s", made.raw)
	}
	rotated := s.call(s.admin, "POST", path+"/rotate-secret", nil).want(200)
	second, _ := rotated.json["secret"].(string)
	if !strings.HasPrefix(second, "whsec_") || second == first {
		t.Fatalf("rotated: %s", rotated.raw)
	}
	shown := s.call(s.admin, "GET", path+"/secret", nil).want(200)
	older := shown.json["older"].([]any)
	if shown.json["secret"] != second || shown.json["until"] != nil || len(older) != 1 || older[0].(map[string]any)["secret"] != first {
		t.Fatalf("during the grace: %s", shown.raw)
	}
	until, err := time.Parse(time.RFC3339, older[0].(map[string]any)["until"].(string))
	if left := until.Sub(s.cfg.Now()); err != nil || left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("the old secret signs until %v (%v), want a day", until, err)
	}
	// From a shared secret to a key pair; the private key is shown nowhere.
	pair := s.call(s.admin, "POST", path+"/rotate-secret", `{"grace_sec":0,"signature":"ed25519"}`).want(200)
	public, _ := pair.json["public_key"].(string)
	if pair.json["secret"] != nil || pair.json["signature"] != "ed25519" || dispatcher.CheckKey(public) != nil {
		t.Errorf("ed25519: %s", pair.raw)
	}
	shown = s.call(s.admin, "GET", path+"/secret", nil).want(200)
	if len(shown.json["older"].([]any)) != 0 || shown.json["public_key"] != public || strings.Contains(string(shown.raw), "whsk_") {
		t.Errorf("without a grace: %s", shown.raw)
	}
	if got := s.call(s.admin, "GET", path, nil).want(200); got.json["public_key"] != public || strings.Contains(string(got.raw), "whs") {
		t.Errorf("read: %s", got.raw)
	}
	for range 4 {
		s.call(s.admin, "POST", path+"/rotate-secret", `{"grace_sec":604800}`).want(200)
	}
	s.call(s.admin, "POST", path+"/rotate-secret", `{}`).problem(409, "bad_state")
	for body, pointer := range map[string]string{
		`{"grace_sec":604801}`: "/grace_sec", `{"grace_sec":-1}`: "/grace_sec", `{"signature":"rsa"}`: "/signature", `{"secret":"x"}`: "/secret",
	} {
		s.call(s.admin, "POST", path+"/rotate-secret", body).problem(422, "invalid").blames(pointer)
	}
	made = s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/","signature":"ed25519"}`).want(201)
	if made.json["secret"] != nil || made.json["public_key"] == nil {
		t.Errorf("made with ed25519: %s", made.raw)
	}
	s.call(s.admin, "POST", "/v1/endpoints/ep_0/rotate-secret", nil).problem(404, "not_found")
}

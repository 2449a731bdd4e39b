package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// TestNothingSecretIsLogged runs a server that tells everything it has to tell,
// has it deal with endpoints of every kind of trouble and with clients that
// err, and searches what it wrote, and what it answers about requests, for
// everything that is secret.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{ // by what they are
		"header value": "s3cr3t-header-value", "path of a URL": "T0KEN-IN-A-PATH", "query of a URL": "token-in-a-query",
		"database password": "hush-database", "unknown API key": "ohk_nosuchkeyatall", "header that was refused": "refused-header-value",
		"prefix of shared secrets": "whsec_", "prefix of private keys": "whsk_",
	}
	ring := store.NewKeyRingText("k1")
	_, secrets["key ring"], _ = strings.Cut(ring, ":")
	url := strings.Replace(storetest.URL(t), "://postgres@", "://postgres:"+secrets["database password"]+"@", 1)
	if !strings.Contains(url, secrets["database password"]) {
		t.Skip("the database of the tests has a user of its own")
	}
	env := []string{"OFFHOOK_DATABASE_URL=" + url, "OFFHOOK_KEY_RING=" + ring, "OFFHOOK_LOG_LEVEL=debug",
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8"}
	key := strings.TrimSpace(runOffhook(t, env, "keys", "create", "--role", "admin").stdout)
	secrets["API key"] = key

	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(good.Close)
	angry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", http.StatusInternalServerError)
	}))
	t.Cleanup(angry.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	server := startServer(t, env)
	rest := newRESTClient("http://"+server.address, key)
	secretPath := "/" + secrets["path of a URL"] + "?t=" + secrets["query of a URL"]
	var answers strings.Builder
	for i, base := range []string{good.URL, angry.URL, closed.URL, "http://10.1.2.3", "https://" + strings.TrimPrefix(good.URL, "http://"), "http://no-such-name.invalid"} {
		var made struct{ ID, Secret string }
		body := map[string]any{"url": base + secretPath, "timeout": 2, "headers": map[string]string{"Authorization": secrets["header value"]}}
		if i%2 == 1 {
			body["signature"] = "ed25519"
		}
		err := rest.post(t.Context(), "/v1/endpoints", body, &made)
		if strings.Contains(base, "10.1.2.3") { // the guard refuses it
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if made.Secret != "" {
			secrets[fmt.Sprint("secret ", i)] = strings.TrimPrefix(made.Secret, "whsec_")
		}
		var any json.RawMessage
		for _, call := range []string{"/rotate-secret", "/test", "/disable", "/enable"} {
			if err := rest.post(t.Context(), "/v1/endpoints/"+made.ID+call, struct{}{}, &any); err != nil {
				t.Errorf("%s: %v", call, err)
			}
			if call == "/test" {
				answers.Write(any) // a try is shown to analysts
			}
		}
	}
	unhappy(t, server, secrets)
	queue := openShortQueue(t, rest)
	var joined struct {
		ID int64 `json:"attempt_id"`
	}
	if err := rest.post(t.Context(), fmt.Sprintf("/v1/queues/%d/attempts", queue), map[string]any{"destination": "+12025550100"}, &joined); err != nil {
		t.Fatal(err)
	}
	// The whole of an attempt, with its deliveries to all of them.
	for deadline := time.Now().Add(30 * time.Second); ; {
		timeline := get(t, server, key, fmt.Sprintf("/v1/attempts/%d/timeline", joined.ID))
		if strings.Contains(timeline, "attempt.leaving") && strings.Contains(timeline, "delivered") && strings.Contains(timeline, "upstream") || time.Now().After(deadline) {
			answers.WriteString(timeline)
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	answers.WriteString(get(t, server, key, "/metrics"))
	answers.WriteString(get(t, server, key, "/v1/audit"))
	answers.WriteString(get(t, server, key, "/v1/events"))
	code, logs := server.stop()
	if code != exitDone || !strings.Contains(logs, "level") || !strings.Contains(answers.String(), "upstream") {
		t.Fatalf("the server ends with %d after\n%s", code, logs)
	}
	for what, secret := range secrets {
		if strings.Contains(logs, secret) {
			t.Errorf("the log shows the %s:\n%s", what, lineWith(logs, secret))
		}
		// The audit log shows admins the URL of an endpoint, as its list does.
		if strings.Contains(answers.String(), secret) && !strings.HasSuffix(what, "of a URL") {
			t.Errorf("an answer shows the %s:\n%s", what, lineWith(answers.String(), secret))
		}
	}
}

// unhappy makes the requests of clients that err.
func unhappy(t *testing.T, s *runningServer, secrets map[string]string) {
	t.Helper()
	if got := s.status(t, secrets["unknown API key"], "/v1/endpoints"); got != http.StatusUnauthorized {
		t.Errorf("an unknown key: %d", got)
	}
	for _, body := range []string{
		`{"url":"https://crm.example/","headers":{"Host":"` + secrets["header that was refused"] + `"}}`,
		`{"url":"https://crm.example/","headers":{"X-A":"` + secrets["header that was refused"] + `\n"}}`,
		`{"url":"https://crm.example/` + secrets["path of a URL"] + ` "}`, `{"url":"https://u:` + secrets["query of a URL"] + `@crm.example/"}`,
		`{"url":` + secrets["header value"],
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.address+"/v1/endpoints?token="+secrets["query of a URL"], strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secrets["API key"])
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
}

func get(t *testing.T, s *runningServer, key, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// lineWith returns the line of a text that holds the part.
func lineWith(text, part string) string {
	at := strings.Index(text, part)
	from := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[from:], "\n")
	return line[:min(len(line), 2000)]
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// TestRewrapLetsAKeyGo does what the help of rewrap says, with the program
// itself: an endpoint that was registered under the old key is served by a
// server that has only the new one.
func TestRewrapLetsAKeyGo(t *testing.T) {
	t.Parallel()
	old, newest := store.NewKeyRingText("k1"), store.NewKeyRingText("k2")
	url := storetest.URL(t)
	with := func(ring string) []string {
		return []string{"OFFHOOK_DATABASE_URL=" + url, "OFFHOOK_KEY_RING=" + ring,
			"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8"}
	}
	key := strings.TrimSpace(runOffhook(t, with(old), "keys", "create", "--role", "admin").stdout)
	r := newReceiver("", 0, time.Now)
	var team string
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		team = req.Header.Get("X-Team")
		receiverHandler(r, newReceiptPrinter(t.Output(), true), 0).ServeHTTP(w, req)
	}))
	t.Cleanup(target.Close)

	server := startServer(t, with(old))
	rest := newRESTClient("http://"+server.address, key)
	var made struct{ ID, Secret string }
	if err := rest.post(t.Context(), "/v1/endpoints", map[string]any{
		"url": target.URL, "headers": map[string]string{"X-Team": "north"}}, &made); err != nil {
		t.Fatal(err)
	}
	r.setSecret(made.Secret)
	server.stop()

	if got := runOffhook(t, with(newest), "rewrap"); got.code != exitFailed || !strings.Contains(got.stderr, `2 of the key "k1"`) {
		t.Errorf("without the old key: %+v", got)
	}
	for _, want := range []string{"encrypted anew: 2\n", "encrypted anew: 0\n"} {
		if got := runOffhook(t, with(newest+","+old), "rewrap"); got.code != exitDone || got.stdout != want {
			t.Errorf("rewrap: %+v, want %q", got, want)
		}
	}
	if got := runOffhook(t, []string{"OFFHOOK_DATABASE_URL=" + url}, "rewrap"); got.code != exitFailed || !strings.Contains(got.stderr, "OFFHOOK_KEY_RING is not set") {
		t.Errorf("without a ring: %+v", got)
	}

	server = startServer(t, with(newest))
	rest = newRESTClient("http://"+server.address, key)
	var try struct{ Outcome string }
	if err := rest.post(t.Context(), "/v1/endpoints/"+made.ID+"/test", nil, &try); err != nil {
		t.Fatal(err)
	}
	if s := r.snapshot(); try.Outcome != "delivered" || s.Accepted != 1 || s.Rejected != 0 || team != "north" {
		t.Errorf("with the new key alone: %s, %+v, header %q", try.Outcome, s, team)
	}
}

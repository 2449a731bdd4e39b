package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEveryListedSettingIsRead: the names that we print are the names that
// envconfig reads, whatever rule it splits words by.
func TestEveryListedSettingIsRead(t *testing.T) {
	t.Parallel()
	var env []string
	for _, s := range settings() {
		value := s.Default
		switch {
		case s.Name == "OFFHOOK_RECEIVE_SECRET":
			value = testSecret
		case s.Name == "OFFHOOK_ASTERISK_PLAIN_LOGIN":
			value = "true"
		case s.Name == "OFFHOOK_WEBHOOK_DNS_SERVER":
			value = "127.0.0.1:53"
		case value == "" && !strings.HasSuffix(s.Name, "ADDRESS"):
			value = "10.0.0.0/8" // fits every text and list
		}
		env = append(env, s.Name+"="+value)
	}
	got := runOffhook(t, env, "receive", "--listen", "256.0.0.1:1")
	if got.code != exitFailed || !strings.Contains(got.stderr, "listen for webhooks") {
		t.Errorf("with every setting set: exit code %d, %s", got.code, got.stderr)
	}
	if len(env) < 10 {
		t.Errorf("only %d settings are listed", len(env))
	}
}

// TestSecretsAreNeverPrinted sets every secret to a marker and looks for it in
// whatever the program prints, well or badly configured.
func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const marker = "s3cr3t-marker"
	var env []string
	for _, s := range settings() {
		if s.Secret {
			env = append(env, s.Name+"="+marker)
		}
	}
	if len(env) < 4 {
		t.Fatalf("only %d settings are secret", len(env))
	}
	for _, bad := range []string{"OFFHOOK_RETAIN_TRIES=soon", "OFFHOOK_LOG_LEVEL=loud", "OFFHOOK_LISTEN=", "OFFHOOK_LOG_FORMAT=text"} {
		for _, args := range [][]string{{"config"}, {"receive", "--listen", "256.0.0.1:1"}} {
			got := runOffhook(t, append(slices.Clone(env), bad), args...)
			if strings.Contains(got.stdout+got.stderr, marker) {
				t.Errorf("%v with %s prints a secret: %s%s", args, bad, got.stdout, got.stderr)
			}
		}
	}
}

func TestValidateNamesTheSetting(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{
		"OFFHOOK_DATABASE_MAX_CONNS=1":              "OFFHOOK_DATABASE_MAX_CONNS",
		"OFFHOOK_LISTEN=":                           "OFFHOOK_LISTEN",
		"OFFHOOK_API_RATE=-1":                       "OFFHOOK_API_RATE",
		"OFFHOOK_API_BURST=0":                       "OFFHOOK_API_BURST",
		"OFFHOOK_RETAIN_TRIES=soon":                 "OFFHOOK_RETAIN_TRIES",
		"OFFHOOK_LOG_FORMAT=xml":                    "OFFHOOK_LOG_FORMAT",
		"OFFHOOK_LOG_LEVEL=loud":                    "OFFHOOK_LOG_LEVEL",
		"OFFHOOK_RETAIN_TRIES=1h":                   "OFFHOOK_RETAIN_TRIES",
		"OFFHOOK_RETAIN_EVENTS=1h":                  "OFFHOOK_RETAIN_EVENTS",
		"OFFHOOK_ASTERISK_ADDRESS=pbx:5038":         "OFFHOOK_ASTERISK",
		"OFFHOOK_WEBHOOK_ALLOW_NETWORKS=10.0.0.0,x": "OFFHOOK_WEBHOOK_ALLOW_NETWORKS",
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=perhaps":        "OFFHOOK_WEBHOOK_ALLOW_HTTP",
		"OFFHOOK_WEBHOOK_DNS_SERVER=dns.example":    "OFFHOOK_WEBHOOK_DNS_SERVER",
		"OFFHOOK_WEBHOOK_ALLOW_NETWORK=10.0.0.0/8":  "OFFHOOK_WEBHOOK_ALLOW_NETWORK",
	} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			got := runOffhook(t, []string{env}, "receive")
			if got.code != exitFailed || !strings.Contains(got.stderr, want) {
				t.Errorf("exit code %d, %q does not name %s", got.code, got.stderr, want)
			}
		})
	}
}

// TestConfigurationPageIsCurrent: write it with
//
//	go run ./cmd/offhook config --markdown > docs/configuration.md
func TestConfigurationPageIsCurrent(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := writeMarkdown(&want, settings()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/configuration.md is out of date: write it with offhook config --markdown")
	}
}

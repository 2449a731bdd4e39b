package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/kelseyhightower/envconfig"

	"github.com/offhook/offhook/api/asterisk"
	"github.com/offhook/offhook/dispatcher"
)

const envPrefix = "OFFHOOK"

// The serverRoles of a server.
const (
	roleAll      = "all"
	roleAPI      = "api"
	roleDispatch = "dispatch"
)

var serverRoles = []string{roleAll, roleAPI, roleDispatch}

// Config holds every setting of offhook. It is read from the environment once,
// and handed on in parts. `offhook config` and docs/configuration.md are made
// from its tags: desc says what a setting means, secret keeps its value out of
// every output.
type Config struct {
	// Keys and passwords are strings, because an error about a value of another
	// type would show the value.
	DatabaseURL string `split_words:"true" secret:"true" desc:"Postgres to use, as postgres://user:password@host/name. Unset means a private one for demo and serve --dev; everything else needs it."`
	KeyRing     string `split_words:"true" secret:"true" desc:"Keys that encrypt endpoint secrets, as id:base64,id:base64 of 32 bytes each: the first encrypts, all decrypt. serve refuses to start without it; serve --dev keeps one in its data folder."`

	DatabaseMaxConns int32      `split_words:"true" default:"16" desc:"Connections to Postgres that one process may hold."`
	Role             string     `split_words:"true" default:"all" desc:"What serve does: api takes commands, dispatch delivers to webhooks, all does both. The flag --role goes first."`
	Instance         string     `split_words:"true" desc:"Name of this server among the replicas, for people who look. Unset means the machine's name and a random ending."`
	DrainSec         int        `split_words:"true" default:"10" desc:"Seconds that a server which is told to stop gives webhook requests under way, before it cuts them off; as long again to write down what came of them."`
	Listen           string     `split_words:"true" default:":8080" desc:"Address of the REST API."`
	DataDir          string     `split_words:"true" desc:"Folder of serve --dev: private Postgres and key ring. Unset means /var/lib/offhook for root, else a folder below the user's data folder."`
	LogLevel         slog.Level `split_words:"true" default:"info" desc:"debug, info, warn or error."`
	LogFormat        string     `split_words:"true" default:"auto" desc:"text, json, or auto: text on a terminal and JSON elsewhere."`

	// For commands that talk to a server.
	URL    string `split_words:"true" desc:"Server that the clients of the command line (queues, events, endpoints, replay …) talk to, as http://host:8080. Unset means http://127.0.0.1:8080."`
	APIKey string `split_words:"true" secret:"true" desc:"Key that they show it; it needs the role that the work asks for, operator for replay."`

	API      APIConfig
	Webhook  WebhookConfig
	Retain   RetainConfig
	Receive  ReceiveConfig
	Asterisk asterisk.Config
}

// APIConfig bounds what one API key may ask of one server.
type APIConfig struct {
	Rate  int `split_words:"true" default:"2000" desc:"Requests a second that one API key may make to this server; more are answered 429. 0 means no limit. Health, metrics and documentation need no key and have none."`
	Burst int `split_words:"true" default:"10000" desc:"Requests that one API key may make at once after a rest."`
}

// WebhookConfig says which targets webhooks may have beyond the default: https
// to public addresses.
type WebhookConfig struct {
	AllowNetworks string `split_words:"true" desc:"Networks that are blocked by default and may be reached all the same, as 10.1.0.0/16,192.168.7.0/24. Link-local, multicast and metadata addresses stay blocked."`
	AllowHTTP     bool   `split_words:"true" default:"false" desc:"Also http targets, not only https."`
	DNSServer     string `split_words:"true" desc:"DNS server that knows the names of targets, as 10.0.0.53:53. Unset means the system's."`
}

// RetainConfig says how long the history is kept.
type RetainConfig struct {
	Tries  time.Duration `split_words:"true" default:"720h" desc:"How long the record of every webhook request is kept."`
	Events time.Duration `split_words:"true" default:"9600h" desc:"How long events and finished attempts are kept."`
	Audit  time.Duration `split_words:"true" default:"9600h" desc:"How long the audit log is kept."`
	Tasks  time.Duration `split_words:"true" default:"720h" desc:"How long tasks that have finished are shown."`
}

// ReceiveConfig is for offhook receive.
type ReceiveConfig struct {
	Secret string `split_words:"true" secret:"true" desc:"Secret of the endpoint that offhook receive stands for."`
}

// loadConfig reads the environment. Its errors name the variable and never show
// a value.
func loadConfig() (Config, error) {
	var cfg Config
	if err := envconfig.CheckDisallowed(envPrefix, &cfg); err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w; 'offhook config' lists all", err)
	}
	if err := envconfig.Process(envPrefix, &cfg); err != nil {
		var parse *envconfig.ParseError
		if errors.As(err, &parse) {
			return Config{}, fmt.Errorf("read the configuration: %s is no %s", parse.KeyName, kindOf(parse.TypeName))
		}
		return Config{}, errors.New("read the configuration: a variable cannot be read")
	}
	if err := cfg.Validate(); err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return cfg, nil
}

func kindOf(typeName string) string {
	switch typeName {
	case "time.Duration":
		return "duration such as 10s or 720h"
	case "slog.Level":
		return "level (debug, info, warn or error)"
	case "bool":
		return "yes or no (true, false)"
	default:
		return "whole number"
	}
}

// Validate reports the first setting that cannot be carried out, by its name.
func (c *Config) Validate() error {
	switch {
	case c.DatabaseMaxConns < 4:
		return errors.New("OFFHOOK_DATABASE_MAX_CONNS must be at least 4")
	case !slices.Contains(serverRoles, c.Role):
		return errors.New("OFFHOOK_ROLE is all, api or dispatch")
	case len(c.Instance) > 200:
		return errors.New("OFFHOOK_INSTANCE must not be longer than 200 bytes")
	case c.DrainSec < 1 || c.DrainSec > 600:
		return errors.New("OFFHOOK_DRAIN_SEC must be from 1 to 600")
	case c.Listen == "":
		return errors.New("OFFHOOK_LISTEN must not be empty")
	case c.LogFormat != "auto" && c.LogFormat != "text" && c.LogFormat != "json":
		return errors.New("OFFHOOK_LOG_FORMAT is auto, text or json")
	case c.API.Rate < 0 || c.API.Rate > 1_000_000:
		return errors.New("OFFHOOK_API_RATE must be from 0 to 1000000")
	case c.API.Burst < 1:
		return errors.New("OFFHOOK_API_BURST must be at least 1")
	case c.Retain.Tries < 24*time.Hour:
		return errors.New("OFFHOOK_RETAIN_TRIES must be at least 24h")
	case c.Retain.Events < 24*time.Hour:
		return errors.New("OFFHOOK_RETAIN_EVENTS must be at least 24h")
	case c.Retain.Audit < 24*time.Hour:
		return errors.New("OFFHOOK_RETAIN_AUDIT must be at least 24h")
	case c.Retain.Tasks < time.Hour:
		return errors.New("OFFHOOK_RETAIN_TASKS must be at least 1h")
	}
	if err := c.Asterisk.Validate(); err != nil {
		return fmt.Errorf("OFFHOOK_ASTERISK: %w", err)
	}
	if server := c.Webhook.DNSServer; server != "" {
		if _, err := netip.ParseAddrPort(server); err != nil {
			return errors.New("OFFHOOK_WEBHOOK_DNS_SERVER is an address and a port, such as 10.0.0.53:53")
		}
	}
	_, err := c.Webhook.guard()
	return err
}

// resolver returns what looks up the names of targets; nil for the system's.
func (c *WebhookConfig) resolver() dispatcher.Resolver {
	if c.DNSServer == "" {
		return nil
	}
	return dispatcher.AskDNS(c.DNSServer)
}

// guard returns the configuration as the dispatcher takes it.
func (c *WebhookConfig) guard() (dispatcher.GuardConfig, error) {
	allow, err := dispatcher.ParseAllow(c.AllowNetworks)
	if err != nil {
		return dispatcher.GuardConfig{}, fmt.Errorf("OFFHOOK_WEBHOOK_ALLOW_NETWORKS: %w", err)
	}
	return dispatcher.GuardConfig{AllowHTTP: c.AllowHTTP, Allow: allow}, nil
}

package asterisk

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Config says how to reach a switch. Durations of zero take their defaults.
type Config struct {
	Address string `split_words:"true" desc:"Manager interface of an Asterisk, as host:5038. Unset means none."`
	User    string `split_words:"true" desc:"Login name, as in the switch's manager.conf."`
	Secret  string `split_words:"true" desc:"Its secret. Sent as an MD5 answer to a challenge, never in the clear unless PLAIN_LOGIN allows it."`
	// PlainLogin sends the secret in the clear when the switch refuses the
	// challenge.
	PlainLogin bool `split_words:"true" desc:"Send the secret in the clear if the switch has no MD5 login."`
	// Events are the classes to subscribe to; the switch may allow fewer.
	Events string        `split_words:"true" default:"agent,call,dialplan" desc:"Event classes to read. Less than agent, call and dialplan means less is known of how calls ended."`
	Queue  string        `split_words:"true" desc:"Map every queue of the switch to this one. Unset keeps their names."`
	Ping   time.Duration `split_words:"true" default:"15s" desc:"How often the connection is checked."`
	// Timeout bounds connecting, every answer, and the silence after a ping.
	Timeout    time.Duration `split_words:"true" default:"10s" desc:"How long the switch may take to answer."`
	RetryMin   time.Duration `split_words:"true" default:"1s" desc:"First wait before connecting again; it doubles."`
	RetryLimit time.Duration `split_words:"true" default:"30s" desc:"Longest wait before connecting again."`
}

// Enabled reports whether a switch is configured.
func (c Config) Enabled() bool { return c.Address != "" }

// Validate reports the first setting that cannot work. It never shows the
// secret.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if c.User == "" || c.Secret == "" {
		return errors.New("user and secret: both are needed to log in")
	}
	for name, d := range map[string]time.Duration{
		"ping": c.Ping, "timeout": c.Timeout, "retry_min": c.RetryMin, "retry_limit": c.RetryLimit,
	} {
		if d < 0 {
			return fmt.Errorf("%s: must not be negative", name)
		}
	}
	return nil
}

// LogValue shows the configuration without the secret.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("address", c.Address), slog.String("user", c.User), slog.String("events", c.Events))
}

// String does what LogValue does, for formatted output.
func (c Config) String() string { return c.LogValue().String() }

func (c Config) withDefaults() Config {
	if c.Events == "" {
		c.Events = "agent,call,dialplan"
	}
	for _, d := range []struct {
		value *time.Duration
		deflt time.Duration
	}{{&c.Ping, 15 * time.Second}, {&c.Timeout, 10 * time.Second}, {&c.RetryMin, time.Second}, {&c.RetryLimit, 30 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.deflt
		}
	}
	return c
}

package dispatcher

import (
	"net/http"
	"time"
)

// SetTransport replaces the way to the network, for tests in virtual time.
func (d *Dispatcher) SetTransport(rt http.RoundTripper) {
	d.sender.client.HTTPClient.Transport = transport{rt}
}

// SetPing makes HTTP/2 connections be looked after sooner than in life.
func (d *Dispatcher) SetPing(after, patience time.Duration) {
	cfg := d.sender.client.HTTPClient.Transport.(transport).base.(*http.Transport).HTTP2
	cfg.SendPingTimeout, cfg.PingTimeout = after, patience
}

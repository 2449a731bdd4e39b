package dispatcher

import "net/http"

// SetTransport replaces the way to the network, for tests in virtual time.
func (d *Dispatcher) SetTransport(rt http.RoundTripper) { d.sender.client.HTTPClient.Transport = rt }

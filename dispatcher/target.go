package dispatcher

import (
	"fmt"
	"net/http"
	"net/url"
)

// target is an endpoint made ready for sending: everything that is the same for
// each request is worked out once. It never changes; a change of settings makes
// a new one.
type target struct {
	Endpoint
	url    *url.URL
	keys   []signer
	header http.Header // custom and constant ones
	// request is what all requests have in common.
	request *http.Request
	whole   bool // wantsWholeAttempts
	match   *Matcher
	claim   string // selection
}

func newTarget(ep Endpoint, agent string) (*target, error) {
	u, err := url.Parse(ep.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of %s: it does not parse", ep.ID)
	}
	t := &target{Endpoint: ep, url: u, whole: ep.wantsWholeAttempts(), claim: ep.selection()}
	if t.match, err = ep.Matcher(); err != nil {
		return nil, err
	}
	if len(ep.Secrets) == 0 {
		return nil, fmt.Errorf("read the secrets of %s: there is none that this key ring opens", ep.ID)
	}
	for _, s := range ep.Secrets {
		key, err := newSigner(s)
		if err != nil {
			return nil, fmt.Errorf("read the secrets of %s: %w", ep.ID, err)
		}
		t.keys = append(t.keys, key)
	}
	t.header = ep.Headers.Clone()
	if t.header == nil {
		t.header = http.Header{}
	}
	t.header["Content-Type"] = []string{ep.Format.ContentType()}
	t.header["Accept-Encoding"] = []string{"identity"}
	t.header["User-Agent"] = []string{agent}
	t.request = &http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: noHeader, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	return t, nil
}

// ref names the endpoint.
func (e *Endpoint) ref() Ref { return Ref{DomainID: e.DomainID, EndpointID: e.ID} }

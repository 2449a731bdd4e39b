package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// shellClient talks to the server of OFFHOOK_URL for a person or a script.
type shellClient struct {
	base, key string
	http      *http.Client
	// once names a request, so that the server carries out repetitions of it
	// only once; empty = it has no name.
	once string
}

// defaultServer is where `serve` listens when nothing is configured.
const defaultServer = "http://127.0.0.1:8080"

// answerPatience is how long a server may take to begin its answer: a test of
// an endpoint takes up to thirty seconds, an import of a file a minute.
const answerPatience = 2 * time.Minute

// newShellClient reads where the server is; given goes before OFFHOOK_URL.
func newShellClient(given string) (*shellClient, error) {
	cfg, err := loadConfig()
	if err != nil {
		return nil, err
	}
	base, name := given, "--server"
	if base == "" {
		base, name = cfg.URL, "OFFHOOK_URL"
	}
	if base == "" {
		base = defaultServer
	}
	if err := checkServer(name, base); err != nil {
		return nil, usageError{err}
	}
	if cfg.APIKey == "" {
		return nil, errors.New("the server wants an API key: set OFFHOOK_API_KEY\n" +
			"  serve --dev prints one at its first start; 'offhook keys create --role admin' makes one")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerPatience
	return &shellClient{base: strings.TrimRight(base, "/"), key: cfg.APIKey, http: &http.Client{Transport: transport}}, nil
}

// checkServer refuses what cannot be the URL of a server; name is where it came
// from.
func checkServer(name, server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s must be a URL such as %s", name, defaultServer)
	}
	return nil
}

// body is what a request carries; the zero value is nothing.
type body struct {
	media string
	r     io.Reader
}

func jsonBody(v any) (body, error) {
	b, err := json.Marshal(v)
	return body{"application/json", bytes.NewReader(b)}, err
}

// do makes a request and returns the answer's body.
func (c *shellClient) do(ctx context.Context, method, path string, b body) ([]byte, error) {
	resp, err := c.send(ctx, method, path, b)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.away(ctx, err)
	}
	return answer, nil
}

// send makes a request and returns the answer, of which the body is yet to be
// read. Anything but 2xx is a *refusal.
func (c *shellClient) send(ctx context.Context, method, path string, b body) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, b.r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("User-Agent", "offhook/"+version)
	if c.once != "" && method == http.MethodPost {
		req.Header.Set("Idempotency-Key", c.once)
	}
	if b.media != "" {
		req.Header.Set("Content-Type", b.media)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.away(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return nil, c.away(ctx, err)
	}
	r := &refusal{request: method + " " + path}
	if json.Unmarshal(answer, r) != nil || r.Title == "" {
		r.Title = http.StatusText(resp.StatusCode)
		r.Detail = strings.TrimSpace(string(answer[:min(len(answer), 200)]))
	}
	r.Status = resp.StatusCode
	return nil, r
}

// maxRefusal is more than any problem document has.
const maxRefusal = 1 << 20

// away is the error of a request that got no whole answer.
func (c *shellClient) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &unreachable{c.base, err}
}

// unreachable is a server that does not answer.
type unreachable struct {
	base string
	err  error
}

func (e *unreachable) Unwrap() error { return e.err }

func (e *unreachable) Error() string {
	var call *url.Error
	cause := e.err
	if errors.As(cause, &call) {
		cause = call.Err
	}
	return fmt.Sprintf("reach the server %s: %v\n  is 'offhook serve' running there? OFFHOOK_URL says which server is asked", e.base, cause)
}

// refusal is the problem document of an answer that is no success.
type refusal struct {
	Title, Detail, Code string
	Status              int
	Errors              []struct{ Pointer, Detail string }
	RequestID           string `json:"request_id"`

	request string
}

// passing reports whether the same request may succeed a little later.
func (e *refusal) passing() bool { return e.Status >= 500 || e.Status == http.StatusTooManyRequests }

// Error says what was wrong, with which field, and what to do.
func (e *refusal) Error() string {
	var b strings.Builder
	b.WriteString(e.Title)
	if len(e.Errors) == 0 && e.Detail != "" && e.Detail != e.Title {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	for _, f := range e.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", f.Pointer, f.Detail)
	}
	path, _, _ := strings.Cut(e.request, "?")
	fmt.Fprintf(&b, "\n  (%s, %d %s", path, e.Status, e.Code)
	if e.RequestID != "" {
		fmt.Fprintf(&b, ", request %s in the server's log", e.RequestID)
	}
	b.WriteString(")")
	switch {
	case e.Status == http.StatusUnauthorized:
		b.WriteString("\n  OFFHOOK_API_KEY is not a key of this server: 'offhook keys list' shows which are")
	case e.Status == http.StatusForbidden:
		b.WriteString("\n  the key in OFFHOOK_API_KEY needs a higher role: 'offhook keys create --role …' makes another")
	case e.Status == http.StatusServiceUnavailable:
		b.WriteString("\n  nothing was acknowledged: try again in a moment")
	}
	return b.String()
}

// page is one answer of a list.
type page struct {
	Data       []json.RawMessage `json:"data"`
	NextCursor *string           `json:"next_cursor"`
	// More is told by the log alone, whose cursor is always there; a page of it
	// may be empty before its end.
	More *bool `json:"more"`
}

// list asks for one page.
func (c *shellClient) list(ctx context.Context, path string, query url.Values) (page, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	answer, err := c.do(ctx, http.MethodGet, path, body{})
	if err != nil {
		return page{}, err
	}
	var p page
	if err := json.Unmarshal(answer, &p); err != nil {
		return page{}, fmt.Errorf("read the answer to GET %s: %w", path, err)
	}
	return p, nil
}

// maxPage is the most that a list answers at once.
const maxPage = 250

// all hands the pages of a list to each, up to limit entries; 0 = all of them.
// It reports whether there is more, and leaves the last cursor in query.
func (c *shellClient) all(ctx context.Context, path string, query url.Values, limit int, each func([]json.RawMessage) error) (more bool, err error) {
	for got := 0; ; {
		size := maxPage
		if limit > 0 {
			size = min(maxPage, limit-got)
		}
		query.Set("limit", fmt.Sprint(size))
		p, err := c.list(ctx, path, query)
		if err != nil {
			return false, err
		}
		if err := each(p.Data); err != nil {
			return false, err
		}
		got += len(p.Data)
		if p.NextCursor == nil {
			return false, nil
		}
		query.Set("cursor", *p.NextCursor)
		if p.More != nil && !*p.More {
			return false, nil
		}
		if limit > 0 && got >= limit {
			return true, nil
		}
	}
}

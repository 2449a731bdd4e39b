package dispatcher

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
)

// ValidationError says which setting of an endpoint cannot be carried out.
type ValidationError struct {
	Field  string // its JSON name
	Detail string
}

func (e *ValidationError) Error() string { return e.Field + ": " + e.Detail }

func bad(field, format string, args ...any) error {
	return &ValidationError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

// The bounds of an endpoint's settings.
const (
	maxURL         = 2048
	maxDescription = 1000
	maxHeaders     = 20
	maxHeaderValue = 4 << 10
	maxInFlightCap = 256
	minTimeout     = time.Second
	maxTimeout     = 30 * time.Second
)

// Validate returns a *ValidationError about the first setting that cannot be
// carried out. Zero settings are not filled in: see WithDefaults. A host name
// is not resolved; the guard judges its addresses at every connection.
func (e *Endpoint) Validate(guard GuardConfig) error {
	if err := validateURL(e.URL, guard); err != nil {
		return err
	}
	switch {
	case len(e.Description) > maxDescription:
		return bad("description", "at most %d bytes", maxDescription)
	case !slices.Contains(queue.Formats, e.Format):
		return bad("format", "%q is none of %v", e.Format, queue.Formats)
	case e.Ordering != OrderPerAttempt && e.Ordering != OrderNone:
		return bad("ordering", "ordering is %q or %q", OrderPerAttempt, OrderNone)
	case e.MaxInFlight < 1 || e.MaxInFlight > maxInFlightCap:
		return bad("max_in_flight", "between 1 and %d", maxInFlightCap)
	case e.Timeout < minTimeout || e.Timeout > maxTimeout:
		return bad("timeout", "between 1 and 30 seconds")
	}
	if err := e.validatePace(); err != nil {
		return err
	}
	if err := validateSelection(e.Events, e.Queues, e.QueueTypes); err != nil {
		return err
	}
	if e.Filter != "" {
		if _, err := compileFilter(e.Filter); err != nil {
			return bad("filter", "%s", err)
		}
	}
	if err := validateHeaders(e.Headers); err != nil {
		return err
	}
	for _, s := range e.Secrets {
		if _, err := newSigner(s); err != nil {
			return bad("secret", "%s", err)
		}
	}
	return nil
}

func validateURL(text string, guard GuardConfig) error {
	if text == "" {
		return bad("url", "an endpoint needs a URL")
	}
	if len(text) > maxURL {
		return bad("url", "at most %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("url", "this is not a URL") // the parser's error would quote it, with its query
	}
	switch {
	case u.Scheme == "http" && !guard.AllowHTTP:
		return bad("url", "plain http is not allowed here; use https")
	case u.Scheme != "https" && u.Scheme != "http":
		if guard.AllowHTTP {
			return bad("url", "a URL begins with https:// or http://")
		}
		return bad("url", "a URL begins with https://")
	case u.User != nil:
		return bad("url", "user and password do not belong into a URL; use a header")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return bad("url", "a fragment is never sent; leave it out")
	case u.Hostname() == "":
		return bad("url", "a URL needs a host")
	case strings.Contains(u.Host, "%"):
		return bad("url", "a zone id is not allowed")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return bad("url", "the port is between 1 and 65535")
		}
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err == nil {
		if err := guard.Check(addr); err != nil {
			return bad("url", "%s", err)
		}
	} else if endsInNumber(u.Hostname()) {
		return bad("url", "an IPv4 address is written as four decimal numbers, such as 192.0.2.7")
	}
	return nil
}

// endsInNumber reports whether some systems take a host for an IPv4 address
// (2130706433, 0x7f.1, 127.1) that is none to others: such a host has no honest
// use. No top-level domain is a number.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hexadecimal, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(hexadecimal, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func validateSelection(events []queue.EventType, queues []int64, queueTypes []queue.Type) error {
	for i, t := range events {
		if !slices.Contains(queue.EventTypes, t) {
			return bad("events", "%q is not an event type", t)
		}
		if slices.Contains(events[:i], t) {
			return bad("events", "%q is named twice", t)
		}
	}
	if len(queues) > 1000 {
		return bad("queues", "at most 1000 queues; none means all")
	}
	for _, id := range queues {
		if id <= 0 {
			return bad("queues", "%d is not a queue id", id)
		}
	}
	for i, t := range queueTypes {
		if !slices.Contains(queue.Built, t) {
			return bad("queue_types", "%q is not a queue type; use some of %v", t, queue.Built)
		}
		if slices.Contains(queueTypes[:i], t) {
			return bad("queue_types", "%q is named twice", t)
		}
	}
	return nil
}

// reservedHeaders are ours or the transport's. The idempotency keys are here
// because Go's client silently sends a POST that carries one a second time.
var reservedHeaders = []string{
	"host", "content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
	"upgrade", "expect", "user-agent", "traceparent", "tracestate", "accept-encoding",
	"idempotency-key", "x-idempotency-key",
}

var reservedPrefixes = []string{"proxy-", "webhook-", "offhook-", "ce-"}

func validateHeaders(h http.Header) error {
	n := 0
	for name, values := range h {
		n += len(values)
		if len(values) > 1 && n <= maxHeaders {
			return bad("headers", "%s is named twice", strings.ToLower(name))
		}
		if !isToken(name) {
			return bad("headers", "%q is not a header name", name)
		}
		lower := strings.ToLower(name)
		if slices.Contains(reservedHeaders, lower) {
			return bad("headers", "%s is set by offhook itself", lower)
		}
		for _, p := range reservedPrefixes {
			if strings.HasPrefix(lower, p) {
				return bad("headers", "names that begin with %s are set by offhook itself", p)
			}
		}
		for _, v := range values {
			if len(v) > maxHeaderValue {
				return bad("headers", "the value of %s is longer than %d bytes", lower, maxHeaderValue)
			}
			if strings.ContainsFunc(v, isControl) {
				return bad("headers", "the value of %s holds a control character", lower)
			}
		}
	}
	if n > maxHeaders {
		return bad("headers", "at most %d headers", maxHeaders)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isToken reports whether s is a header name by RFC 9110, 5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

package dispatcher

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// ClassifyError returns the outcome of a request that got no complete headers.
func ClassifyError(err error) Outcome {
	var dial *dialError
	var timeout net.Error
	switch {
	case errors.As(err, &dial):
		return dial.outcome
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return OutcomeTimeout
	case isAlert(err):
		return OutcomeTLS
	case isReset(err):
		return OutcomeReset
	default:
		return OutcomeProtocol
	}
}

// isAlert reports that the other end ended TLS for a reason of its own, such as
// that it wants a certificate: the handshake was over for us by then.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" // crypto/tls has no exported error for it
}

func isReset(err error) bool {
	for _, target := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	// The transport's own words for a lost connection have no exported error.
	text := err.Error()
	for _, words := range []string{"server closed idle connection", "stream error", "GOAWAY", "connection lost"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// maxErrorText bounds what is stored of an error.
const maxErrorText = 500

// redact returns an error's text without the request's URL: path and query of
// a webhook are often its secret. Host and port stay.
func redact(err error, u *url.URL) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // url.Error quotes the whole URL
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time" // the try's duration says how long it was
	}
	text := err.Error()
	for _, part := range []string{u.String(), u.RequestURI(), u.RawQuery, u.Path} {
		if len(part) > 1 {
			text = strings.ReplaceAll(text, part, "…")
		}
	}
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "")
	}
	return text
}

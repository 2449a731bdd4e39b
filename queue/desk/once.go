package desk

import "errors"

// Once names the claim of a request that must take effect once at most, however
// often it is sent: Key is the request's, Token the claim's. The zero Once is no
// claim. A log refuses to write for a claim that somebody else has taken over.
type Once struct {
	Key   [32]byte
	Token [16]byte
}

// Set reports whether there is a claim.
func (o Once) Set() bool { return o != Once{} }

// ErrOvertaken is what Update returns, wrapped, when a note of the batch names a
// claim that is not in force any more. Nothing was written then.
var ErrOvertaken = errors.New("another request has taken over the idempotency key")

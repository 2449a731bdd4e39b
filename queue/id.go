package queue

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
)

// UUID is an RFC 9562 identifier.
type UUID [16]byte

// String returns the canonical form with dashes.
func (u UUID) String() string {
	var b [36]byte
	u.appendTo(b[:0])
	return string(b[:])
}

func (u UUID) appendTo(b []byte) []byte {
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, u[:n])
		u = shift(u, n)
	}
	return b
}

func shift(u UUID, n int) UUID {
	copy(u[:], u[n:])
	return u
}

// EventID returns the public form of an event's id: evt_ and the UUID.
func EventID(u UUID) string {
	var b [40]byte
	return string(AppendEventID(b[:0], u))
}

// AppendEventID appends what EventID returns.
func AppendEventID(b []byte, u UUID) []byte { return u.appendTo(append(b, "evt_"...)) }

// Domain is what an engine knows of its tenant: its id, and the random
// namespace in which the engine derives ids (engine.md B.15c).
type Domain struct {
	ID        int64
	Namespace UUID
}

// derive returns the UUIDv5 of (kind, a, b) in the domain's namespace.
func (d Domain) derive(kind string, a int64, b int) UUID {
	buf := make([]byte, 0, 64)
	buf = append(buf, d.Namespace[:]...)
	buf = append(buf, kind...)
	buf = append(buf, '/')
	buf = strconv.AppendInt(buf, a, 10)
	buf = append(buf, '/')
	buf = strconv.AppendInt(buf, int64(b), 10)
	return versionFive(sha1.Sum(buf))
}

// versionFive makes a hash a UUIDv5.
func versionFive(sum [sha1.Size]byte) UUID {
	u := UUID(sum[:16])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

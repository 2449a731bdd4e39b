package asterisk

import (
	"bytes"
	"fmt"
	"strings"
)

// Bounds of what is read: a switch that sends longer lines or packets is broken,
// or is not a switch.
const (
	MaxLine   = 64 << 10
	MaxPacket = 1 << 20
)

// SyntaxError says where a stream cannot be understood.
type SyntaxError struct {
	// Offset is the place of the offending line's (or packet's) first byte.
	Offset int64
	Detail string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Detail) }

// Decoder cuts a byte stream of the manager interface into packets, however the
// stream is cut into pieces. Lines end in CRLF or LF. The zero Decoder is ready.
type Decoder struct {
	// Lenient passes over lines that are not "Key: value" instead of ending
	// with an error: for a live switch, where there is no second chance.
	Lenient bool
	// Skipped counts the lines that were passed over.
	Skipped int

	line    []byte // the unfinished line
	lineAt  int64  // its offset
	fields  []Field
	start   int64 // offset and size of the unfinished packet
	size    int
	follows bool // inside the raw lines of a "Response: Follows"
	err     error
}

const followsEnd = "--END COMMAND--"

// Feed takes the next piece of the stream and calls emit for each packet that
// it completes. A *SyntaxError is final: later calls return it again. An error
// of emit ends the call and is returned as it is.
func (d *Decoder) Feed(piece []byte, emit func(Packet) error) error {
	for d.err == nil && len(piece) > 0 {
		n := bytes.IndexByte(piece, '\n')
		if n < 0 {
			d.line = append(d.line, piece...)
			if len(d.line) > MaxLine {
				d.fail(d.lineAt, "line longer than %d bytes", MaxLine)
			}
			break
		}
		whole := piece[:n]
		if len(d.line) > 0 {
			d.line = append(d.line, whole...)
			whole = d.line
		}
		size := len(whole) + 1
		if err := d.take(bytes.TrimSuffix(whole, []byte{'\r'}), size, emit); err != nil {
			return err
		}
		d.lineAt += int64(size)
		d.line = d.line[:0]
		piece = piece[n+1:]
	}
	return d.err
}

// Close returns a *SyntaxError when the stream ended inside a packet.
func (d *Decoder) Close() error {
	switch {
	case d.err != nil:
	case len(d.line) > 0:
		d.fail(d.lineAt, "stream ends inside a line")
	case len(d.fields) > 0:
		d.fail(d.start, "stream ends inside a packet")
	}
	return d.err
}

func (d *Decoder) take(line []byte, size int, emit func(Packet) error) error {
	if size > MaxLine+2 {
		d.fail(d.lineAt, "line longer than %d bytes", MaxLine)
		return d.err
	}
	if len(line) == 0 && !d.follows {
		return d.flush(emit)
	}
	if len(d.fields) == 0 {
		d.start, d.size = d.lineAt, 0
	}
	if d.size += size; d.size > MaxPacket {
		d.fail(d.start, "packet longer than %d bytes", MaxPacket)
		return d.err
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return d.malformed("zero byte in a line")
	}
	if len(d.fields) == 0 && bytes.HasPrefix(line, []byte("Asterisk Call Manager")) {
		d.fields = []Field{{Value: string(line)}} // no empty line follows the greeting
		return d.flush(emit)
	}
	if d.follows {
		d.raw(string(line))
		return nil
	}
	return d.field(string(line))
}

func (d *Decoder) field(line string) error {
	key, value, ok := strings.Cut(line, ":")
	if !ok || key == "" || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return d.malformed("expected \"Key: value\"")
	}
	value = strings.TrimPrefix(value, " ")
	d.fields = append(d.fields, Field{Key: key, Value: value})
	// Before Asterisk 14 a command's output came as bare lines.
	d.follows = len(d.fields) == 1 && strings.EqualFold(key, "Response") && value == "Follows"
	return nil
}

func (d *Decoder) raw(line string) {
	if strings.HasSuffix(line, followsEnd) {
		d.follows = false
		return
	}
	d.fields = append(d.fields, Field{Key: "Output", Value: line})
}

func (d *Decoder) flush(emit func(Packet) error) error {
	if len(d.fields) == 0 {
		return nil
	}
	p := Packet{Offset: d.start, Fields: d.fields}
	d.fields = nil
	return emit(p)
}

func (d *Decoder) malformed(detail string) error {
	if d.Lenient {
		d.Skipped++
		return nil
	}
	d.fail(d.lineAt, "%s", detail)
	return d.err
}

func (d *Decoder) fail(offset int64, format string, args ...any) {
	d.err = &SyntaxError{Offset: offset, Detail: fmt.Sprintf(format, args...)}
}

package asterisk

import (
	"fmt"
	"strings"
)

// Field is one line of a packet. Keys may repeat; the order is the switch's.
type Field struct{ Key, Value string }

// Packet is one message of the manager interface: an event, an answer to an
// action, or the greeting of a new connection, which has a single field with an
// empty key.
type Packet struct {
	// Offset is the place of the packet's first byte in the stream.
	Offset int64
	Fields []Field
}

// Value returns the first value of the key, without regard to case; empty when
// the packet does not have it.
func (p *Packet) Value(key string) string {
	for i := range p.Fields {
		if k := p.Fields[i].Key; k == key || len(k) == len(key) && strings.EqualFold(k, key) {
			return p.Fields[i].Value
		}
	}
	return ""
}

// Values returns every value of a key that may occur several times, such as
// ChanVariable or Output.
func (p *Packet) Values(key string) []string {
	var all []string
	for i := range p.Fields {
		if k := p.Fields[i].Key; len(k) == len(key) && strings.EqualFold(k, key) {
			all = append(all, p.Fields[i].Value)
		}
	}
	return all
}

// Event returns the event's name; empty for answers and the greeting.
func (p *Packet) Event() string { return p.Value("Event") }

// has reports whether the privilege line names the class: "call,all".
func (p *Packet) has(class string) bool {
	for have := range strings.SplitSeq(p.Value("Privilege"), ",") {
		if have == class {
			return true
		}
	}
	return false
}

// AppendAction appends an action as it goes over the wire. It refuses names and
// values that hold a line break, because they would start a second action.
func AppendAction(b []byte, action, id string, fields ...Field) ([]byte, error) {
	all := append([]Field{{"Action", action}, {"ActionID", id}}, fields...)
	for _, f := range all {
		if strings.ContainsAny(f.Key, "\r\n\x00:") || strings.ContainsAny(f.Value, "\r\n\x00") {
			return nil, fmt.Errorf("write action %s: line break in field %q", action, f.Key)
		}
	}
	for _, f := range all {
		b = append(b, f.Key...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

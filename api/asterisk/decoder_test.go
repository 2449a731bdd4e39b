package asterisk

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decode(t *testing.T, d *Decoder, pieces ...string) ([]Packet, error) {
	t.Helper()
	var got []Packet
	for _, piece := range pieces {
		if err := d.Feed([]byte(piece), func(p Packet) error {
			got = append(got, p)
			return nil
		}); err != nil {
			return got, err
		}
	}
	return got, d.Close()
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	input := "Asterisk Call Manager/11.0.0\r\n" +
		"Response: Success\r\nMessage: a: b: c\r\nEmpty: \r\nBare:\r\n\r\n" +
		"\r\n" +
		"Event: X\nChanVariable: a=1\nChanVariable: b=2\nUnknown-Key:no space\n\n" +
		"Response: Follows\r\nPrivilege: Command\r\nno colon here\r\n\r\nkey: kept as it is\r\n--END COMMAND--\r\n\r\n"
	want := []Packet{
		{Offset: 0, Fields: []Field{{"", "Asterisk Call Manager/11.0.0"}}},
		{Offset: 30, Fields: []Field{{"Response", "Success"}, {"Message", "a: b: c"}, {"Empty", ""}, {"Bare", ""}}},
		{Offset: 87, Fields: []Field{{"Event", "X"}, {"ChanVariable", "a=1"}, {"ChanVariable", "b=2"}, {"Unknown-Key", "no space"}}},
		{Offset: 154, Fields: []Field{
			{"Response", "Follows"}, {"Output", "Privilege: Command"}, {"Output", "no colon here"},
			{"Output", ""}, {"Output", "key: kept as it is"},
		}},
	}
	for size := 1; size <= len(input); size++ {
		var pieces []string
		for rest := input; rest != ""; {
			n := min(size, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, err := decode(t, &Decoder{}, pieces...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in pieces of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestPacket(t *testing.T) {
	t.Parallel()
	p := Packet{Fields: []Field{{"Privilege", "agent,all"}, {"ChanVariable", "a=1"}, {"chanvariable", "b=2"}, {"UniqueID", "7"}}}
	if got := p.Values("ChanVariable"); len(got) != 2 || got[1] != "b=2" {
		t.Errorf("values %q", got)
	}
	if p.Value("Uniqueid") != "7" || p.Value("Nothing") != "" || p.Event() != "" {
		t.Error("Value, Event")
	}
	if !p.has("agent") || p.has("call") || p.has("age") {
		t.Error("privilege")
	}
}

func TestDecoderErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxLine+1)
	var many strings.Builder
	for many.Len() < MaxPacket {
		many.WriteString("Key: " + strings.Repeat("y", 60000) + "\r\n")
	}
	for _, c := range []struct {
		name, input string
		offset      int64
		says        string
	}{
		{"no colon", "Event: X\r\nnonsense\r\n\r\n", 10, "Key: value"},
		{"no key", "Event: X\r\n\r\n: x\r\n", 12, "Key: value"},
		{"control character", "Ev\x01ent: X\r\n", 0, "Key: value"},
		{"zero byte", "Event: X\r\nA: \x00\r\n", 10, "zero byte"},
		{"long line", "Event: X\r\nA: " + long + "\r\n\r\n", 10, "line longer"},
		{"long line without end", "Event: X\r\n\r\n" + long + long, 12, "line longer"},
		{"long packet", "Event: X\r\n\r\n" + many.String(), 12, "packet longer"},
		{"cut in a line", "Event: X\r\n\r\nEvent: Y\r\nChann", 22, "inside a line"},
		{"cut in a packet", "Event: X\r\n\r\nEvent: Y\r\nChannel: z\r\n", 12, "inside a packet"},
		{"cut before the last line end", "Event: X\r\n\r", 10, "inside a line"},
	} {
		var d Decoder
		_, err := decode(t, &d, c.input)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != c.offset || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q at %d", c.name, err, c.says, c.offset)
		}
		if again := d.Feed([]byte("Event: X\r\n\r\n"), func(Packet) error { return errors.New("emitted") }); again != err {
			t.Errorf("%s: after the error %v", c.name, again)
		}
	}
}

// TestDecoderLenient: a live stream goes on after a line that makes no sense.
func TestDecoderLenient(t *testing.T) {
	t.Parallel()
	d := Decoder{Lenient: true}
	got, err := decode(t, &d, "Event: X\r\nnonsense\r\nA: b\r\n\r\nEvent: Y\r\n\r\n")
	if err != nil || len(got) != 2 || got[0].Value("A") != "b" || d.Skipped != 1 {
		t.Errorf("%v, %v, skipped %d", got, err, d.Skipped)
	}
}

func TestAppendAction(t *testing.T) {
	t.Parallel()
	got, err := AppendAction(nil, "QueuePause", "a-1", Field{"Interface", "SIP/1"}, Field{"Reason", "lunch: long"})
	want := "Action: QueuePause\r\nActionID: a-1\r\nInterface: SIP/1\r\nReason: lunch: long\r\n\r\n"
	if err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, f := range []Field{{"Reason", "x\r\n\r\nAction: Originate"}, {"Rea\nson", "x"}, {"Reason", "x\ny"}, {"a:b", "c"}} {
		if got, err := AppendAction(nil, "QueuePause", "a-1", f); err == nil {
			t.Errorf("field %q became %q", f, got)
		}
	}
}

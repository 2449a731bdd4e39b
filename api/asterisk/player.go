package asterisk

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
)

// Kind is what a file turned out to be.
type Kind string

// The kinds that are recognised by content.
const (
	KindAMI Kind = "AMI"
	KindLog Kind = "queue_log"
)

// errEmpty is a file of which nothing can be said.
var errEmpty = fmt.Errorf("it is empty: %w", ErrNotAsterisk)

// ErrNotAsterisk says that a file is neither an AMI capture nor a queue_log.
var ErrNotAsterisk = errors.New("neither an AMI capture nor a queue_log")

// Player reads recordings of a switch and gives the commands that they tell.
// Several files may follow each other: calls go on from one to the next, as in
// a queue_log that was rotated.
//
//	p := asterisk.NewPlayer("", time.Now())
//	p.Load(file)                          // plain or gzip, AMI or queue_log
//	for {
//		timed, err := p.Next()            // io.EOF at the end of the file
//	}
//	rest := p.End()                       // what was held back, and the closing
type Player struct {
	ami   *Translator
	log   *LogTranslator
	start time.Time

	kind    Kind
	in      *bufio.Reader
	decoder Decoder
	offset  int64 // of a queue_log
	buf     []byte
	ready   []Timed
	err     error
}

// NewPlayer returns a player. Every queue becomes queueName, unless that is
// empty. start dates the packets of an AMI stream whose switch writes no
// Timestamp.
func NewPlayer(queueName string, start time.Time) *Player {
	return &Player{ami: NewTranslator(queueName), log: NewLogTranslator(queueName), start: start, buf: make([]byte, 32<<10)}
}

// Load begins the next file. It recognises gzip and the kind by content;
// ErrNotAsterisk if it is neither.
func (p *Player) Load(r io.Reader) error {
	in := bufio.NewReaderSize(r, MaxLine)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		in = bufio.NewReaderSize(unzipped, MaxLine)
	}
	head, err := in.Peek(MaxLine)
	switch {
	case len(head) > 0 || errors.Is(err, bufio.ErrBufferFull):
	case err == io.EOF:
		return errEmpty
	default:
		return fmt.Errorf("look what it is: %w", err)
	}
	kind, ok := recognise(head)
	if !ok {
		return ErrNotAsterisk
	}
	if first, ok := firstStamp(head); ok && kind == KindAMI {
		if p.start = first; first.Before(p.ami.Now()) {
			p.restart()
		}
	}
	p.in, p.kind, p.err = in, kind, nil
	p.decoder, p.offset = Decoder{}, 0
	return nil
}

// restart begins an AMI stream that is older than the last one: another capture,
// not its continuation. Who was still in a queue leaves as recovered.
func (p *Player) restart() {
	p.ami.End()
	p.ready = append(p.ready, p.ami.Take()...)
	at := p.ami.Now()
	for _, uid := range sortedKeys(p.ami.calls) {
		p.ready = append(p.ready, Timed{At: at, Cmd: queue.SwitchReport{
			ChannelID: uid, Event: queue.SwitchLeft, ResultReason: queue.ReasonRecovered, At: at,
		}})
	}
	stats, names := p.ami.stats, p.ami.queues
	p.ami = NewTranslator(p.ami.queue)
	p.ami.stats, p.ami.queues = stats, names
}

// Kind returns what the file is.
func (p *Player) Kind() Kind { return p.kind }

// Next returns the next command: io.EOF at the end of the file, a *SyntaxError
// where it cannot be understood or is cut off.
func (p *Player) Next() (Timed, error) {
	for len(p.ready) == 0 {
		if p.err != nil {
			return Timed{}, p.err
		}
		if p.kind == KindLog {
			p.err = p.readLine()
			p.ready = p.log.Take()
		} else {
			p.err = p.readPiece()
			p.ready = p.ami.Take()
		}
	}
	next := p.ready[0]
	p.ready = p.ready[1:]
	return next, nil
}

// End returns the commands that were held back at the end of the last file. The
// callers who are still in a queue stay; see Closing.
func (p *Player) End() []Timed {
	p.ami.End()
	p.log.End()
	return append(p.ami.Take(), p.log.Take()...)
}

// Now returns the greatest instant of the recording.
func (p *Player) Now() time.Time {
	if p.log.Now().After(p.ami.Now()) {
		return p.log.Now()
	}
	return p.ami.Now()
}

// Closing returns the command that closes what the recording left open as
// recovered, for an engine that this player feeds.
func (p *Player) Closing() queue.Reconcile {
	names := append(p.ami.queueNames(), sortedKeys(p.log.queues)...)
	return queue.Reconcile{Queues: names, Lost: true, At: p.Now()}
}

// Open returns the channels of the callers who are still in a queue, sorted.
func (p *Player) Open() []string {
	return append(sortedKeys(p.ami.calls), sortedKeys(p.log.calls)...)
}

// Stats returns the counts of all files.
func (p *Player) Stats() Stats {
	a, l := p.ami.Stats(), p.log.Stats()
	return Stats{
		Packets: a.Packets + l.Packets, Joined: a.Joined + l.Joined, Refused: a.Refused,
		Unknown: a.Unknown + l.Unknown, Dropped: a.Dropped + l.Dropped,
	}
}

// Stamped reports whether the recording has instants of its own.
func (p *Player) Stamped() bool {
	return p.log.stats.Packets > 0 || !p.ami.stamped.IsZero()
}

func (p *Player) readPiece() error {
	n, err := p.in.Read(p.buf)
	feedErr := p.decoder.Feed(p.buf[:n], func(packet Packet) error {
		p.ami.Packet(&packet, p.start)
		return nil
	})
	switch {
	case feedErr != nil:
		return feedErr
	case err == io.EOF:
		if err := p.decoder.Close(); err != nil {
			return err
		}
		return io.EOF
	default:
		return broken(p.decoder.lineAt+int64(len(p.decoder.line)), err)
	}
}

func (p *Player) readLine() error {
	line, err := p.in.ReadSlice('\n')
	at := p.offset
	p.offset += int64(len(line))
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return &SyntaxError{Offset: at, Detail: fmt.Sprintf("line longer than %d bytes", MaxLine)}
	case err == io.EOF && len(line) > 0:
		return &SyntaxError{Offset: at, Detail: "file ends inside a line"}
	case err == io.EOF:
		return err
	case err != nil:
		return broken(p.offset, err)
	}
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return nil
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return &SyntaxError{Offset: at, Detail: "zero byte in a line"}
	}
	parsed, parseErr := ParseLogLine(string(line))
	if parseErr != nil {
		return &SyntaxError{Offset: at, Detail: parseErr.Error()}
	}
	p.log.Line(parsed)
	return nil
}

// broken turns an error of the gzip reader into one that says where.
func broken(offset int64, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &SyntaxError{Offset: offset, Detail: "compressed data ends early (the place is that in the unpacked data)"}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return &SyntaxError{Offset: offset, Detail: "compressed data is corrupt: " + err.Error()}
	default:
		return fmt.Errorf("read at byte %d: %w", offset, err)
	}
}

// recognise tells by its first line what a file is.
func recognise(head []byte) (Kind, bool) {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte{'\n'})
	line = bytes.TrimRight(line, "\r")
	if bytes.HasPrefix(line, []byte("Asterisk Call Manager")) {
		return KindAMI, true
	}
	if _, err := ParseLogLine(string(line)); err == nil {
		return KindLog, true
	}
	key, _, ok := strings.Cut(string(line), ":")
	switch strings.ToLower(key) {
	case "event", "response", "action":
		return KindAMI, ok
	default:
		return "", false
	}
}

// firstStamp finds the first instant of an AMI stream in its beginning.
func firstStamp(head []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(head, []byte("\nTimestamp: "))
	if !ok {
		return time.Time{}, false
	}
	stamp, _, _ := bytes.Cut(rest, []byte{'\n'})
	return parseInstant(strings.TrimRight(string(stamp), "\r"))
}

package dispatchertest

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"strings"

	"github.com/offhook/offhook/dispatcher"
)

// The frames of HTTP/2 that the rows need (RFC 9113, 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameRSTStream    = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9

	flagAck        = 0x1 // of a ping
	flagEndStream  = 0x1
	flagEndHeaders = 0x4

	codeInternal = 0x2
	codeCalm     = 0xb

	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	status2 = "\x88" // :status 200, by the static table of HPACK
)

// frame writes one frame.
func (p *peer) frame(kind, flags byte, stream uint32, payload string) error {
	head := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(head, uint32(len(payload))<<8)
	head[3], head[4] = kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	_, err := p.Write(append(head, payload...))
	return err
}

// hello2 shakes hands.
func (p *peer) hello2() bool {
	hello := make([]byte, len(preface))
	_, err := io.ReadFull(p.in, hello)
	return err == nil && string(hello) == preface && p.frame(frameSettings, 0, 0, "") == nil
}

// request2 reads a request whole, and gives back what its body took of the
// connection's window; the stream is 0 when none came.
func (p *peer) request2() (stream uint32) {
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(p.in, head); err != nil {
			return 0
		}
		payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(p.in, payload); err != nil {
			return 0
		}
		if head[3] == framePing && head[4]&flagAck == 0 && p.frame(framePing, flagAck, 0, string(payload)) != nil {
			return 0
		}
		if head[3] == frameData && len(payload) > 0 && p.frame(frameWindowUpdate, 0, 0, code(uint32(len(payload)))) != nil {
			return 0
		}
		if stream = binary.BigEndian.Uint32(head[5:]); stream != 0 && head[3] <= frameHeaders && head[4]&flagEndStream != 0 {
			p.seen.Add(1)
			return stream
		}
	}
}

func code(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// http2Rows are receivers that misbehave in HTTP/2.
func (a *Arena) http2Rows() {
	cfg := &tls.Config{Certificates: []tls.Certificate{a.ca.sign(nil)}, NextProtos: []string{"h2"}}
	row := func(name string, status int, want dispatcher.Outcome, act func(p *peer, stream uint32)) {
		a.secureRow("HTTP/2: "+name, status, cfg, func(p *peer) {
			if !p.hello2() {
				return
			}
			// One request after the other, until act ends the connection.
			for stream := p.request2(); stream != 0; stream = p.request2() {
				act(p, stream)
			}
		}, want)
	}
	row("answers", 200, dispatcher.OutcomeDelivered, func(p *peer, s uint32) {
		_ = p.frame(frameHeaders, flagEndHeaders|flagEndStream, s, status2)
	})
	row("RST_STREAM", 0, dispatcher.OutcomeReset, func(p *peer, s uint32) {
		_ = p.frame(frameRSTStream, 0, s, code(codeInternal))
	})
	row("RST_STREAM within the body", 200, dispatcher.OutcomeDelivered, func(p *peer, s uint32) {
		_ = p.frame(frameHeaders, flagEndHeaders, s, status2)
		_ = p.frame(frameData, 0, s, "thank")
		_ = p.frame(frameRSTStream, 0, s, code(codeInternal))
	})
	row("GOAWAY instead of an answer", 0, dispatcher.OutcomeReset, func(p *peer, s uint32) {
		_ = p.frame(frameGoAway, 0, 0, code(s)+code(codeCalm)+"calm down")
		p.Close()
	})
	row("GOAWAY with the answer", 200, dispatcher.OutcomeDelivered, func(p *peer, s uint32) {
		_ = p.frame(frameHeaders, flagEndHeaders|flagEndStream, s, status2)
		_ = p.frame(frameGoAway, 0, 0, code(s)+code(0))
		p.Close()
	})
	a.or(dispatcher.OutcomeReset) // when the next request was on its way already
	row("hangs up", 0, dispatcher.OutcomeReset, func(p *peer, _ uint32) { p.Close() })
	row("stalls", 0, dispatcher.OutcomeTimeout, func(p *peer, _ uint32) { p.hold() })
	a.or(dispatcher.OutcomeReset) // it does not answer pings either, so its connection is given up at some time
	row("a body without end", 200, dispatcher.OutcomeDelivered, func(p *peer, s uint32) {
		_ = p.frame(frameHeaders, flagEndHeaders, s, status2)
		for range 16 { // nearly 64 KiB, the least window; the end never comes
			_ = p.frame(frameData, 0, s, strings.Repeat("x", 4095))
		}
	})
	row("headers without end", 0, dispatcher.OutcomeProtocol, func(p *peer, s uint32) {
		// Literals without indexing, so that neither side keeps them.
		field := "\x00\x03x-a\x7f\x81\x06" + strings.Repeat("v", 0x7f+0x301)
		if p.frame(frameHeaders, 0, s, status2+field) != nil {
			return
		}
		for p.frame(frameContinuation, 0, s, field) == nil {
		}
	})
	row("a frame that is too large", 0, dispatcher.OutcomeProtocol, func(p *peer, _ uint32) {
		p.say("\xff\xff\xff\x00\x00\x00\x00\x00\x01")
		p.hold()
	})
	row("headers that cannot be read", 0, dispatcher.OutcomeProtocol, func(p *peer, s uint32) {
		_ = p.frame(frameHeaders, flagEndHeaders, s, "\xff\xff\xff\xff\xff\xff")
		p.hold()
	})
}

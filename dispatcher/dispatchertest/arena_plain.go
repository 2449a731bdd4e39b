package dispatchertest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"

	"github.com/offhook/offhook/dispatcher"
)

const okHead = "HTTP/1.1 200 OK\r\n"

// plainRows are receivers that misbehave below HTTP or in its framing.
func (a *Arena) plainRows() {
	// A port that was free a moment ago may be taken by the next row; this one is
	// nobody's on any machine.
	a.Rows = append(a.Rows, Row{Name: "nobody listens", URL: "http://127.0.0.1:1", Want: []dispatcher.Outcome{dispatcher.OutcomeConnect}})
	big := strings.Repeat("x", 1<<20)

	a.row("hangs up at the first byte", 0, func(p *peer) { _, _ = p.in.Peek(1) }, dispatcher.OutcomeReset)
	a.row("resets at the first byte", 0, func(p *peer) { _, _ = p.in.Peek(1); p.reset() }, dispatcher.OutcomeReset)
	a.row("hangs up after the request", 0, func(p *peer) { p.request() }, dispatcher.OutcomeReset)
	a.row("resets after the request", 0, then((*peer).reset), dispatcher.OutcomeReset)
	a.row("resets within its headers", 0, then(func(p *peer) { p.say(okHead + "X-A: "); p.reset() }), dispatcher.OutcomeReset)
	a.row("ends within its headers", 0, answer(okHead+"X-A: "), dispatcher.OutcomeReset)
	a.row("never reads", 0, func(p *peer) { <-a.end }, dispatcher.OutcomeTimeout)
	a.row("stalls before its headers", 0, then((*peer).hold), dispatcher.OutcomeTimeout)
	a.row("stalls within its headers", 0, then(func(p *peer) { p.say(okHead + "X-A: "); p.hold() }), dispatcher.OutcomeTimeout)
	a.row("drips its headers", 0, then(func(p *peer) { p.drip(okHead) }), dispatcher.OutcomeTimeout)
	a.row("headers without end", 0, then(func(p *peer) { p.say(okHead); p.forever("X-A: " + big[:1000] + "\r\n") }), dispatcher.OutcomeProtocol)
	a.row("a header of a megabyte", 0, answer(okHead+"X-A: "+big+"\r\n\r\n"), dispatcher.OutcomeProtocol)
	a.row("a status line without end", 0, then(func(p *peer) { p.forever(big) }), dispatcher.OutcomeProtocol)

	a.row("stalls within its body", 200, then(func(p *peer) { p.say(okHead + "Content-Length: 9\r\n\r\nthank"); p.hold() }), dispatcher.OutcomeDelivered)
	a.row("drips its body", 200, then(func(p *peer) { p.say(okHead + "Content-Length: 99\r\n\r\n"); p.drip(big[:99]) }), dispatcher.OutcomeDelivered)
	a.row("a body without end", 200, then(func(p *peer) { p.say(okHead + "\r\n"); p.forever(big) }), dispatcher.OutcomeDelivered)
	a.row("chunks without end", 200, then(func(p *peer) {
		p.say(okHead + "Transfer-Encoding: chunked\r\n\r\n")
		p.forever("1000\r\n" + big[:0x1000] + "\r\n")
	}), dispatcher.OutcomeDelivered)
	a.row("a chunk extension without end", 200, then(func(p *peer) {
		p.say(okHead + "Transfer-Encoding: chunked\r\n\r\n1;")
		p.forever(big)
	}), dispatcher.OutcomeDelivered)
	a.row("trailers without end", 200, then(func(p *peer) {
		p.say(okHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n")
		p.forever("X-A: " + big[:1000] + "\r\n")
	}), dispatcher.OutcomeDelivered)
	a.row("a chunk that is no number", 200, answer(okHead+"Transfer-Encoding: chunked\r\n\r\nmany\r\n"), dispatcher.OutcomeDelivered)
	a.row("a Content-Length that is too long", 200, answer(okHead+"Content-Length: 5000000000\r\n\r\nthank"), dispatcher.OutcomeDelivered)
	a.row("a Content-Length that is too short", 200, answer(okHead+"Content-Length: 2\r\n\r\nthank you very much"), dispatcher.OutcomeDelivered)
	a.row("two Content-Lengths", 0, answer(okHead+"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), dispatcher.OutcomeProtocol)
	a.row("a Content-Length below 0", 0, answer(okHead+"Content-Length: -5\r\n\r\nthank"), dispatcher.OutcomeProtocol)
	a.row("a Content-Length that overflows", 0, answer(okHead+"Content-Length: 99999999999999999999\r\n\r\n"), dispatcher.OutcomeProtocol)
	a.row("an encoding that nobody knows", 0, answer(okHead+"Transfer-Encoding: rot13\r\n\r\nthank"), dispatcher.OutcomeProtocol)

	a.row("greets as a mail server", 0, answer("220 mail.example ESMTP\r\n"), dispatcher.OutcomeProtocol)
	a.row("greets before the request", 0, func(p *peer) { p.say("SSH-2.0-OpenSSH_9.9\r\n"); p.hold() }, dispatcher.OutcomeProtocol)
	a.row("a page without headers", 0, answer("<html>It works!</html>\n"), dispatcher.OutcomeProtocol)
	a.row("bytes of no meaning", 0, answer("\x00\xff\x16\x03\x01\x02\r\n\r\n"), dispatcher.OutcomeProtocol)
	a.row("a status of letters", 0, answer("HTTP/1.1 abc OK\r\n\r\n"), dispatcher.OutcomeProtocol)
	a.row("a status of two digits", 0, answer("HTTP/1.1 20 OK\r\n\r\n"), dispatcher.OutcomeProtocol)
	a.row("HTTP of another age", 0, answer("HTTP/9 200 OK\r\n\r\n"), dispatcher.OutcomeProtocol)
	a.row("a header without a colon", 0, answer(okHead+"no colon\r\n\r\n"), dispatcher.OutcomeProtocol)

	a.row("a few interim answers", 200, answers(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 4)+okHead+"Content-Length: 0\r\n\r\n"), dispatcher.OutcomeDelivered)
	a.row("interim answers without end", 0, then(func(p *peer) { p.forever("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") }), dispatcher.OutcomeProtocol)
	a.row("large interim answers without end", 0, then(func(p *peer) { p.forever("HTTP/1.1 103 Early Hints\r\nX-A: " + big[:1000] + "\r\n\r\n") }), dispatcher.OutcomeProtocol)
	a.row("switches protocols", 101, answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), dispatcher.OutcomeHTTPError)
	a.row("a bomb in gzip", 200, answers(gzipBomb()), dispatcher.OutcomeDelivered)
}

// gzipBomb is an answer that is sixteen megabytes once it is unpacked, which
// nobody asked for.
func gzipBomb() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, 16<<20)) // a Buffer takes everything
	_ = w.Close()
	return fmt.Sprintf("%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", okHead, b.Len(), b.String())
}

package dispatchertest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"

	"github.com/offhook/offhook/dispatcher"
)

// nameRows are receivers behind names that misbehave.
func (a *Arena) nameRows() {
	row := func(name, host string, addresses func(asked int) []string, want ...dispatcher.Outcome) {
		status := 0
		if want[0] == dispatcher.OutcomeDelivered {
			status = 200
		}
		// Each answer ends its connection, so that the next request asks again.
		a.row(name, status, answer(okHead+"Connection: close\r\nContent-Length: 0\r\n\r\n"), want...)
		at := &a.Rows[len(a.Rows)-1]
		_, port, _ := strings.Cut(strings.TrimPrefix(at.URL, "http://"), ":")
		at.URL = "http://" + host + ":" + port
		a.names[host] = addresses
	}
	always := func(addresses ...string) func(int) []string { return func(int) []string { return addresses } }
	row("a name", "good.test", always("127.0.0.1"), dispatcher.OutcomeDelivered)
	row("a name that does not exist", "missing.test", nil, dispatcher.OutcomeDNS)
	row("a name without an address", "empty.test", always(), dispatcher.OutcomeDNS)
	row("a name server that does not answer", "silent.test", func(int) []string { return []string{silence} }, dispatcher.OutcomeTimeout)
	a.or(dispatcher.OutcomeDNS) // whether the look-up or the request gives up first
	row("a name of a private network", "private.test", always("10.1.2.3"), dispatcher.OutcomeBlocked)
	row("a name of the metadata service", "metadata.test", always("169.254.169.254"), dispatcher.OutcomeBlocked)
	row("a forbidden address behind a good one", "mixed.test", always("127.0.0.1", "192.168.1.1"), dispatcher.OutcomeBlocked)
	row("a name that changes between look-ups", "rebound.test", func(asked int) []string {
		return [][]string{{"127.0.0.1"}, {"169.254.169.254"}}[asked%2]
	}, dispatcher.OutcomeDelivered, dispatcher.OutcomeBlocked)
}

// silence instead of an address means that the server says nothing.
const silence = "silence"

// serveDNS answers questions about the names of the rows.
func (a *Arena) serveDNS() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	a.DNS = conn.LocalAddr().String()
	a.group.Go(func() {
		<-a.end
		conn.Close()
	})
	a.group.Go(func() {
		asked := map[string]int{}
		for buf := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := a.reply(buf[:n], asked); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	})
}

// reply answers one question by RFC 1035, 4; nil is no answer.
func (a *Arena) reply(query []byte, asked map[string]int) []byte {
	if len(query) < 17 {
		return nil
	}
	var labels []string
	at := 12
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end >= len(query) {
			return nil
		}
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	if at+5 > len(query) {
		return nil
	}
	host, kind := strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(query[at+1:])
	out := append([]byte{}, query[:at+5]...)
	const answers, additional = 6, 10
	out[2], out[3] = 0x81, 0x80 // an answer, recursive
	binary.BigEndian.PutUint16(out[answers:], 0)
	binary.BigEndian.PutUint16(out[additional:], 0)
	addresses := a.names[host]
	if addresses == nil {
		out[3] |= 3 // no such name
		return out
	}
	const typeA = 1
	if kind != typeA {
		return out
	}
	list := addresses(asked[host])
	asked[host]++
	for i, text := range list {
		if text == silence {
			return nil
		}
		ip := netip.MustParseAddr(text).As4()
		// The name by a pointer to the question, type A, class IN, not to be kept.
		out = append(out, 0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, ip[:]...)
		binary.BigEndian.PutUint16(out[answers:], uint16(i+1))
	}
	return out
}

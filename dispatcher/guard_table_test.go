package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// forbidden are the networks that the specification blocks; a dagger marks those
// that no configuration opens.
const forbidden = `
	0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16† 168.63.129.16/32† 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
	192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4† 240.0.0.0/4† 255.255.255.255/32†
	::/128 ::1/128 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fd00:ec2::254/128†
	fe80::/10† fec0::/10 ff00::/8†`

// corner is one address of a forbidden network.
type corner struct {
	addr  netip.Addr
	rule  netip.Prefix
	never bool
}

// corners are the first address, the last, and one between them, of every
// forbidden network.
func corners(t *testing.T) (out []corner) {
	t.Helper()
	for text := range strings.FieldsSeq(forbidden) {
		network, never := strings.CutSuffix(text, "†")
		p := netip.MustParsePrefix(network)
		first, last := p.Addr().AsSlice(), p.Addr().AsSlice()
		for bit := p.Bits(); bit < len(last)*8; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		middle := p.Addr().AsSlice()
		if at := len(middle) - 1; p.Bits() <= at*8 {
			middle[at] = 0x35
		}
		for _, b := range [][]byte{first, last, middle} {
			addr, _ := netip.AddrFromSlice(b)
			c := corner{addr, p, never}
			for _, inner := range []string{"255.255.255.255/32", "fd00:ec2::254/128"} { // the stricter rule counts
				if in := netip.MustParsePrefix(inner); in.Contains(addr) {
					c.rule, c.never = in, true
				}
			}
			out = append(out, c)
		}
	}
	if len(out) != 31*3 {
		t.Fatalf("%d corners of the table", len(out))
	}
	return out
}

// disguises are the forms in which an address may come.
func disguises(a netip.Addr) []netip.Addr {
	if !a.Is4() {
		return []netip.Addr{a}
	}
	b := a.As4()
	nat := netip.MustParseAddr("64:ff9b::").As16()
	copy(nat[12:], b[:])
	return []netip.Addr{a, netip.AddrFrom16(a.As16()), netip.AddrFrom16(nat)}
}

// scripted answers look-ups one after the other; the last answer repeats.
type scripted struct {
	answers [][]netip.Addr
	asked   atomic.Int64
}

func (s *scripted) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	n := int(s.asked.Add(1)) - 1
	return s.answers[min(n, len(s.answers)-1)], nil
}

// refused checks that an attempt ended as blocked, by the corner's rule.
func refused(t *testing.T, form string, c corner, err error) {
	t.Helper()
	var blocked *BlockedError
	if !errors.As(err, &blocked) || ClassifyError(err) != OutcomeBlocked {
		t.Errorf("%s, %s: %v, want it blocked", c.addr, form, err)
		return
	}
	if blocked.Rule != c.rule || blocked.Never != c.never || !strings.Contains(err.Error(), c.rule.String()) {
		t.Errorf("%s, %s: %v (never %t), want the rule %s (never %t)", c.addr, form, err, blocked.Never, c.rule, c.never)
	}
}

// TestTheTableIsBlockedInEveryForm: every network × literal, DNS name, mixed
// answers, answers that change, IPv4-mapped, NAT64.
func TestTheTableIsBlockedInEveryForm(t *testing.T) {
	t.Parallel()
	public := netip.MustParseAddr("93.184.216.34")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, c := range corners(t) {
		for _, addr := range disguises(c.addr) {
			host := addr.String()
			if addr.Is6() {
				host = "[" + host + "]"
			}
			if err := validateURL("https://"+host+"/hook", GuardConfig{}); err == nil || !strings.Contains(err.Error(), c.rule.String()) {
				t.Errorf("a URL with %s: %v", host, err)
			}
			for form, answers := range map[string][][]netip.Addr{
				"a name":             {{addr}},
				"behind a good one":  {{public, addr}},
				"before a good one":  {{addr, public}},
				"a name, and then …": {{addr}, {public}},
			} {
				r := &scripted{answers: answers}
				_, err := (&guardedDialer{resolver: r}).dial(ctx, "tcp", "crm.example:443")
				refused(t, form+" "+addr.String(), c, err)
				if n := r.asked.Load(); n != 1 {
					t.Errorf("%s: %d look-ups for one connection", form, n)
				}
			}
			// As a literal, past the check of the URL; and as if the resolver had lied.
			_, err := (&guardedDialer{resolver: &scripted{}}).dial(ctx, "tcp", netip.AddrPortFrom(addr, 443).String())
			refused(t, "a literal", c, err)
			_, err = (&guardedDialer{}).connect(ctx, []netip.Addr{addr}, "443")
			refused(t, "at the socket", c, err)
		}
	}
}

// TestAnswersThatChangeAreJudgedEachTime: a name that was good is forbidden at
// the next connection, whatever network it moves to.
func TestAnswersThatChangeAreJudgedEachTime(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	good := netip.MustParseAddrPort(s.Listener.Addr().String())
	guard := GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, c := range corners(t) {
		for _, addr := range disguises(c.addr) {
			d := &guardedDialer{guard: guard, resolver: &scripted{answers: [][]netip.Addr{{good.Addr()}, {addr}}}}
			target := fmt.Sprintf("crm.example:%d", good.Port())
			conn, err := d.dial(t.Context(), "tcp", target)
			if err != nil {
				t.Fatalf("the good answer: %v", err)
			}
			conn.Close()
			_, err = d.dial(t.Context(), "tcp", target)
			refused(t, "the second answer "+addr.String(), c, err)
		}
	}
}

// TestTheAllowListOpensAllButTheDaggers: a network that is named is open in every
// form, its neighbours are not, and what can never be open stays closed even
// when everything is allowed.
func TestTheAllowListOpensAllButTheDaggers(t *testing.T) {
	t.Parallel()
	all := GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	for _, c := range corners(t) {
		allow, err := ParseAllow(c.rule.String())
		if c.never {
			if err == nil || !strings.Contains(err.Error(), "can never be allowed") {
				t.Errorf("%s in the list: %v", c.rule, err)
			}
		} else if err != nil {
			t.Errorf("%s in the list: %v", c.rule, err)
		}
		for _, addr := range disguises(c.addr) {
			if err := all.Check(addr); (err != nil) != c.never {
				t.Errorf("%s with everything allowed: %v", addr, err)
			}
			if err := (GuardConfig{Allow: allow}).Check(addr); (err != nil) != c.never {
				t.Errorf("%s with %s allowed: %v", addr, c.rule, err)
			}
			narrow := netip.PrefixFrom(c.addr, c.addr.BitLen())
			if err := (GuardConfig{Allow: []netip.Prefix{narrow}}).Check(addr); (err != nil) != c.never {
				t.Errorf("%s with itself allowed: %v", addr, err)
			}
		}
	}
	for _, network := range []string{"::ffff:10.0.0.0/104", "64:ff9b::a00:0/104"} {
		if _, err := ParseAllow(network); err == nil || !strings.Contains(err.Error(), "write it as an IPv4 network") {
			t.Errorf("%s, which would never match: %v", network, err)
		}
	}
}

// TestNeighboursOfTheTableAreOpen: it blocks nothing beyond its networks.
func TestNeighboursOfTheTableAreOpen(t *testing.T) {
	t.Parallel()
	inTable := func(a netip.Addr) bool {
		for text := range strings.FieldsSeq(forbidden) {
			if netip.MustParsePrefix(strings.TrimSuffix(text, "†")).Contains(a) {
				return true
			}
		}
		return false
	}
	tried := 0
	for _, c := range corners(t) {
		for _, addr := range []netip.Addr{c.addr.Prev(), c.addr.Next()} {
			if !addr.IsValid() || inTable(addr) || nat64.Contains(addr) || addr.Is4In6() {
				continue
			}
			tried++
			if err := (GuardConfig{}).Check(addr); err != nil {
				t.Errorf("%s is public: %v", addr, err)
			}
		}
	}
	if tried < 30 {
		t.Errorf("only %d neighbours were tried", tried)
	}
}

// TestRedirectsIntoTheTableAreNotFollowed: the answer is a failure, and nobody
// looks up or connects to where it points.
func TestRedirectsIntoTheTableAreNotFollowed(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	var location atomic.Pointer[string]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Location", *location.Load())
		w.WriteHeader([]int{301, 302, 303, 307, 308}[requests.Load()%5])
	}))
	t.Cleanup(s.Close)
	r := &scripted{answers: [][]netip.Addr{{netip.MustParseAddr("127.0.0.1")}}}
	cfg := Config{Resolver: r, Guard: GuardConfig{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}.withDefaults()
	sender := newSender(cfg)
	ep := validEndpoint()
	ep.URL = s.URL
	target, err := newTarget(ep, "offhook")
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for _, c := range corners(t) {
		for _, host := range []string{"crm.example", c.addr.String()} {
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			text := "http://" + host + "/latest/meta-data/"
			location.Store(&text)
			want++
			try := sender.send(t.Context(), target, message{ev: left(), body: []byte("{}"), number: 1})
			if try.Outcome != OutcomeRedirect || requests.Load() != want || r.asked.Load() != 0 {
				t.Fatalf("a redirect to %s: %s, %d requests, %d look-ups", host, try.Outcome, requests.Load(), r.asked.Load())
			}
		}
	}
}

// TestHostsThatOnlySomeTakeForAddresses are refused, and blocked should a
// resolver make an address of them.
func TestHostsThatOnlySomeTakeForAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"2130706433", "0x7f000001", "127.1", "0x7f.0.0.1", "017700000001", "127.0.0.1.", "1.2.3.4.5", "example.0x"} {
		if err := validateURL("https://"+host+"/", GuardConfig{}); err == nil {
			t.Errorf("%s passes as a host", host)
		}
	}
	for _, host := range []string{"crm.example", "4chan.example", "1.example", "0xdead.example", "example.com.", "xn--80ak6aa92e.com"} {
		if err := validateURL("https://"+host+"/", GuardConfig{}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

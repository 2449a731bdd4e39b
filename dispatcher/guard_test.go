package dispatcher

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestGuardTable(t *testing.T) {
	t.Parallel()
	open := GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	for _, tc := range []struct {
		addr, rule string // no rule = public
		never      bool
	}{
		{"93.184.216.34", "", false},
		{"2606:2800:220:1::1", "", false},
		{"0.1.2.3", "0.0.0.0/8", false},
		{"10.255.0.1", "10.0.0.0/8", false},
		{"100.64.0.1", "100.64.0.0/10", false},
		{"100.128.0.1", "", false},
		{"127.0.0.1", "127.0.0.0/8", false},
		{"169.254.169.254", "169.254.0.0/16", true},
		{"168.63.129.16", "168.63.129.16/32", true},
		{"168.63.129.17", "", false},
		{"172.31.255.255", "172.16.0.0/12", false},
		{"172.32.0.0", "", false},
		{"192.0.0.8", "192.0.0.0/24", false},
		{"192.0.2.1", "192.0.2.0/24", false},
		{"192.88.99.1", "192.88.99.0/24", false},
		{"192.168.1.1", "192.168.0.0/16", false},
		{"198.19.255.255", "198.18.0.0/15", false},
		{"198.51.100.7", "198.51.100.0/24", false},
		{"203.0.113.7", "203.0.113.0/24", false},
		{"224.0.0.1", "224.0.0.0/4", true},
		{"239.255.255.255", "224.0.0.0/4", true},
		{"240.0.0.1", "240.0.0.0/4", true},
		{"255.255.255.255", "255.255.255.255/32", true},
		{"::", "::/128", false},
		{"::1", "::1/128", false},
		{"64:ff9b:1::1", "64:ff9b:1::/48", false},
		{"100::1", "100::/64", false},
		{"2001::1", "2001::/23", false},
		{"2001:db8::1", "2001:db8::/32", false},
		{"2002:7f00:1::", "2002::/16", false},
		{"3fff::1", "3fff::/20", false},
		{"5f00::1", "5f00::/16", false},
		{"fd00::1", "fc00::/7", false},
		{"fd00:ec2::254", "fd00:ec2::254/128", true},
		{"fe80::1", "fe80::/10", true},
		{"fe80::1%eth0", "fe80::/10", true},
		{"fec0::1", "fec0::/10", false},
		{"ff02::1", "ff00::/8", true},
		// Judged by the address inside.
		{"::ffff:127.0.0.1", "127.0.0.0/8", false},
		{"::ffff:169.254.169.254", "169.254.0.0/16", true},
		{"::ffff:93.184.216.34", "", false},
		{"64:ff9b::7f00:1", "127.0.0.0/8", false},
		{"64:ff9b::a9fe:a9fe", "169.254.0.0/16", true},
		{"64:ff9b::5db8:d822", "", false},
	} {
		addr := netip.MustParseAddr(tc.addr)
		err := GuardConfig{}.Check(addr)
		if tc.rule == "" {
			if err != nil {
				t.Errorf("%s is public, but: %v", tc.addr, err)
			}
			continue
		}
		var blocked *BlockedError
		if !errors.As(err, &blocked) {
			t.Errorf("%s is not blocked: %v", tc.addr, err)
			continue
		}
		if blocked.Rule.String() != tc.rule || blocked.Never != tc.never || !strings.Contains(err.Error(), tc.rule) {
			t.Errorf("%s: %v (never %t), want rule %s (never %t)", tc.addr, err, blocked.Never, tc.rule, tc.never)
		}
		if err := open.Check(addr); (err != nil) != tc.never {
			t.Errorf("%s with everything allowed: %v", tc.addr, err)
		}
	}
}

func TestAllowListOpensOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	allow, err := ParseAllow(" 10.1.0.0/16, fd12::/16 ,")
	if err != nil {
		t.Fatal(err)
	}
	g := GuardConfig{Allow: allow}
	for addr, open := range map[string]bool{
		"10.1.2.3": true, "10.2.0.1": false, "::ffff:10.1.2.3": true, "64:ff9b::a01:203": true,
		"fd12::1": true, "fd13::1": false, "127.0.0.1": false,
	} {
		if err := g.Check(netip.MustParseAddr(addr)); (err == nil) != open {
			t.Errorf("%s: %v, want open %t", addr, err, open)
		}
	}
	if _, err := ParseAllow("10.0.0.0"); err == nil {
		t.Error("an address without a length passes as a network")
	}
	for _, network := range []string{"169.254.0.0/16", "169.254.169.254/32", "fe80::/64"} {
		if _, err := ParseAllow("10.0.0.0/8," + network); err == nil || !strings.Contains(err.Error(), "can never be allowed") {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// names is a resolver whose answers are scripted, one after the other.
type names struct{ answers [][]string }

func (n *names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	if len(n.answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: "crm.example", IsNotFound: true}
	}
	var out []netip.Addr
	for _, a := range n.answers[0] {
		out = append(out, netip.MustParseAddr(a))
	}
	n.answers = n.answers[1:]
	return out, nil
}

// outcomeOf dials crm.example at the port and returns the class of the failure.
func outcomeOf(t *testing.T, d *guardedDialer, port string) Outcome {
	t.Helper()
	conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("crm.example", port))
	if err == nil {
		conn.Close()
		return OutcomeDelivered
	}
	return ClassifyError(err)
}

func TestDialerJudgesEveryAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	local := GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for name, tc := range map[string]struct {
		guard   GuardConfig
		answers [][]string
		want    Outcome
	}{
		"a forbidden address":              {GuardConfig{}, [][]string{{"127.0.0.1"}}, OutcomeBlocked},
		"one forbidden among good ones":    {local, [][]string{{"127.0.0.1", "10.0.0.1"}}, OutcomeBlocked},
		"a metadata service, allowed":      {local, [][]string{{"169.254.169.254"}}, OutcomeBlocked},
		"loopback as IPv4-mapped":          {GuardConfig{}, [][]string{{"::ffff:127.0.0.1"}}, OutcomeBlocked},
		"loopback behind NAT64":            {GuardConfig{}, [][]string{{"64:ff9b::7f00:1"}}, OutcomeBlocked},
		"an allowed address":               {local, [][]string{{"127.0.0.1"}}, OutcomeDelivered},
		"an allowed one as IPv4-mapped":    {local, [][]string{{"::ffff:127.0.0.1"}}, OutcomeDelivered},
		"the second address answers":       {local, [][]string{{"127.0.0.2", "127.0.0.1"}}, OutcomeDelivered},
		"a name that does not exist":       {local, nil, OutcomeDNS},
		"a name without an address":        {local, [][]string{{}}, OutcomeDNS},
		"an answer that changes meanwhile": {local, [][]string{{"127.0.0.1"}, {"10.0.0.1"}}, OutcomeDelivered},
	} {
		d := &guardedDialer{guard: tc.guard, resolver: &names{answers: tc.answers}}
		if got := outcomeOf(t, d, port); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	// The second look-up is judged anew: rebinding changes nothing.
	d := &guardedDialer{guard: local, resolver: &names{answers: [][]string{{"127.0.0.1"}, {"10.0.0.1"}}}}
	if first, second := outcomeOf(t, d, port), outcomeOf(t, d, port); first != OutcomeDelivered || second != OutcomeBlocked {
		t.Errorf("a name that is bound again: %s, then %s", first, second)
	}
}

func TestControlJudgesWhatIsReallyConnected(t *testing.T) {
	t.Parallel()
	d := &guardedDialer{}
	// Past the first judgement, as if resolve had lied.
	_, err := d.connect(t.Context(), []netip.Addr{netip.MustParseAddr("127.0.0.1")}, "9")
	var blocked *BlockedError
	if !errors.As(err, &blocked) || ClassifyError(err) != OutcomeBlocked {
		t.Errorf("connecting to loopback: %v, want it blocked by Control", err)
	}
}

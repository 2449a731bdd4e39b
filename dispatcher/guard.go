package dispatcher

import (
	"fmt"
	"net/netip"
	"strings"
)

// GuardConfig says which targets may be reached beyond public https ones.
type GuardConfig struct {
	// AllowHTTP permits plain http URLs.
	AllowHTTP bool
	// Allow opens blocked networks, except those that are never open: link-local,
	// multicast, reserved and the metadata services of clouds.
	Allow []netip.Prefix
}

// ParseAllow reads a comma-separated list of CIDRs; empty text is an empty list.
func ParseAllow(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("parse allowed networks: %q is not a CIDR", part)
		}
		if p.Addr().Is4In6() || nat64.Contains(p.Addr()) && p.Bits() >= nat64.Bits() {
			return nil, fmt.Errorf("parse allowed networks: %s holds IPv4 addresses, which are judged as such; write it as an IPv4 network", p)
		}
		for _, r := range guardRules {
			if r.never && r.prefix.Bits() <= p.Bits() && r.prefix.Contains(p.Addr()) {
				return nil, fmt.Errorf("parse allowed networks: %s is in %s, which can never be allowed", p, r.prefix)
			}
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// BlockedError says that a target's address is forbidden, and by which rule.
type BlockedError struct {
	Addr netip.Addr
	Rule netip.Prefix
	// Never says that no configuration can open the rule.
	Never bool
}

func (e *BlockedError) Error() string {
	how := "it may be allowed by configuration"
	if e.Never {
		how = "it can never be allowed"
	}
	return fmt.Sprintf("address %s is in the blocked network %s; %s", e.Addr, e.Rule, how)
}

type guardRule struct {
	prefix netip.Prefix
	never  bool
}

// guardRules are the networks that are no business of a webhook. Single
// addresses stand before the networks that hold them, so that the stricter
// rule is found first.
var guardRules = func() []guardRule {
	never := []string{
		"168.63.129.16/32", "fd00:ec2::254/128", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
		"240.0.0.0/4", "fe80::/10", "ff00::/8",
	}
	closed := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"3fff::/20", "5f00::/16", "fc00::/7", "fec0::/10",
	}
	var rules []guardRule
	for _, p := range never {
		rules = append(rules, guardRule{netip.MustParsePrefix(p), true})
	}
	for _, p := range closed {
		rules = append(rules, guardRule{netip.MustParsePrefix(p), false})
	}
	return rules
}()

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Check returns a *BlockedError when the address must not be connected to. An
// IPv4 address inside an IPv6 one (mapped, or NAT64) is judged by itself.
func (g GuardConfig) Check(addr netip.Addr) error {
	addr = embedded(addr)
	for _, r := range guardRules {
		if !r.prefix.Contains(addr) {
			continue
		}
		if r.never || !g.allows(addr) {
			return &BlockedError{Addr: addr, Rule: r.prefix, Never: r.never}
		}
		return nil
	}
	return nil
}

func (g GuardConfig) allows(addr netip.Addr) bool {
	for _, p := range g.Allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// embedded returns the address that is really meant, without a zone.
func embedded(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !nat64.Contains(addr) {
		return addr
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

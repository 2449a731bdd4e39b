package dispatcher

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Resolver looks up the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// AskDNS returns a Resolver that asks the DNS server at the address, a host and
// a port, instead of the system's.
func AskDNS(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
}

// How long each step towards a connection may take.
const (
	resolveTimeout = 5 * time.Second
	connectTimeout = 5 * time.Second
	tlsTimeout     = 5 * time.Second
)

// dialError says at which step a connection failed.
type dialError struct {
	outcome Outcome
	err     error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// guardedDialer connects to vetted addresses only. It resolves a name once and
// judges all answers: a name with one forbidden address is refused as a whole,
// for nobody means such a name honestly. Then it dials the very addresses that
// it judged, so that a second look-up cannot bring in another one; Control
// judges once more what is really connected.
type guardedDialer struct {
	guard    GuardConfig
	resolver Resolver
	tls      *tls.Config
}

// errPlain: an endpoint may have been registered when plain http was allowed.
var errPlain = errors.New("plain http is not allowed here; it may be allowed by configuration")

// dialPlain is the transport's DialContext, for http.
func (d *guardedDialer) dialPlain(ctx context.Context, network, target string) (net.Conn, error) {
	if !d.guard.AllowHTTP {
		return nil, &dialError{OutcomeBlocked, errPlain}
	}
	return d.dial(ctx, network, target)
}

func (d *guardedDialer) dial(ctx context.Context, network, target string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, &dialError{OutcomeConnect, err}
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if err := d.guard.Check(a); err != nil {
			return nil, &dialError{OutcomeBlocked, err}
		}
	}
	return d.connect(ctx, addrs, port)
}

// dialTLS is the transport's DialTLSContext, for https.
func (d *guardedDialer) dialTLS(ctx context.Context, network, target string) (net.Conn, error) {
	raw, err := d.dial(ctx, network, target)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(target) // dial has split it
	cfg := d.tls.Clone()
	cfg.ServerName = host
	conn := tls.Client(raw, cfg)
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, &dialError{OutcomeTLS, err}
	}
	return conn, nil
}

func (d *guardedDialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("the name has no address")
	}
	if err != nil {
		return nil, &dialError{OutcomeDNS, err}
	}
	return addrs, nil
}

// connect tries the addresses in turn; each gets its share of the time.
func (d *guardedDialer) connect(ctx context.Context, addrs []netip.Addr, port string) (net.Conn, error) {
	deadline := time.Now().Add(connectTimeout)
	var last error
	for i, a := range addrs {
		share := time.Until(deadline) / time.Duration(len(addrs)-i)
		dialer := net.Dialer{Timeout: share, Control: d.control}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	var blocked *BlockedError
	if errors.As(last, &blocked) {
		return nil, &dialError{OutcomeBlocked, last}
	}
	return nil, &dialError{OutcomeConnect, last}
}

// control judges the address that the socket is about to connect to.
func (d *guardedDialer) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	return d.guard.Check(ap.Addr())
}

package dispatchertest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// authority signs certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of the tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// sign returns a certificate for this machine, after change.
func (a *authority) sign(change func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	key := newKey(a.t)
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// secureRow adds a row that speaks TLS by cfg, and then act.
func (a *Arena) secureRow(name string, status int, cfg *tls.Config, act func(*peer), want ...dispatcher.Outcome) {
	a.row(name, status, func(p *peer) {
		conn := tls.Server(p.Conn, cfg)
		if conn.Handshake() != nil {
			return
		}
		defer conn.Close()
		inner := *p
		inner.Conn, inner.in = conn, bufio.NewReader(conn)
		act(&inner)
	}, want...)
	row := &a.Rows[len(a.Rows)-1]
	row.URL = "https" + row.URL[len("http"):]
}

// secureRows are receivers with certificates and handshakes of every kind.
func (a *Arena) secureRows() {
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	good := with(a.ca.sign(nil))
	thanks := answers(okHead + "Content-Length: 0\r\n\r\n")
	a.secureRow("a good certificate", 200, good, thanks, dispatcher.OutcomeDelivered)
	for name, cert := range map[string]tls.Certificate{
		"an expired certificate":            a.ca.sign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"a certificate of tomorrow":         a.ca.sign(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(20 * time.Hour) }),
		"a certificate of another host":     a.ca.sign(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"crm.example"} }),
		"a certificate without a host":      a.ca.sign(func(c *x509.Certificate) { c.IPAddresses = nil }),
		"a certificate for clients":         a.ca.sign(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
		"a certificate of nobody's":         newAuthority(a.t).sign(nil),
		"a certificate that it made itself": selfSigned(a),
	} {
		a.secureRow(name, 0, with(cert), thanks, dispatcher.OutcomeTLS)
	}
	a.secureRow("TLS 1.1", 0, &tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, thanks, dispatcher.OutcomeTLS)
	a.secureRow("wants a certificate of ours", 0, &tls.Config{Certificates: good.Certificates, ClientAuth: tls.RequireAnyClientCert}, thanks, dispatcher.OutcomeTLS)
	a.or(dispatcher.OutcomeReset) // when the end of the connection overtakes its reason
	a.secureRow("hangs up after the handshake", 0, good, func(*peer) {}, dispatcher.OutcomeReset)
	a.secureRow("stalls after the handshake", 0, good, then((*peer).hold), dispatcher.OutcomeTimeout)
	a.secureRow("cuts its body without saying so", 200, good, func(p *peer) {
		if p.request() {
			p.say(okHead + "Content-Length: 9\r\n\r\nthank")
			_ = p.Conn.(*tls.Conn).NetConn().Close()
		}
	}, dispatcher.OutcomeDelivered)
	for name, tc := range map[string]struct {
		act  func(*peer)
		want dispatcher.Outcome
	}{
		"no TLS behind https":       {answer("HTTP/1.1 400 Bad Request\r\n\r\n"), dispatcher.OutcomeTLS},
		"nonsense for a handshake":  {func(p *peer) { p.say("\x16\x03\x03\xff\xffnonsense"); p.hold() }, dispatcher.OutcomeTLS},
		"a handshake without end":   {func(p *peer) { p.forever("\x16\x03\x03\x00\x04\x02\xff\xff\xff") }, dispatcher.OutcomeTLS},
		"hangs up in the handshake": {func(p *peer) { _, _ = io.ReadFull(p.in, make([]byte, 5)) }, dispatcher.OutcomeTLS},
		"never shakes hands":        {(*peer).hold, dispatcher.OutcomeTimeout},
	} {
		a.row(name, 0, tc.act, tc.want)
		row := &a.Rows[len(a.Rows)-1]
		row.URL = "https" + row.URL[len("http"):]
	}
}

func selfSigned(a *Arena) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(3), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	key := newKey(a.t)
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

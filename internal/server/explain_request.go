package server

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"httpmaster/router"
)

// request is a Question, taken apart.
type request struct {
	method    string
	tls       bool
	webSocket bool
	header    string // of Host, as a browser would send it
	host      string // canonical; "" when header is not valid
	port      string // the number that the URL means
	uri       string // path and query, as they are sent
	from      netip.Addr
}

// parseQuestion takes a URL apart without changing its path: what a client
// could send is what is to be explained.
func parseQuestion(q Question) (*request, error) {
	scheme, rest, found := strings.Cut(q.URL, "://")
	asked := &request{method: q.Method, from: q.From}
	if asked.method == "" {
		asked.method = http.MethodGet
	}
	switch strings.ToLower(scheme) {
	case "https":
		asked.tls = true
	case "wss":
		asked.tls, asked.webSocket = true, true
	case "ws":
		asked.webSocket = true
	case "http":
	default:
		found = false
	}
	if !found {
		return nil, fmt.Errorf("%q is no URL that can be asked for: write http://, https://, ws:// or wss:// and the host", q.URL)
	}
	for _, c := range []byte(q.URL) {
		if c <= ' ' || c == 0x7f {
			return nil, errors.New("the URL has a space or a control character: write %20 for a space")
		}
	}
	rest, _, _ = strings.Cut(rest, "#") // is never sent
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	asked.header, asked.uri = rest[:end], rest[end:]
	if !strings.HasPrefix(asked.uri, "/") {
		asked.uri = "/" + asked.uri
	}
	if strings.Contains(asked.header, "@") {
		return nil, errors.New("the URL has a user name in it: leave out what stands before the @")
	}
	asked.findPort()
	return asked, nil
}

// findPort sets host and port, and leaves a scheme's own port out of the
// header, as clients do.
func (a *request) findPort() {
	own := "80"
	if a.tls {
		own = "443"
	}
	host, port, err := router.CanonicalHost(a.header)
	if err != nil || port == "" {
		port = own
	} else if port == own {
		a.header = a.header[:strings.LastIndexByte(a.header, ':')]
	}
	a.host, a.port = host, port
}

// read makes the request as the server's own reader makes it of what comes
// over the wire.
func (a *request) read(p *port) (*http.Request, error) {
	text := a.method + " " + a.uri + " HTTP/1.1\r\nHost: " + a.header + "\r\n"
	if a.webSocket {
		text += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + "\r\n")))
	if err != nil {
		return nil, err
	}
	if a.from.IsValid() && p.network != "unix" {
		r.RemoteAddr = netip.AddrPortFrom(a.from, 0).String()
	}
	if p.tls != nil {
		// The port says whether a client certificate is required; here it is
		// taken for shown.
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{}}}
	}
	return r, nil
}

// portFor gives the port that answers, or nil and why there is none. The error
// says how to ask for one of several.
func (g *Generation) portFor(a *request, key string) (p *port, problem string, err error) {
	var found []*port
	if key != "" {
		if p := g.port(key); p != nil {
			found = append(found, p)
		}
	} else {
		found = g.listeningOn(a)
	}
	switch len(found) {
	case 0:
		if key == "" {
			key = a.port
		}
		return nil, fmt.Sprintf("nothing listens on port %s: the config has %s; if another program leads to one of these, name it with --port", key, g.keys()), nil
	case 1:
		p = found[0]
	default:
		var keys []string
		for _, p := range found {
			keys = append(keys, p.key)
		}
		return nil, "", fmt.Errorf("which of %s? name it with --port", strings.Join(keys, ", "))
	}
	switch {
	case a.tls && p.tls == nil:
		return nil, fmt.Sprintf("port %s has no TLS: ask for it with %s://", p.key, plainScheme(a)), nil
	case !a.tls && p.tls != nil:
		return nil, fmt.Sprintf("port %s has TLS, and answers 400 to a request without: ask for it with %ss://", p.key, plainScheme(a)), nil
	}
	return p, "", nil
}

func plainScheme(a *request) string {
	if a.webSocket {
		return "ws"
	}
	return "http"
}

// listeningOn gives the ports with the number of a. Where the URL names an
// address, those that listen on just that one, else those on all; where it
// names a host, any of them may be meant.
func (g *Generation) listeningOn(a *request) []*port {
	addr, _ := netip.ParseAddr(strings.Trim(a.host, "[]"))
	var number, exact []*port
	for _, p := range g.ports {
		host, port, err := net.SplitHostPort(p.address)
		if p.network == "unix" || err != nil || port != a.port {
			continue
		}
		listens, err := netip.ParseAddr(host)
		everywhere := err != nil || listens.IsUnspecified()
		switch {
		case addr.IsValid() && !everywhere && listens == addr:
			exact = append(exact, p)
		case !addr.IsValid() || everywhere:
			number = append(number, p)
		}
	}
	if exact != nil {
		return exact
	}
	return number
}

func (g *Generation) keys() string {
	var keys []string
	for _, p := range g.ports {
		keys = append(keys, p.key)
	}
	return strings.Join(keys, ", ")
}

func (e *explainer) describePort(p *port, asked *request) {
	cp := e.gen.sources.ports[p]
	e.out.Port = &AskedPort{
		Key: p.key, Line: cp.Address.Pos.Line, TLS: p.tls != nil, ClientCertificate: p.clientAuth.requires(),
		listens: displayAddress(p),
	}
	if p.store == nil {
		return
	}
	name := strings.Trim(asked.host, "[]")
	if a := e.gen.acme; a != nil && cp.SSL.LetsEncrypt && a.names[name] != nil && !p.store.Covers(name) {
		e.out.Certificate = &Certificate{Names: []string{}, Problem: "the one from letsencrypt, which the server gets by itself"}
		return
	}
	e.out.Certificate = shownCertificate(p, name)
}

// shownCertificate is what the port shows to a current client that asks for
// name.
func shownCertificate(p *port, name string) *Certificate {
	hello := &tls.ClientHelloInfo{
		ServerName:        name,
		SupportedVersions: []uint16{tls.VersionTLS13},
		CipherSuites:      []uint16{tls.TLS_AES_128_GCM_SHA256},
		SupportedCurves:   []tls.CurveID{tls.X25519, tls.CurveP256},
		SupportedPoints:   []uint8{0},
		SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.Ed25519, tls.PSSWithSHA256, tls.PSSWithSHA384},
		SupportedProtos:   []string{"h2", "http/1.1"},
	}
	if addr, err := netip.ParseAddr(name); err == nil { // is never sent as a name
		hello.ServerName = ""
		hello.Conn = arrivedAt{addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))}
	}
	shown, err := p.store.GetCertificate(hello)
	if err != nil {
		return &Certificate{Names: []string{}, Problem: err.Error()}
	}
	c := &Certificate{
		Names:   append([]string{}, shown.Leaf.DNSNames...),
		Issuer:  shown.Leaf.Issuer.CommonName,
		Expires: shown.Leaf.NotAfter.UTC().Format(time.DateOnly),
		Matches: shown.Leaf.VerifyHostname(name) == nil,
	}
	for _, ip := range shown.Leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	return c
}

// arrivedAt is all that a certificate store asks of a connection.
type arrivedAt struct {
	net.Conn
	addr net.Addr
}

// LocalAddr is where the client connected to.
func (c arrivedAt) LocalAddr() net.Addr { return c.addr }

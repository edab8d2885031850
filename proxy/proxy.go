package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// Proxy forwards requests to an upstream, upgrades included. Target and
// Upstream, or Balancer and Hops, and Tunnels and Log are to be set.
type Proxy struct {
	Target   *router.Target
	Upstream *Upstream // made for Target's scheme
	Balancer *Balancer // chooses one of Hops instead; nil: Target it is
	Hops     []Hop     // in the order of Balancer's members
	Errors   *ErrorPage
	Tunnels  *tunnel.Registry // knows the upgraded connections
	Carried  *tunnel.Totals   // counts what those carry; nil for nobody
	Way      string           // to this handler, as tunnel.Entry has it
	Log      *slog.Logger

	// ClientIdle is how long a client may take for each step: to send more
	// of its body while that is waited for, or to take more of the response.
	// 0 means 1 minute.
	ClientIdle time.Duration
	// UpstreamIdle is how long the upstream may take for each step: to begin
	// its response, or to go on with it. A stream that is silent for longer
	// ends; an upgraded connection may be silent for ever. 0 means 2 minutes.
	UpstreamIdle time.Duration
	// KeepOddHeaders forwards request header fields whose names have
	// characters outside [A-Za-z0-9-]; they are dropped otherwise.
	KeepOddHeaders bool
	// Retries is how often a request that has failed is tried again, with
	// another of Hops if there is one, provided that the first try can have
	// had no effect: the connection was not made, or, where the method is one
	// that may be repeated, broke before the first byte of a response; and
	// nothing of the request's body had been read.
	Retries int
	// MaxBody is how many bytes a request's body may have; 413 answers one
	// that has more, and its upstream does not get to see the end of it. 0
	// means any number.
	MaxBody int64
}

const allowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// Serve answers with what the upstream answers: 502 when it cannot be reached
// or makes no sense, 504 when it is too slow. A response that breaks off ends
// in a panic with http.ErrAbortHandler, so that the client does not take it
// for complete.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		w.Header().Set("Allow", allowedMethods)
		p.Errors.Write(w, r, http.StatusMethodNotAllowed, r.Method+" is not forwarded.")
		return
	}
	x := &exchange{p: p, w: w, r: r, m: m, ctx: r.Context()}
	defer x.end()
	if err := x.aim(); err != nil {
		p.Errors.Write(w, r, http.StatusBadRequest, "This address cannot be turned into one of an upstream.")
		return
	}
	if _, ok := r.Header[cleaned]; !ok {
		CleanRequest(r, m.Trusted)
	}
	x.client = clientSide{http.NewResponseController(w), orDefault(p.ClientIdle, defaultClientIdle), r.ProtoMajor >= 2}
	x.watch.idle = orDefault(p.UpstreamIdle, defaultUpstreamIdle)
	x.watch.watch()
	x.body = newRequestBody(r, &x.client, &x.watch, p.MaxBody)

	switch {
	case p.MaxBody > 0 && r.ContentLength > p.MaxBody:
		x.failBody(&http.MaxBytesError{Limit: p.MaxBody})
	case IsUpgrade(r):
		x.upgrade()
	default:
		x.forward()
	}
}

// Hop is one upstream: what to ask it for, and the connections to it.
type Hop struct {
	Target   *router.Target
	Upstream *Upstream // made for Target's scheme
}

// resolve gives where to ask, as HostPort does, and what for.
func (h Hop) resolve(r *http.Request, m *router.Match) (address, uri string, err error) {
	if address, err = h.HostPort(m); err != nil {
		return "", "", err
	}
	if uri, err = h.Target.RequestURI(m); err != nil {
		return "", "", err
	}
	if strings.HasPrefix(uri, "//") { // would be taken for a host
		uri = "/" + strings.TrimLeft(uri, "/")
	}
	if r.URL.ForceQuery && !strings.Contains(uri, "?") {
		uri += "?"
	}
	return address, uri, nil
}

// HostPort is the address as the Upstream's URLs have it. m may be nil for a
// Target that is Static.
func (h Hop) HostPort(m *router.Match) (string, error) {
	if h.Target.Scheme == "unix" {
		path, err := h.Target.Socket(m)
		return socketAddress(path), err
	}
	host, port, err := h.Target.Address(m)
	if err != nil {
		return "", err
	}
	return h.Upstream.address(host, port), nil
}

// Address names where h leads to for m, such as "http://127.0.0.1:80" or
// "unix:/run/app.sock". m may be nil for a Target that is Static.
func (h Hop) Address(m *router.Match) (string, error) {
	if h.Target.Scheme == "unix" {
		path, err := h.Target.Socket(m)
		return "unix:" + path, err
	}
	address, err := h.HostPort(m)
	scheme := h.Target.Scheme
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + address, err
}

// exchange is one request, forwarded, and its response.
type exchange struct {
	p        *Proxy
	w        http.ResponseWriter
	r        *http.Request
	m        *router.Match
	ctx      context.Context         // done when the client has left, or by cancel
	cancel   context.CancelCauseFunc // for a transport of net/http only
	hop      Hop                     // where the request goes, at this try
	lease    lease                   // of hop, from the Balancer
	address  string                  // of hop, as HostPort has it
	uri      string                  // what hop is asked for
	upstream string                  // hop's address, for the log
	client   clientSide
	watch    watchdog
	body     *requestBody // nil when there is none

	try     *attempt  // the present one
	retried int       // tries that have failed
	tried   []*member // who failed
}

// end lets go of everything that the exchange holds.
func (x *exchange) end() {
	x.body.finish() // the one of the last try
	if x.cancel != nil {
		x.watch.stop()
		x.cancel(nil)
	}
	x.lease.end()
}

// aim chooses where the request goes.
func (x *exchange) aim() (err error) {
	x.hop = Hop{x.p.Target, x.p.Upstream}
	if x.p.Balancer != nil {
		x.lease = x.p.Balancer.pick(x.r, x.m, x.tried)
		x.hop = x.p.Hops[x.lease.m.index]
	}
	if x.address, x.uri, err = x.hop.resolve(x.r, x.m); err != nil {
		return err
	}
	x.upstream = x.address
	if x.hop.Target.Scheme == "unix" {
		x.upstream, err = x.hop.Address(x.m)
	}
	return err
}

// forward sends the request and passes on the response.
func (x *exchange) forward() {
	resp, err := x.send()
	for err != nil {
		if !x.again(err) {
			x.fail(err)
			return
		}
		resp, err = x.send()
	}
	defer resp.Body.Close()
	x.respond(resp)
}

func (x *exchange) send() (*http.Response, error) {
	if x.hop.Upstream.pool == nil {
		return x.sendByTransport()
	}
	head := requestHeads.Get().(*requestHead)
	defer head.release()
	head.collect(x.r, x.m, x.p.KeepOddHeaders)
	c, err := x.newCall(head, x.hop.Upstream.settings.NoKeepAlive)
	if err != nil {
		return nil, err
	}
	return x.hop.Upstream.pool.do(c)
}

// newCall makes the call that asks the upstream, with the fields of head, and
// with closes that tells it to close the connection.
func (x *exchange) newCall(head *requestHead, closes bool) (*call, error) {
	c := &call{
		ctx: x.ctx, address: x.address, method: x.r.Method, body: x.body, length: x.r.ContentLength,
		closes: closes, watch: &x.watch, interim: x.inform,
	}
	x.try = &c.attempt
	s := startLine{method: c.method, uri: x.uri, host: x.host(), close: closes, length: -1}
	if s.host == "" {
		s.host = x.address
	}
	switch {
	case x.body == nil:
		if c.method == http.MethodPost || c.method == http.MethodPut || c.method == http.MethodPatch {
			s.length = 0 // many servers insist on it
		}
	case c.length < 0:
		s.chunked = true
		s.trailers = x.body.announce()
	default:
		s.length = c.length
	}
	if x.body != nil && hasToken(x.r.Header["Expect"], "100-continue") {
		c.expects = x.hop.Upstream.expectContinue
	}
	err := head.encode(&s)
	c.head = head.bytes
	return c, err
}

// host is what the upstream sees as Host, "" for its address.
func (x *exchange) host() string {
	if x.r.Host == "" && x.hop.Target.Scheme == "unix" {
		return "localhost" // rather than the socket's path
	}
	return x.r.Host
}

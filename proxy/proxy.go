package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
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
	x := &exchange{p: p, w: w, r: r, m: m}
	to, err := x.aim()
	defer x.lease.end()
	if err != nil {
		p.Errors.Write(w, r, http.StatusBadRequest, "This address cannot be turned into one of an upstream.")
		return
	}
	if _, ok := r.Header[cleaned]; !ok {
		CleanRequest(r, m.Trusted)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x.ctx = ctx
	x.client = clientSide{http.NewResponseController(w), orDefault(p.ClientIdle, defaultClientIdle), r.ProtoMajor >= 2}
	x.watch = newWatchdog(orDefault(p.UpstreamIdle, defaultUpstreamIdle), func() { cancel(errUpstreamIdle) })
	defer x.watch.rest()
	x.body = newRequestBody(r, &x.client, x.watch, p.MaxBody)
	defer func() { x.body.finish() }() // the one of the last try

	switch {
	case p.MaxBody > 0 && r.ContentLength > p.MaxBody:
		x.failBody(&http.MaxBytesError{Limit: p.MaxBody})
	case IsUpgrade(r):
		x.upgrade(to)
	default:
		x.forward(to)
	}
}

// Hop is one upstream: what to ask it for, and the connections to it.
type Hop struct {
	Target   *router.Target
	Upstream *Upstream // made for Target's scheme
}

// resolve gives the URL to ask, in a form that makes net/http send the path
// byte for byte.
func (h Hop) resolve(r *http.Request, m *router.Match) (*url.URL, error) {
	address, err := h.HostPort(m)
	if err != nil {
		return nil, err
	}
	uri, err := h.Target.RequestURI(m)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(uri, "//") { // would be taken for a host
		uri = "/" + strings.TrimLeft(uri, "/")
	}
	if r.URL.ForceQuery && !strings.Contains(uri, "?") {
		uri += "?"
	}
	return &url.URL{Scheme: h.Upstream.scheme(), Host: address, Opaque: uri}, nil
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
	ctx      context.Context // done when the client has left or the watchdog barked
	hop      Hop             // where the request goes, at this try
	lease    lease           // of hop, from the Balancer
	upstream string          // hop's address, for the log
	client   clientSide
	watch    *watchdog
	body     *requestBody // nil when there is none

	try     *attempt  // the present one; not set without Retries
	retried int       // tries that have failed
	tried   []*member // who failed
}

// aim chooses where the request goes, and gives the URL to ask there.
func (x *exchange) aim() (*url.URL, error) {
	x.hop = Hop{x.p.Target, x.p.Upstream}
	if x.p.Balancer != nil {
		x.lease = x.p.Balancer.pick(x.r, x.m, x.tried)
		x.hop = x.p.Hops[x.lease.m.index]
	}
	to, err := x.hop.resolve(x.r, x.m)
	if err != nil {
		return nil, err
	}
	x.upstream = to.Host
	if x.hop.Target.Scheme == "unix" {
		x.upstream, err = x.hop.Address(x.m)
	}
	return to, err
}

// outgoing makes the request that goes to the upstream.
func (x *exchange) outgoing(ctx context.Context, to *url.URL) *http.Request {
	out := x.r.WithContext(ctx)
	out.URL = to
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	out.RequestURI = ""
	out.TransferEncoding = nil
	out.Close = false
	out.Header = requestHeader(x.r, x.p.KeepOddHeaders)
	setForwarded(out.Header, x.r, x.m)
	if out.Host == "" && x.hop.Target.Scheme == "unix" {
		out.Host = "localhost" // rather than the socket's path
	}
	out.Body, out.Trailer = nil, nil
	if x.body == nil {
		out.ContentLength = 0
		return out
	}
	out.Body = x.body
	// On a connection that it means to keep, net/http sends the body even
	// after a refusal, and the client would be told to go on with it.
	out.Close = hasToken(out.Header["Expect"], "100-continue")
	if out.ContentLength < 0 {
		out.Trailer = make(http.Header)
		for name := range x.r.Trailer {
			if isTrailer(name) {
				out.Trailer[name] = nil
			}
		}
		x.body.trailer = out.Trailer
	}
	return out
}

// forward sends the request and passes on the response.
func (x *exchange) forward(to *url.URL) {
	resp, err := x.send(to)
	for err != nil {
		if to = x.again(err); to == nil {
			x.fail(err)
			return
		}
		resp, err = x.send(to)
	}
	defer resp.Body.Close()
	x.respond(resp)
}

func (x *exchange) send(to *url.URL) (*http.Response, error) {
	info := informer{x: x}
	defer info.stop()
	trace := &httptrace.ClientTrace{Got1xxResponse: info.pass}
	if x.p.Retries > 0 {
		x.try = new(attempt)
		x.try.follow(trace, x.watch)
		x.connecting()
	}
	return x.hop.Upstream.RoundTrip(x.outgoing(httptrace.WithClientTrace(x.ctx, trace), to))
}

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

// Proxy forwards requests to an upstream, upgrades included. Target, Upstream,
// Tunnels and Log are to be set.
type Proxy struct {
	Target   *router.Target
	Upstream *Upstream // made for Target's scheme
	Errors   *ErrorPage
	Tunnels  *tunnel.Registry // knows the upgraded connections
	Log      *slog.Logger

	// ClientIdle is how long a client may take for each step: to send more
	// of its body while that is waited for, or to take more of the response.
	// 0 means 2 minutes.
	ClientIdle time.Duration
	// UpstreamIdle is how long the upstream may take for each step: to begin
	// its response, or to go on with it. A stream that is silent for longer
	// ends; an upgraded connection may be silent for ever. 0 means 2 minutes.
	UpstreamIdle time.Duration
	// KeepOddHeaders forwards request header fields whose names have
	// characters outside [A-Za-z0-9-]; they are dropped otherwise.
	KeepOddHeaders bool
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
	to, err := p.resolve(r, m)
	if err != nil {
		p.Errors.Write(w, r, http.StatusBadRequest, "This address cannot be turned into one of an upstream.")
		return
	}
	if _, ok := r.Header[cleaned]; !ok {
		CleanRequest(r, m.Trusted)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x := &exchange{p: p, w: w, r: r, m: m, ctx: ctx, upstream: to.Host}
	x.client = clientSide{http.NewResponseController(w), orDefault(p.ClientIdle, defaultIdle), r.ProtoMajor >= 2}
	x.watch = newWatchdog(orDefault(p.UpstreamIdle, defaultIdle), func() { cancel(errUpstreamIdle) })
	defer x.watch.rest()
	x.body = newRequestBody(r, &x.client, x.watch)
	defer x.body.finish()

	if IsUpgrade(r) {
		x.upgrade(to)
		return
	}
	x.forward(to)
}

// resolve gives the URL to ask, in a form that makes net/http send the path
// byte for byte.
func (p *Proxy) resolve(r *http.Request, m *router.Match) (*url.URL, error) {
	address, err := p.address(m)
	if err != nil {
		return nil, err
	}
	uri, err := p.Target.RequestURI(m)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(uri, "//") { // would be taken for a host
		uri = "/" + strings.TrimLeft(uri, "/")
	}
	if r.URL.ForceQuery && !strings.Contains(uri, "?") {
		uri += "?"
	}
	return &url.URL{Scheme: p.Upstream.scheme(), Host: address, Opaque: uri}, nil
}

func (p *Proxy) address(m *router.Match) (string, error) {
	if p.Target.Scheme == "unix" {
		path, err := p.Target.Socket(m)
		return socketAddress(path), err
	}
	host, port, err := p.Target.Address(m)
	if err != nil {
		return "", err
	}
	return p.Upstream.address(host, port), nil
}

// exchange is one request, forwarded, and its response.
type exchange struct {
	p        *Proxy
	w        http.ResponseWriter
	r        *http.Request
	m        *router.Match
	ctx      context.Context // done when the client has left or the watchdog barked
	upstream string          // its address, for the log
	client   clientSide
	watch    *watchdog
	body     *requestBody // nil when there is none
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
	if out.Host == "" && x.p.Target.Scheme == "unix" {
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
	info := informer{x: x}
	trace := &httptrace.ClientTrace{Got1xxResponse: info.pass}
	resp, err := x.p.Upstream.RoundTrip(x.outgoing(httptrace.WithClientTrace(x.ctx, trace), to))
	info.stop()
	if err != nil {
		x.fail(err)
		return
	}
	defer resp.Body.Close()
	x.respond(resp)
}

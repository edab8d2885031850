package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// Websockify turns a WebSocket into a TCP connection. The target is connected to
// before the handshake is answered, so that a client learns with an HTTP status
// why there is no tunnel.
//
// Where the request has a say in the target, and Allow is nil, the addresses of
// this machine and link and of cloud metadata services are refused; see
// ParseDestinations for what a list changes.
type Websockify struct {
	Target  *router.Target   // where tunnels lead; nil with Tokens
	Tokens  *TokenFile       // lead a request's token to a target; nil: all go to Target
	Token   *router.Template // what the token is; nil: the parameter "token" of the query
	Allow   *Destinations    // nil: no list was given
	Origins []string         // whose pages may connect besides the host's own; see CheckOrigin

	DialTimeout time.Duration // for name lookup and connection together; 0 means 10 s
	Ping        time.Duration // how often the client is pinged; 0 means never
	IdleTimeout time.Duration // 0 means none
	MaxLifetime time.Duration // 0 means none
	MaxTunnels  tunnel.Most   // open at once through this rule

	// Resume is how long the target's connection is kept for a client that has
	// lost its own and can come back; 0 means not at all.
	Resume time.Duration

	// ProxyProtocol is "v1" or "v2" to tell the target the client's address in
	// a PROXY protocol header, or "".
	ProxyProtocol string

	Errors *ErrorPage
	Log    *slog.Logger

	// These are of the server, as tunnels outlive configs. Route is what tunnels
	// of this rule count for, the same under every config that has the rule.
	Tunnels  *tunnel.Registry
	Carried  *tunnel.Totals // counts what the tunnels carry; nil for nobody
	Sessions *tunnel.Sessions
	Counts   *tunnel.Counts
	Route    string
	Way      string // to this handler, as tunnel.Entry has it

	lookup lookupFunc // nil: the system's resolver
	dial   dialFunc   // nil: net.Dialer's
}

// Serve answers r with a tunnel or an error, and returns when the tunnel has
// ended.
func (h *Websockify) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	h.hideSecrets(r, m)
	to, err := h.target(m)
	if unfit := h.check(r, m); unfit != nil {
		err = unfit
	}
	if err != nil {
		h.refuse(w, r, m, h.name(), err)
		return
	}
	if tunnel.WantsResume(r) {
		h.resume(w, r, m, to)
		return
	}
	release, err := h.Counts.Take(tunnel.Holder{Route: h.Route, User: m.User, Address: router.Subscriber(m.Client)}, h.MaxTunnels)
	if err != nil {
		h.refuse(w, r, m, h.name(), err)
		return
	}
	defer release()
	conn, target, err := h.connect(r, m, to)
	if err != nil {
		h.refuse(w, r, m, target, err)
		return
	}
	h.serveTunnel(w, r, m, conn, h.owner(m, to), target)
}

// name is what the log calls the target before it is known.
func (h *Websockify) name() string {
	if h.Tokens != nil {
		return "by token"
	}
	return h.Target.Text
}

// check tells why r gets no tunnel whatever the target.
func (h *Websockify) check(r *http.Request, m *router.Match) error {
	if err := tunnel.CheckHandshake(r); err != nil {
		return err
	}
	if !originAllowed(r, m, h.Origins) {
		from := r.Header.Get("Origin")
		if len(from) > 200 {
			from = from[:200] + "..."
		}
		return &tunnelError{http.StatusForbidden,
			fmt.Sprintf("pages of %q may not connect here", from),
			fmt.Errorf("pages of %q may not connect; if they should, add it to `origins`", from)}
	}
	return nil
}

// connect makes the connection to the target, PROXY protocol header included.
func (h *Websockify) connect(r *http.Request, m *router.Match, to *router.Target) (net.Conn, string, error) {
	conn, target, err := h.dialTarget(r.Context(), m, to)
	if err != nil || h.ProxyProtocol == "" {
		return conn, target, err
	}
	// It fits any socket's buffer, so this does not wait.
	if _, err := conn.Write(proxyHeader(h.ProxyProtocol, clientAddress(r, m), serverAddress(r))); err != nil {
		_ = conn.Close()
		return nil, target, dialError(err)
	}
	return conn, target, nil
}

// serveTunnel answers the handshake and copies until the tunnel ends. It owns
// conn. Its frame is there for as long as the tunnel is, so what needs room for
// a moment is done in functions of its own: the runtime halves a stack of which
// less than a quarter is in use.
func (h *Websockify) serveTunnel(w http.ResponseWriter, r *http.Request, m *router.Match, conn net.Conn, owner tunnel.Owner, target string) {
	// The request's own context ends when net/http says so; a tunnel ends when
	// the registry does.
	ctx, stop := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer stop(nil)
	o, remove := h.register(r, m, owner, target, stop)
	defer remove()

	ws, err := tunnel.Accept(w, r)
	if err != nil {
		_ = conn.Close()
		o.Log.Warn("tunnel refused", "reason", err)
		return
	}
	m.Detach()
	logOpen(o.Log, conn)
	var stats tunnel.Stats
	if ws.CanResume() {
		stats, err = h.Sessions.Open(ctx, ws, conn, o)
	} else {
		stats, err = tunnel.Join(ctx, ws, conn, o.Options)
	}
	m.BytesIn, m.BytesOut = stats.Received, stats.Sent
	logClosed(o.Log, &stats, err)
}

// register adds a tunnel that stop ends to the registry, until remove.
func (h *Websockify) register(r *http.Request, m *router.Match, owner tunnel.Owner, target string, stop context.CancelCauseFunc) (o *tunnel.Opening, remove func()) {
	client := logAddress(clientAddress(r, m))
	meter := &tunnel.Meter{Totals: h.Carried}
	entry := &tunnel.Entry{
		Way: h.Way, Rule: ruleName(m), User: m.User, Meter: meter, Client: client, Target: target, Started: time.Now(),
		Close: func(reason string) { stop(errors.New(reason)) },
	}
	leave := new(tunnel.Leave)
	if tunnel.WantsSession(r) {
		entry.Leave = leave.Ask
	}
	return &tunnel.Opening{
		Options: tunnel.Options{Ping: h.Ping, IdleTimeout: h.IdleTimeout, MaxLifetime: h.MaxLifetime, Meter: meter},
		Owner:   owner, Client: m.Client.String(), Hold: h.Resume, Leave: leave,
		Log:   h.Log.With("rule", entry.Rule, "client", client, "target", target),
		Moved: func(way string) { h.Tunnels.Move(entry, way) },
	}, h.Tunnels.Add(entry)
}

//go:noinline
func logOpen(log *slog.Logger, conn net.Conn) {
	log.Info("tunnel open", "address", conn.RemoteAddr())
}

func logClosed(log *slog.Logger, stats *tunnel.Stats, err error) {
	closed := []any{"in", stats.Received, "out", stats.Sent, "duration", stats.Duration.Round(time.Millisecond), "reason", stats.Reason}
	if err != nil {
		closed = append(closed, "error", err)
	}
	log.Info("tunnel closed", closed...)
}

// refuse answers with the status and reason of err, and logs it.
func (h *Websockify) refuse(w http.ResponseWriter, r *http.Request, m *router.Match, target string, err error) {
	if r.Context().Err() != nil {
		return // the client has left: there is nobody to tell and nothing wrong
	}
	var handshake *tunnel.HandshakeError
	if errors.As(err, &handshake) {
		h.refuseHandshake(w, r, m, handshake)
		return
	}
	status, reason := refusal(err)
	h.Log.Warn("tunnel refused", "rule", ruleName(m), "client", logAddress(clientAddress(r, m)),
		"target", target, "status", status, "reason", err.Error())
	h.Errors.Write(w, r, status, reason)
}

// refusal gives the status and the reason that a client gets for err, which is
// not about its handshake.
func refusal(err error) (status int, reason string) {
	var refused *tunnelError
	var full *tunnel.FullError
	switch {
	case errors.As(err, &refused):
		return refused.status, refused.reason
	case errors.As(err, &full):
		return http.StatusServiceUnavailable, fullReasons[full.Of]
	case errors.Is(err, router.ErrCapture):
		return http.StatusBadRequest, "the address is not one that can lead anywhere"
	}
	return http.StatusBadGateway, "the target cannot be reached"
}

// fullReasons are what a client is told when a limit of maxTunnels is reached.
var fullReasons = map[string]string{
	"route":   "too many tunnels are open",
	"user":    "you have too many tunnels open",
	"address": "too many tunnels are open from your address",
}

// refuseHandshake answers what is no WebSocket. That is not logged: every visit
// of a browser to the address is one.
func (h *Websockify) refuseHandshake(w http.ResponseWriter, r *http.Request, m *router.Match, err *tunnel.HandshakeError) {
	reason := err.Msg
	if err.Status == http.StatusUpgradeRequired {
		if r.ProtoMajor == 1 { // HTTP/2 has no such fields
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
		}
		if err.Version {
			w.Header().Set("Sec-WebSocket-Version", "13")
		} else {
			reason = "this address is a TCP service behind a WebSocket: use dewebsockify " + tunnelURL(m) + " PORT"
		}
	}
	h.Errors.Write(w, r, err.Status, reason)
}

// tunnelURL is the address a client of the tunnel would use.
func tunnelURL(m *router.Match) string {
	scheme, host := "ws://", m.Host
	if m.TLS {
		scheme = "wss://"
	}
	if host == "" {
		host = "HOST"
	}
	if m.Port != "" {
		host += ":" + m.Port
	}
	return scheme + host + m.Forward
}

// ruleName is the rule as logs and lists have it; "" for a port's only target.
func ruleName(m *router.Match) string {
	if m.Rule == nil {
		return ""
	}
	return m.Rule.String()
}

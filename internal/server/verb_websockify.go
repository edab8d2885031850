package server

import (
	"errors"
	"time"

	"httpmaster/config"
	"httpmaster/internal/tunnel"
	"httpmaster/proxy"
	"httpmaster/router"
)

// defaultPing is how often a tunnel's client is pinged: more often than the
// proxies and address translators on the way forget a silent connection.
const defaultPing = 25 * time.Second

// defaultResume is how long a tunnel's client may be away and come back.
const defaultResume = 5 * time.Minute

func (b *builder) websockify(v *config.Websockify, at place, next router.Handler) router.Handler {
	h := &proxy.Websockify{
		DialTimeout:   v.DialTimeout,
		Ping:          pingInterval(v),
		IdleTimeout:   v.IdleTimeout,
		MaxLifetime:   v.MaxLifetime,
		MaxTunnels:    tunnel.Most(v.MaxTunnels),
		ProxyProtocol: v.ProxyProtocol.Value,
		Errors:        at.errors,
		Resume:        resumeTime(v),
		Tunnels:       &b.server.tunnels,
		Carried:       &at.tally.tunnels,
		Sessions:      b.server.sessions,
		Counts:        &b.server.counts,
		Route:         at.route,
		Way:           b.way(at, v),
		Log:           b.server.log,
	}
	for _, origin := range v.Origins {
		if err := proxy.CheckOrigin(origin.Value); err != nil {
			b.faults.Errorf(origin.Pos, "origins: %v", err)
		}
		h.Origins = append(h.Origins, origin.Value)
	}
	if v.Allow != nil {
		h.Allow = b.destinations(v.Allow)
	}
	if v.Tokens.Value != "" {
		b.tokens(h, v, at)
		return h
	}
	target := b.parseTarget(v.Target, at)
	if target == nil {
		return next
	}
	if err := proxy.CheckTunnelTarget(target); err != nil {
		b.faults.Errorf(v.Target.Pos, "websockify %q: %v", v.Target.Value, err)
	}
	h.Target = target
	b.leadsTo(v.Target, target, at)
	if target.FromRequest() && v.Allow == nil && !at.guarded {
		b.faults.Warnf(v.Target.Pos, "open relay: the request chooses the host or port of %q and anybody may ask; add `allow: [\"*.lan:22\"]` to it, or `auth` or `allow` before it", v.Target.Value)
	}
	return h
}

// tokens gives h its token file and where the token is.
func (b *builder) tokens(h *proxy.Websockify, v *config.Websockify, at place) {
	file := b.cfg.Resolve(v.Tokens.Value)
	tokens, release, err := b.server.shared.tokens.get(file, func() (*proxy.TokenFile, error) {
		return proxy.OpenTokenFile(file, b.server.log)
	})
	if err == nil {
		b.gen.releases = append(b.gen.releases, release)
		err = tokens.Look() // it may be one that has been open for long
	}
	if err != nil {
		b.faults.Errorf(v.Tokens.Pos, "tokens: %v", err)
	}
	h.Tokens = tokens
	if v.Token.Value == "" {
		return
	}
	if h.Token, err = router.ParseTemplate(v.Token.Value, at.scope); err != nil {
		b.syntaxError(v.Token, "token", err)
	} else if _, literal := h.Token.Literal(); literal {
		b.faults.Errorf(v.Token.Pos, "token: every request has the token %q; write a macro such as \"[1]\"", v.Token.Value)
	}
}

// destinations parses a websockify's allow list; each fault has its entry's
// place.
func (b *builder) destinations(entries []config.Text) *proxy.Destinations {
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = e.Value
	}
	allow, err := proxy.ParseDestinations(texts)
	var wrong *proxy.DestinationError
	switch {
	case errors.As(err, &wrong):
		b.faults.Errorf(entries[wrong.Index].Pos, "allow %q: %s", entries[wrong.Index].Value, wrong.Msg)
	case err != nil:
		b.faults.Errorf(entries[0].Pos, "allow: %v", err)
	}
	return allow
}

func pingInterval(v *config.Websockify) time.Duration {
	if v.Ping == nil {
		return defaultPing
	}
	return *v.Ping
}

func resumeTime(v *config.Websockify) time.Duration {
	if v.Resume == nil {
		return defaultResume
	}
	return *v.Resume
}

package server

import (
	"strings"

	"httpmaster/config"
	"httpmaster/proxy"
	"httpmaster/router"
)

func (b *builder) proxy(v *config.Proxy, at place, next router.Handler) router.Handler {
	target := b.parseTarget(v.Target, at)
	if target == nil {
		return next
	}
	if err := proxy.CheckTarget(target); err != nil {
		b.faults.Errorf(v.Target.Pos, "target %q: %v", v.Target.Value, err)
		return next
	}
	b.warnOfLoop(v, target, at)
	upstream, err := b.upstream(target, at)
	if err != nil {
		b.faults.Errorf(v.Target.Pos, "target %q: %v", v.Target.Value, err)
		return next
	}
	return &proxy.Proxy{
		Target:       target,
		Upstream:     upstream,
		Errors:       at.errors,
		Tunnels:      &b.server.tunnels,
		Log:          b.server.log,
		ClientIdle:   firstOf(at.port.ProxyTimeout, b.cfg.ProxyTimeout),
		UpstreamIdle: firstOf(at.port.ProxyTargetTimeout, b.cfg.ProxyTargetTimeout),
	}
}

// upstream gives the connection pool for target, shared with every rule and
// every generation whose settings are the same.
func (b *builder) upstream(target *router.Target, at place) (*proxy.Upstream, error) {
	agent := b.cfg.Agent
	if at.port.Agent != (config.Agent{}) {
		agent = at.port.Agent
	}
	settings := proxy.UpstreamSettings{
		Scheme:      target.Scheme,
		NoKeepAlive: agent.KeepAlive != nil && !*agent.KeepAlive,
		MaxConns:    agent.MaxSockets,
		MaxIdle:     agent.MaxFreeSockets,
		IdleTimeout: agent.KeepAliveTime,
	}
	upstream, release, err := b.server.shared.upstreams.get(settings, func() (*proxy.Upstream, error) {
		return proxy.NewUpstream(settings), nil
	})
	if err != nil {
		return nil, err
	}
	b.gen.releases = append(b.gen.releases, release)
	return upstream, nil
}

// warnOfLoop finds the way http-master's README wrote redirects: a target of
// https:// and the rule's own host, which makes the server its own upstream.
func (b *builder) warnOfLoop(v *config.Proxy, target *router.Target, at place) {
	if at.pattern == nil || target.Scheme != "https" && target.Scheme != "http" || target.Port != nil {
		return
	}
	own, _, literal := at.pattern.LiteralHost()
	host, fixed := target.Host.Literal()
	patternHost, _, _ := strings.Cut(at.pattern.String(), "/")
	_, written, _ := strings.Cut(v.Target.Value, "://")
	written, _, _ = strings.Cut(written, "/")
	same := literal && fixed && host == own ||
		written == "[host]" || written == "[1]" && patternHost == "*"
	if same {
		b.faults.Warnf(v.Target.Pos, "this forwards %q to itself, a loop: did you mean `redirect -> %s`?", at.pattern, v.Target.Value)
	}
}

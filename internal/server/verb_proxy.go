package server

import (
	"cmp"
	"path/filepath"
	"strings"

	"httpmaster/config"
	"httpmaster/proxy"
	"httpmaster/router"
)

func (b *builder) proxy(v *config.Proxy, at place, next router.Handler) router.Handler {
	p := &proxy.Proxy{
		Errors:         at.errors,
		Tunnels:        &b.server.tunnels,
		Carried:        &at.tally.tunnels,
		Way:            b.way(at, v),
		Log:            b.server.log,
		ClientIdle:     cmp.Or(v.ClientTimeout, at.port.ProxyTimeout, b.cfg.ProxyTimeout),
		UpstreamIdle:   cmp.Or(v.Timeout, at.port.ProxyTargetTimeout, b.cfg.ProxyTargetTimeout, b.agent(at).Timeout),
		KeepOddHeaders: at.port.KeepOddHeaders,
		Retries:        retries(v),
		MaxBody:        v.MaxBody,
	}
	if v.Targets != nil {
		if !b.balance(p, v, at) {
			return next
		}
		return p
	}
	hop, ok := b.hop(v.Target, v, at)
	if !ok {
		return next
	}
	if v.Health == nil {
		p.Target, p.Upstream = hop.Target, hop.Upstream
		return p
	}
	if !b.fixed(v.Target, hop, "health checks need") {
		return next
	}
	b.balanceHops(p, v, at, []proxy.Hop{hop}, []int{1})
	return p
}

// retries is how often a request may be tried again.
func retries(v *config.Proxy) int {
	switch {
	case v.Retries != nil:
		return *v.Retries
	case len(v.Targets) > 1:
		return 1
	}
	return 0
}

// hop makes an upstream of what the config names. It is not ok when faulty,
// and the fault is reported.
func (b *builder) hop(text config.Text, v *config.Proxy, at place) (hop proxy.Hop, ok bool) {
	target := b.parseTarget(text, at)
	if target == nil {
		return hop, false
	}
	if err := proxy.CheckTarget(target); err != nil {
		b.faults.Errorf(text.Pos, "target %q: %v", text.Value, err)
		return hop, false
	}
	b.warnOfLoop(text, target, at)
	b.leadsTo(text, target, at)
	upstream, err := b.upstream(b.upstreamSettings(target, v, at))
	if err != nil {
		b.faults.Errorf(text.Pos, "target %q: %v", text.Value, err)
		return hop, false
	}
	return proxy.Hop{Target: target, Upstream: upstream}, true
}

// fixed tells whether the hop's address is known now, and reports it if not.
func (b *builder) fixed(text config.Text, hop proxy.Hop, who string) bool {
	if hop.Target.Static() {
		return true
	}
	b.faults.Errorf(text.Pos, "target %q: %s a fixed address, write it without [ ]", text.Value, who)
	return false
}

// balance gives p several targets. It is false when something is wrong with
// them, and that is reported.
func (b *builder) balance(p *proxy.Proxy, v *config.Proxy, at place) (ok bool) {
	var (
		hops    []proxy.Hop
		weights []int
	)
	lines := make(map[string]int)
	ok = true
	for _, t := range v.Targets {
		hop, valid := b.hop(t.Target, v, at)
		if !valid || !b.fixed(t.Target, hop, "each of several targets needs") {
			ok = false
			continue
		}
		if line := lines[t.Target.Value]; line > 0 {
			b.faults.Errorf(t.Target.Pos, "target %q is on line %d already; for a greater share write {target: %[1]q, weight: 2} once", t.Target.Value, line)
			ok = false
		}
		lines[t.Target.Value] = t.Target.Pos.Line
		hops = append(hops, hop)
		weights = append(weights, t.Weight)
	}
	if ok {
		b.balanceHops(p, v, at, hops, weights)
	}
	return ok
}

// balanceHops sets the balancer of p. One whose settings did not change is the
// old one, with what it knows of its targets.
func (b *builder) balanceHops(p *proxy.Proxy, v *config.Proxy, at place, hops []proxy.Hop, weights []int) {
	s := proxy.BalancerSettings{
		Policy:     proxy.Policy(v.Balance.Value),
		Cookie:     v.Cookie.Value,
		EjectAfter: v.Eject.Failures,
		EjectFor:   v.Eject.For,
		SlowStart:  v.SlowStart,
	}
	if s.Policy == proxy.Sticky {
		s.Salt = b.salt()
	}
	if h := v.Health; h != nil {
		s.Health = &proxy.HealthCheck{
			Path: h.Path.Value, Interval: h.Interval, Timeout: h.Timeout, Status: h.Status, Rise: h.Rise, Fall: h.Fall,
		}
	}
	for i, hop := range hops {
		member := proxy.MemberSettings{Weight: weights[i], Scheme: hop.Target.Scheme}
		// Neither can fail for an address that is fixed.
		member.Address, _ = hop.Address(nil)
		member.HostPort, _ = hop.HostPort(nil)
		s.Members = append(s.Members, member)
	}
	balancer, release, _ := b.server.shared.balancers.get(s.Key(), func() (*proxy.Balancer, error) {
		return proxy.NewBalancer(s, b.server.log), nil
	})
	b.gen.releases = append(b.gen.releases, release)
	b.gen.checked = append(b.gen.checked, balancer)
	b.gen.balanced = append(b.gen.balanced, balanced{at.into.key, at.rule(), balancer})
	p.Balancer, p.Hops = balancer, hops
}

// salt makes the cookies of this config differ from those of others. It stays
// when the config is changed or the server started again, as the cookies must.
func (b *builder) salt() string {
	if file, err := filepath.Abs(b.cfg.File); err == nil {
		return file
	}
	return b.cfg.File
}

// agent is the port's own agentSettings, or else those of the config.
func (b *builder) agent(at place) config.Agent {
	if at.port.Agent != (config.Agent{}) {
		return at.port.Agent
	}
	return b.cfg.Agent
}

func (b *builder) upstreamSettings(target *router.Target, v *config.Proxy, at place) proxy.UpstreamSettings {
	agent := b.agent(at)
	return proxy.UpstreamSettings{
		Scheme:      target.Scheme,
		NoKeepAlive: agent.KeepAlive != nil && !*agent.KeepAlive,
		MaxConns:    agent.MaxSockets,
		MaxIdle:     agent.MaxFreeSockets,
		IdleTimeout: agent.KeepAliveTime,
		DialTimeout: v.ConnectTimeout,
	}
}

// upstream gives the connection pool with these settings, shared with every
// rule and every generation that has the same.
func (b *builder) upstream(settings proxy.UpstreamSettings) (*proxy.Upstream, error) {
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
func (b *builder) warnOfLoop(text config.Text, target *router.Target, at place) {
	if at.pattern == nil || target.Scheme != "https" && target.Scheme != "http" || target.Port != nil {
		return
	}
	own, _, literal := at.pattern.LiteralHost()
	host, fixed := target.Host.Literal()
	_, written, _ := strings.Cut(text.Value, "://")
	written, _, _ = strings.Cut(written, "/")
	same := literal && fixed && host == own ||
		written == "[host]" || written == "[1]" && hostText(at.pattern) == "*"
	if same {
		b.faults.Warnf(text.Pos, "this forwards %q to itself, a loop: did you mean `redirect -> %s`?", at.pattern, text.Value)
	}
}

package config

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// proxyTable is the object form of proxy.
var proxyTable = table[Proxy]{
	keys: []key[Proxy]{
		in("target", text, func(v *Proxy) *Text { return &v.Target },
			"required, or targets", "the upstream's port, address or URL"),
		in("targets", weightedTargets, func(v *Proxy) *[]WeightedTarget { return &v.Targets },
			"required, or target", "several upstreams, each with its weight if they are not equals"),
		in("balance", choice("roundRobin", "leastConn", "ipHash", "cookie"), func(v *Proxy) *Text { return &v.Balance },
			"roundRobin", "who of the targets gets a request: each in turn, the least busy, by the client's address, by a cookie"),
		in("cookie", cookieName, func(v *Proxy) *Text { return &v.Cookie },
			"hm-upstream", "name of the cookie of balance: cookie"),
		in("health", health, func(v *Proxy) **Health { return &v.Health },
			"none", "requests that find out which targets are well"),
		in("eject", eject, func(v *Proxy) *Eject { return &v.Eject },
			"{failures: 3, for: 10s}", "when to leave a target alone because requests to it failed; false is never"),
		in("retries", optional(whole(0, 10)), func(v *Proxy) **int { return &v.Retries },
			"1 with several targets, else 0", "further tries of a request that may be tried again"),
		in("slowStart", duration, func(v *Proxy) *time.Duration { return &v.SlowStart },
			"0", "how long a target that came back gets less than its share; 0 is not at all"),
		in("connectTimeout", above0(duration), func(v *Proxy) *time.Duration { return &v.ConnectTimeout },
			"10s", "how long connecting to a target may take"),
		in("timeout", above0(duration), func(v *Proxy) *time.Duration { return &v.Timeout },
			"the port's proxyTargetTimeout", "how long the upstream may be silent during a request"),
		in("clientTimeout", above0(duration), func(v *Proxy) *time.Duration { return &v.ClientTimeout },
			"the port's proxyTimeout", "how long the client may be silent during a request"),
		in("maxBody", size, func(v *Proxy) *int64 { return &v.MaxBody },
			"0", "largest body of a request; 0 is no limit"),
	},
	check: checkProxy,
	rules: []schema{
		{"oneOf": []schema{needs("target"), needs("targets")}},
		{"if": needs("cookie"), "then": schema{"required": []string{"balance"}, "properties": schema{"balance": enum("cookie")}}},
	},
}

func checkProxy(l *loader, what string, n *yaml.Node, v *Proxy) {
	switch {
	case v.Target.Value == "" && v.Targets == nil:
		l.errorf(n, `%s needs "target" or "targets": the upstream's port, address or URL`, what)
	case v.Target.Value != "" && v.Targets != nil:
		l.faults.Errorf(v.Target.Pos, `%s has both "target" and "targets"; write all of them under "targets"`, what)
	case v.Cookie.Value != "" && v.Balance.Value != "cookie":
		l.faults.Errorf(v.Cookie.Pos, `"cookie" has no effect without "balance: cookie"; add that, or remove this`)
	case len(v.Targets) <= 1:
		l.warnSingle(l.pairs(n, what), "balance", "cookie", "eject", "slowStart")
	}
}

// warnSingle finds those of the keys that say something about one target and
// the others, where there are no others.
func (l *loader) warnSingle(pairs []pair, keys ...string) {
	for _, p := range pairs {
		if slices.Contains(keys, p.key.Value) {
			l.warnf(p.key, `%s has no effect with a single target; name several under "targets", or remove it`, quote(p.key.Value))
		}
	}
}

// weightedTargets are proxy's targets: text, or maps with a weight.
var weightedTargets = kind[[]WeightedTarget]{"list of targets", anyOf(
	anyText,
	schema{"type": "array", "minItems": 1, "items": anyOf(anyText, ref("targets"))},
), func(l *loader, name string, n *yaml.Node, into *[]WeightedTarget) {
	items, ok := l.items(n, name)
	if !ok {
		return
	}
	if len(items) == 0 {
		l.errorf(n, "%s is empty; write at least one", name)
		return
	}
	for _, item := range items {
		var t WeightedTarget
		if item.Kind == yaml.MappingNode {
			weightedTable.read(l, "an element of "+name, item, &t)
			if len(items) == 1 {
				l.warnSingle(l.pairs(item, name), "weight")
			}
		} else {
			readText(l, "an element of "+name, item, &t.Target)
		}
		*into = append(*into, t)
	}
}}

var weightedTable = table[WeightedTarget]{keys: []key[WeightedTarget]{
	must(in("target", text, func(t *WeightedTarget) *Text { return &t.Target },
		"", "the upstream's port, address or URL")),
	in("weight", whole(1, 1000), func(t *WeightedTarget) *int { return &t.Weight },
		"1", "share of the requests against the weights of the others"),
}}

var cookieName = kind[Text]{"name of a cookie", pattern(tokenPattern), func(l *loader, name string, n *yaml.Node, into *Text) {
	t, ok := l.scalarText(n, name)
	if !ok {
		return
	}
	if !isToken(t.Value) { // RFC 6265, section 4.1.1
		l.errorf(n, "%s cannot be the name of a cookie", quote(t.Value))
		return
	}
	*into = t
}}

// health is proxy's health.
var health = kind[*Health]{"map", ref("health"), func(l *loader, name string, n *yaml.Node, into **Health) {
	*into = &Health{Pos: position(n)}
	healthTable.read(l, name, n, *into)
}}

var healthTable = table[Health]{keys: []key[Health]{
	in("path", healthPath, func(h *Health) *Text { return &h.Path },
		"/", "what is asked for"),
	in("interval", above0(duration), func(h *Health) *time.Duration { return &h.Interval },
		"10s", "time between two requests to a target"),
	in("timeout", above0(duration), func(h *Health) *time.Duration { return &h.Timeout },
		"2s", "how long an answer may take"),
	in("status", whole(100, 599), func(h *Health) *int { return &h.Status },
		"any from 200 to 399", "the only good answer"),
	in("rise", whole(1, 1000), func(h *Health) *int { return &h.Rise },
		"2", "good answers in a row until a target is used again"),
	in("fall", whole(1, 1000), func(h *Health) *int { return &h.Fall },
		"3", "bad answers in a row until a target is no longer used"),
}}

var healthPath = kind[Text]{"path", pattern(`^/[^ \t#]*$`), func(l *loader, name string, n *yaml.Node, into *Text) {
	t, ok := l.scalarText(n, name)
	if !ok {
		return
	}
	if !strings.HasPrefix(t.Value, "/") || strings.ContainsAny(t.Value, " \t#") {
		l.errorf(n, `%s must be a path such as /health, not %s`, name, quote(t.Value))
		return
	}
	*into = t
}}

// eject is proxy's eject. false is written where a map could be.
var eject = kind[Eject]{"map or false", anyOf(enum(false), ref("eject")), func(l *loader, name string, n *yaml.Node, into *Eject) {
	switch {
	case n.Kind != yaml.ScalarNode:
		ejectTable.read(l, name, n, into)
	case n.Tag == "!!bool" && strings.EqualFold(n.Value, "false"):
		into.Failures = -1
	default:
		l.errorf(n, "%s must be false, or a map such as {failures: 3, for: 10s}, which holds without it", name)
	}
}}

var ejectTable = table[Eject]{keys: []key[Eject]{
	in("failures", whole(1, 1000), func(e *Eject) *int { return &e.Failures },
		"3", "failed requests in a row after which a target is left alone"),
	in("for", above0(duration), func(e *Eject) *time.Duration { return &e.For },
		"10s", "how long it is left alone"),
}}

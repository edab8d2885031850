package config

import (
	"time"

	"gopkg.in/yaml.v3"
)

var websockifyTable = table[Websockify]{keys: []key[Websockify]{
	in("target", text, func(v *Websockify) *Text { return &v.Target },
		"required, or tokens", "the port or address to connect to"),
	in("tokens", file, func(v *Websockify) *Text { return &v.Tokens },
		"required, or target", "file of the addresses to connect to, each behind its token"),
	in("token", text, func(v *Websockify) *Text { return &v.Token },
		"the parameter `token` of the query", "what the token is, with macros, such as \"[1]\""),
	in("allow", texts, func(v *Websockify) *[]Text { return &v.Allow },
		"no restriction, but see the target rules", "the only destinations allowed, as host:ports"),
	in("origins", texts, func(v *Websockify) *[]Text { return &v.Origins },
		"the request's own host", "origins whose pages may connect"),
	in("dialTimeout", above0(duration), func(v *Websockify) *time.Duration { return &v.DialTimeout },
		"10s", "how long connecting to the target may take"),
	in("ping", optional(duration), func(v *Websockify) **time.Duration { return &v.Ping },
		"25s", "time between pings; 0 is off"),
	in("idleTimeout", duration, func(v *Websockify) *time.Duration { return &v.IdleTimeout },
		"0", "how long a tunnel may be silent; 0 is for ever"),
	in("maxLifetime", duration, func(v *Websockify) *time.Duration { return &v.MaxLifetime },
		"0", "how long a tunnel may live; 0 is for ever"),
	in("maxTunnels", maxTunnels, func(v *Websockify) *MaxTunnels { return &v.MaxTunnels },
		"0", "tunnels of this rule at a time, in all or also of one user and address; 0 is no limit"),
	in("resume", optional(duration), func(v *Websockify) **time.Duration { return &v.Resume },
		"5m", "how long a client that was cut off may take to come back; 0 is off"),
	in("proxyProtocol", choice("v1", "v2"), func(v *Websockify) *Text { return &v.ProxyProtocol },
		"off", "tell the target the client's address by the PROXY protocol"),
},
	check: checkWebsockify,
	rules: []schema{
		{"oneOf": []schema{needs("target"), needs("tokens")}},
		{"if": needs("token"), "then": needs("tokens")},
	},
}

func checkWebsockify(l *loader, what string, n *yaml.Node, v *Websockify) {
	switch {
	case v.Target.Value == "" && v.Tokens.Value == "":
		l.errorf(n, `%s needs "target" or "tokens": the address to connect to, or a file of such`, what)
	case v.Target.Value != "" && v.Tokens.Value != "":
		l.faults.Errorf(v.Tokens.Pos, `%s has both "target" and "tokens"; remove one of them`, what)
	case v.Token.Value != "" && v.Tokens.Value == "":
		l.faults.Errorf(v.Token.Pos, `"token" has no effect without "tokens"; add that, or remove this`)
	}
}

// maxTunnels is a number, or a map that has it as route.
var maxTunnels = kind[MaxTunnels]{"whole number, or a map", anyOf(integer(0, 1_000_000), ref("maxTunnels")), func(l *loader, name string, n *yaml.Node, into *MaxTunnels) {
	if n.Kind == yaml.MappingNode {
		maxTunnelsTable.read(l, name, n, into)
		return
	}
	whole(0, 1_000_000).read(l, name, n, &into.Route)
}}

var maxTunnelsTable = table[MaxTunnels]{keys: []key[MaxTunnels]{
	in("route", whole(0, 1_000_000), func(m *MaxTunnels) *int { return &m.Route },
		"0", "tunnels of this rule at a time; 0 is no limit"),
	in("user", whole(0, 1_000_000), func(m *MaxTunnels) *int { return &m.User },
		"0", "those of one user of `auth`; 0 is no limit"),
	in("address", whole(0, 1_000_000), func(m *MaxTunnels) *int { return &m.Address },
		"0", "those of one client, an IPv4 address or an IPv6 /64; 0 is no limit"),
}}

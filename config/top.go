package config

import (
	"net/netip"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// topTable is the config itself.
var topTable = table[Config]{
	keys: []key[Config]{
		must(in("ports", portMap, func(c *Config) *[]*Port { return &c.Ports },
			"", "the addresses to listen on, and what is served at each")),
		in("middleware", middlewareList, func(c *Config) *[]*Target { return &c.Middleware },
			"none", "chain elements that every request passes first, before the port's own"),
		in("modules", object("modules", &modulesTable), func(c *Config) *Modules { return &c.Modules },
			"none", "services that belong to no single port"),
		in("watchConfig", boolean, func(c *Config) *bool { return &c.WatchConfig },
			"false", "reload when this file changes"),
		in("user", text, func(c *Config) *Text { return &c.User },
			"stay", "user to become once the ports are open"),
		in("group", text, func(c *Config) *Text { return &c.Group },
			"the user's", "group to become once the ports are open"),
		in("silent", boolean, func(c *Config) *bool { return &c.Silent },
			"false", "no notices on the terminal"),
		in("errorHtmlFile", file, func(c *Config) *Text { return &c.ErrorHTMLFile },
			"built in", "page for errors; pictures beside it are put into it"),
		in("agentSettings", agent, func(c *Config) *Agent { return &c.Agent },
			"keys below", "the pool of connections to upstreams"),
		in("proxyTimeout", millis, func(c *Config) *time.Duration { return &c.ProxyTimeout },
			"60000", "how long a client's connection may be silent during a request; 0 is the default"),
		in("proxyTargetTimeout", millis, func(c *Config) *time.Duration { return &c.ProxyTargetTimeout },
			"120000", "how long an upstream may be silent during a request; 0 is the default"),
		in("trustedProxies", networks, func(c *Config) *[]netip.Prefix { return &c.TrustedProxies },
			"none", "peers whose X-Forwarded headers are believed"),
		in("limits", limits, func(c *Config) *Limits { return &c.Limits },
			"keys below", "what connections of clients may be, and how slow, on every port"),
		in("staleTunnels", optional(orNever(duration)), func(c *Config) **time.Duration { return &c.StaleTunnels },
			"5m", "how long a tunnel stays open when a reload has changed or removed its rule; 0 closes it at once"),
		in("shutdownTimeout", above0(duration), func(c *Config) *time.Duration { return &c.ShutdownTimeout },
			"30s", "how long requests under way may take when the server stops"),
		ignored[Config]("workerCount", "one process uses every processor"),
		ignored[Config]("skipWorkerSessionResumption", "there are no workers; sessions resume by tickets"),
		ignored[Config]("debug", "the check and explain commands show what was read"),
		refused[Config]("logging", `write modules: {appLog: file} for the program's own log and middleware: ["log -> file"] for the access log`),
	},
	stray: func(name string) string {
		if isDigits(name) || strings.Contains(name, ":") {
			return `an address to listen on belongs under "ports"`
		}
		return ""
	},
}

var modulesTable = table[Modules]{keys: []key[Modules]{
	in("admin", admin, func(m *Modules) *Admin { return &m.Admin },
		"true", "a Unix socket for the commands that look into the server"),
	in("appLog", appLog, func(m *Modules) *AppLog { return &m.AppLog },
		"standard error", "the program's own log"),
	in("letsencrypt", letsEncrypt, func(m *Modules) **LetsEncrypt { return &m.LetsEncrypt },
		"none", "certificates by ACME, for the ports with letsencrypt: true"),
	in("metrics", metrics, func(m *Modules) **Metrics { return &m.Metrics },
		"false", "figures for Prometheus, on an address of their own"),
}}

var letsEncrypt = kind[*LetsEncrypt]{"map", ref("letsencrypt"), func(l *loader, name string, n *yaml.Node, into **LetsEncrypt) {
	le := &LetsEncrypt{Pos: position(n)}
	before := l.faults.errors
	letsEncryptTable.read(l, name, n, le)
	if !le.AgreeTOS && l.faults.errors == before {
		l.errorf(n, `letsencrypt needs "agreeTos: true": certificates are only given to those who agree to the authority's terms`)
	}
	*into = le
}}

var letsEncryptTable = table[LetsEncrypt]{rules: []schema{isTrue("agreeTos")}, keys: []key[LetsEncrypt]{
	must(in("configDir", folder, func(le *LetsEncrypt) *Text { return &le.ConfigDir },
		"", "folder that keeps the account and the certificates between runs")),
	in("email", text, func(le *LetsEncrypt) *Text { return &le.Email },
		"none", "where the authority writes to when something is wrong"),
	in("agreeTos", boolean, func(le *LetsEncrypt) *bool { return &le.AgreeTOS },
		"required", "true: you agree to the authority's terms of service"),
	in("domains", texts, func(le *LetsEncrypt) *[]Text { return &le.Domains },
		"none", "names to have certificates for besides the literal hosts of the rules"),
	in("server", text, func(le *LetsEncrypt) *Text { return &le.Server },
		"Let's Encrypt", "directory URL of another authority"),
	in("caFile", file, func(le *LetsEncrypt) *Text { return &le.CAFile },
		"the system's", "roots to trust when talking to the server"),
}}

// agent is agentSettings, at the top or at a port.
var agent = kind[Agent]{"map", ref("agentSettings"), func(l *loader, name string, n *yaml.Node, into *Agent) {
	into.Pos = position(n)
	agentTable.read(l, name, n, into)
}}

var agentTable = table[Agent]{keys: []key[Agent]{
	in("keepAlive", optional(boolean), func(a *Agent) **bool { return &a.KeepAlive },
		"true", "use a connection for more than one request"),
	in("maxSockets", whole(0, 1_000_000), func(a *Agent) *int { return &a.MaxSockets },
		"0", "connections to one upstream at a time; 0 is no limit"),
	in("maxFreeSockets", whole(0, 1_000_000), func(a *Agent) *int { return &a.MaxFreeSockets },
		"256", "idle connections kept for one upstream; 0 is the default"),
	in("keepAliveMsecs", millis, func(a *Agent) *time.Duration { return &a.KeepAliveTime },
		"90000", "how long an idle connection is kept; 0 is the default"),
	in("timeout", millis, func(a *Agent) *time.Duration { return &a.Timeout },
		"proxyTargetTimeout", "how long a connection in use may be silent; proxyTargetTimeout wins where both are given; 0 is the default"),
	ignored[Agent]("scheduling", "the connection used last is always taken first"),
	ignored[Agent]("maxTotalSockets", "maxSockets limits each upstream"),
}}

// checkLetsEncrypt wants the module where a port relies on it.
func (l *loader) checkLetsEncrypt() {
	for _, p := range l.cfg.Ports {
		if p.SSL != nil && p.SSL.LetsEncrypt && l.cfg.Modules.LetsEncrypt == nil {
			l.faults.Errorf(p.SSL.Pos, `"letsencrypt: true" needs modules: {letsencrypt: {configDir: folder, agreeTos: true}} at the top of the config`)
		}
	}
}

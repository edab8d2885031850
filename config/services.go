package config

import (
	"net/netip"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// defaultMetrics is where the metrics are when the config does not say.
const defaultMetrics = "127.0.0.1:9180"

// appLog is modules.appLog: a file's name, or a map.
var appLog = kind[AppLog]{"file name or map", anyOf(anyText, ref("appLog")), func(l *loader, name string, n *yaml.Node, into *AppLog) {
	if n.Kind == yaml.MappingNode {
		appLogTable.read(l, name, n, into)
		return
	}
	readText(l, name, n, &into.File)
}}

var appLogTable = table[AppLog]{keys: []key[AppLog]{
	in("file", file, func(a *AppLog) *Text { return &a.File },
		"standard error", "file to write to"),
	in("type", choice("text", "json"), func(a *AppLog) *Text { return &a.Type },
		"text", "lines for people, or a JSON object a line for programs"),
}}

// metrics is modules.metrics: true for the defaults, or a map.
var metrics = kind[*Metrics]{"true, false or map", anyOf(boolean.schema, ref("metrics")), func(l *loader, name string, n *yaml.Node, into **Metrics) {
	m := &Metrics{Pos: position(n)}
	m.Listen, _ = parseAddress(defaultMetrics)
	m.Listen.Text = Text{Value: defaultMetrics, Pos: m.Pos}
	on := true
	if n.Kind == yaml.MappingNode {
		metricsTable.read(l, name, n, m)
	} else {
		readBool(l, name, n, &on)
	}
	if on {
		*into = m
	}
}}

var metricsTable = table[Metrics]{keys: []key[Metrics]{
	in("listen", metricsAddress, func(m *Metrics) *Address { return &m.Listen },
		defaultMetrics, "where Prometheus asks; a number alone is a port of 127.0.0.1"),
}}

// metricsAddress is an address as ports have it, but a number alone is nothing
// that other machines can reach.
var metricsAddress = kind[Address]{"address", schema{"type": []string{"string", "integer"}, "pattern": addressPattern}, func(l *loader, name string, n *yaml.Node, into *Address) {
	t, ok := l.scalarText(n, name)
	if !ok {
		return
	}
	written := t.Value
	if isDigits(written) {
		written = "127.0.0.1:" + written
	}
	a, err := parseAddress(written)
	if err != nil {
		l.errorf(n, "%s %s: %v", name, quote(t.Value), err)
		return
	}
	a.Text, a.Path = t, l.cfg.Resolve(a.Path)
	*into = a
}}

// admin is modules.admin: false for none, or a map.
var admin = kind[Admin]{"true, false or map", anyOf(boolean.schema, ref("admin")), func(l *loader, name string, n *yaml.Node, into *Admin) {
	into.Pos = position(n)
	if n.Kind == yaml.MappingNode {
		adminTable.read(l, name, n, into)
		return
	}
	on := true
	readBool(l, name, n, &on)
	into.Off = !on
}}

var adminTable = table[Admin]{keys: []key[Admin]{
	in("socket", file, func(a *Admin) *Text { return &a.Socket },
		"see docs/admin.md", "Unix socket that the commands status, tunnels, reload and stop talk to"),
}}

// statusTable has nothing to set.
var statusTable = table[Status]{}

// checkServices compares the addresses of services with those of the ports.
func (l *loader) checkServices() {
	if m := l.cfg.Modules.Metrics; m != nil {
		for _, p := range l.cfg.Ports {
			if p.Address.Network != "" && m.Listen.collides(p.Address) {
				l.faults.Errorf(m.Listen.Pos, "modules.metrics: %s is taken by port %s on line %d", quote(m.Listen.Value), quote(p.Address.Value), p.Address.Pos.Line)
			}
		}
		if !m.Listen.loopback() {
			l.faults.Warnf(m.Listen.Pos, "modules.metrics: who can reach %s can read the metrics, which need no password; listen on 127.0.0.1, or let a firewall decide", quote(m.Listen.Value))
		}
	}
	socket := l.cfg.Modules.Admin.Socket
	if path := l.cfg.Resolve(socket.Value); len(path) > maxUnixPath {
		l.faults.Errorf(socket.Pos, "modules.admin: the path of a socket can have %d bytes, this one has %d", maxUnixPath, len(path))
	}
	for _, p := range l.cfg.Ports {
		if socket.Value != "" && p.Address.Network == "unix" && filepath.Clean(p.Address.Path) == filepath.Clean(l.cfg.Resolve(socket.Value)) {
			l.faults.Errorf(socket.Pos, "modules.admin: %s is taken by port %s on line %d", quote(socket.Value), quote(p.Address.Value), p.Address.Pos.Line)
		}
	}
}

// loopback tells whether only this machine can reach a.
func (a Address) loopback() bool {
	if a.Network == "unix" || a.Host == "localhost" || strings.HasSuffix(a.Host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(a.Host)
	return err == nil && addr.IsLoopback()
}

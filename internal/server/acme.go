package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"httpmaster/config"
	"httpmaster/internal/certs"
	"httpmaster/router"
)

// userAgent is what this server calls itself to certificate authorities.
const userAgent = "http-master"

// acme is what one generation wants of ACME.
type acme struct {
	manager *certs.ACME               // nil in a dry build
	private bool                      // the authority is not a public one
	ports   []*acmePort               // with letsencrypt: true
	names   map[string][]*certs.Store // what certificates are wanted for, and where
	plain   bool                      // there is a plain port to answer HTTP-01 on
}

type acmePort struct {
	*config.Port
	store *certs.Store
}

// acme opens the manager for the ports with letsencrypt: true, if there are
// any. Nobody is asked for anything before Apply.
func (b *builder) acme() {
	le := b.cfg.Modules.LetsEncrypt
	if le == nil {
		return
	}
	used := false
	for _, p := range b.cfg.Ports {
		used = used || p.SSL != nil && p.SSL.LetsEncrypt
	}
	if !used {
		b.faults.Warnf(le.Pos, "modules.letsencrypt is not used: no port has \"letsencrypt: true\" in its ssl")
		return
	}
	settings := certs.ACMESettings{
		Dir:       b.cfg.Resolve(le.ConfigDir.Value),
		Server:    le.Server.Value,
		Email:     le.Email.Value,
		CAFile:    b.cfg.Resolve(le.CAFile.Value),
		UserAgent: userAgent,
		Log:       b.server.log,
	}
	a := &acme{private: le.Server.Value != "" && !strings.Contains(le.Server.Value, ".letsencrypt.org/"), names: make(map[string][]*certs.Store)}
	err := settings.Check()
	if err == nil && !b.server.shared.dry {
		a.manager, err = b.server.shared.acmes.open(settings)
	}
	if err != nil {
		b.faults.Errorf(settingPos(le, err), "modules.letsencrypt: %v", err)
		return
	}
	b.gen.acme = a
}

// settingPos is where the setting stands that err complains about.
func settingPos(le *config.LetsEncrypt, err error) config.Pos {
	var setting *certs.SettingError
	if errors.As(err, &setting) {
		switch setting.Key {
		case "configDir":
			return le.ConfigDir.Pos
		case "server":
			return le.Server.Pos
		case "caFile":
			return le.CAFile.Pos
		}
	}
	return le.Pos
}

// acmePort makes p answer TLS-ALPN-01, beside what it does for its clients.
func (b *builder) acmePort(p *port, cp *config.Port) {
	a := b.gen.acme
	if a == nil || !cp.SSL.LetsEncrypt || p.store == nil {
		return
	}
	a.ports = append(a.ports, &acmePort{cp, p.store})
	p.byACME = true
	if a.manager != nil {
		p.tls.GetConfigForClient = a.manager.ConfigForClient
	}
}

// acmeNames collects the names that certificates are wanted for: the literal
// hosts of the ports' rules, and what the module lists for all of these ports.
func (b *builder) acmeNames() {
	a := b.gen.acme
	if a == nil {
		return
	}
	for _, p := range a.ports {
		for _, host := range hostsOf(p.Target, nil) {
			if p.SSL.SelfSigned || p.store.Covers(host.Value) {
				b.acmeName(host, p.store, nil)
			} else {
				b.acmeName(host, p.store, b.faults.Warnf)
			}
		}
		for _, domain := range b.cfg.Modules.LetsEncrypt.Domains {
			b.acmeName(domain, p.store, b.faults.Warnf)
		}
	}
	if len(a.ports) > 0 && len(a.names) == 0 {
		b.faults.Warnf(a.ports[0].SSL.Pos, "letsencrypt: there is no name to get a certificate for; write rules with full host names, or list them in modules.letsencrypt.domains")
	}
	b.acmeReachable()
}

// acmeName adds one name, or says through warn why it cannot be.
func (b *builder) acmeName(host config.Text, store *certs.Store, warn func(config.Pos, string, ...any)) {
	name, err := certs.PublicName(host.Value, b.gen.acme.private)
	switch {
	case err == nil:
		b.gen.acme.names[name] = append(b.gen.acme.names[name], store)
	case warn != nil:
		warn(host.Pos, "letsencrypt: no certificate can be had for %q: %v", host.Value, err)
	}
}

// acmeReachable warns when the authority, as far as can be told here, has no
// port to ask on.
func (b *builder) acmeReachable() {
	a := b.gen.acme
	reachable := false
	for _, p := range b.cfg.Ports {
		if p.Address.Network != "tcp" {
			continue
		}
		a.plain = a.plain || p.SSL == nil
		outside := p.Address.Host != "127.0.0.1" && p.Address.Host != "::1" && p.Address.Host != "localhost"
		asked := p.SSL == nil && p.Address.Port == 80 || p.SSL != nil && p.SSL.LetsEncrypt && p.Address.Port == 443
		reachable = reachable || outside && asked
	}
	if !reachable && !a.private {
		b.faults.Warnf(b.cfg.Modules.LetsEncrypt.Pos, "letsencrypt: the authority asks on port 80 without TLS or on port 443 with it, and this config has neither for others to reach: "+
			"unless something forwards one of them to here, there will be no certificates")
	}
}

// covered tells whether there is another certificate for name wherever it is
// wanted.
func (a *acme) covered(name string) bool {
	for _, store := range a.names[name] {
		if !store.Covers(name) {
			return false
		}
	}
	return true
}

// start makes the manager look after the names of a.
func (a *acme) start() {
	if a.plain {
		a.manager.AllowHTTP()
	}
	names := make([]string, 0, len(a.names))
	for name := range a.names {
		names = append(names, name)
	}
	a.manager.SetNames(names, a.covered)
}

// acmeManagers has every manager that was ever wanted. They are never closed
// before the end, as what one leaves behind lasts as long as the process; those
// whose settings have left the config have no names.
type acmeManagers struct {
	mu    sync.Mutex
	byKey map[string]*certs.ACME
}

// open gives the manager for settings, and makes it when nobody has it yet.
func (m *acmeManagers) open(settings certs.ACMESettings) (*certs.ACME, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := settings.Key()
	if manager := m.byKey[key]; manager != nil {
		return manager, nil
	}
	manager, err := certs.OpenACME(settings)
	if err != nil {
		return nil, err
	}
	if m.byKey == nil {
		m.byKey = make(map[string]*certs.ACME)
	}
	m.byKey[key] = manager
	return manager, nil
}

// serve makes the managers do what gen wants, and nothing else.
func (m *acmeManagers) serve(gen *Generation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, manager := range m.byKey {
		if gen.acme == nil || gen.acme.manager != manager {
			manager.SetNames(nil, nil)
		}
	}
	if gen.acme != nil {
		gen.acme.start()
	}
}

// close ends what the managers do; what ctx does not leave time for ends with
// the process.
func (m *acmeManagers) close(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, manager := range m.byKey {
		_ = manager.Close(ctx) // ctx's own error
	}
}

// hostsOf collects the hosts that rules below t name in full.
func hostsOf(t *config.Target, hosts []config.Text) []config.Text {
	switch {
	case t == nil:
	case t.Chain != nil:
		for _, element := range t.Chain {
			hosts = hostsOf(element, hosts)
		}
	case t.Router != nil:
		for _, rule := range t.Router.Rules {
			if p, err := router.ParsePattern(rule.Pattern.Value); err == nil {
				if host, _, ok := p.LiteralHost(); ok {
					hosts = append(hosts, config.Text{Value: strings.Trim(host, "[]"), Pos: rule.Pattern.Pos})
				}
			}
			hosts = hostsOf(rule.Target, hosts)
		}
	}
	return hosts
}

// answersACME answers HTTP-01, before any rule and whatever the Host header
// says. Other tokens than the manager's are for the rules.
func (p *port) answersACME(w http.ResponseWriter, r *http.Request) bool {
	return p.tls == nil && p.gen.acme != nil && p.gen.acme.manager != nil && p.gen.acme.manager.AnswerHTTP(w, r)
}

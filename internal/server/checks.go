package server

import (
	"path"
	"strconv"
	"strings"

	"httpmaster/config"
	"httpmaster/router"
)

// What is doubtful about a config that can be served all the same. Everything
// here is found when it is built, never at a request.

// checkAll looks at what only the whole config shows.
func (b *builder) checkAll() {
	b.checkLoops()
	for i, cp := range b.cfg.Ports {
		b.checkCertificates(cp, b.gen.ports[i])
	}
	b.checkFiles()
}

// checkRedirect finds redirects that make every address one, where that looks
// like an oversight: the target ends behind its host, or names a folder without
// its final slash while the pattern has a wildcard for what is below. A slash
// at the end, a file or a query says that one page for all is meant.
func (b *builder) checkRedirect(v *config.Redirect, to *router.Target, at place) {
	host, fixed := literal(to.Host)
	port, portFixed := literal(to.Port)
	target, pathFixed := literal(to.Path)
	if !fixed || !portFixed || !pathFixed || host == "" || to.Query != nil || to.Fragment != nil {
		return
	}
	if at.pattern != nil && at.pattern.OnePath() {
		return
	}
	if port != "" {
		host += ":" + port
	}
	scheme := ""
	if to.Scheme != "" {
		scheme = to.Scheme + "://"
	}
	which := "this port"
	if at.pattern != nil {
		which = strconv.Quote(at.pattern.String())
	}
	switch {
	case to.Path == nil:
		b.faults.Warnf(v.To.Pos, "redirect %q: every path of %s comes to the home page; write %s%s/[path] to keep the path, or %[3]s%[4]s/ if the home page is meant",
			v.To.Value, which, scheme, host)
	case at.pattern != nil && at.pattern.PathCaptures() > 0 && !strings.HasSuffix(target, "/") && !strings.Contains(path.Base(target), "."):
		b.faults.Warnf(v.To.Pos, "redirect %q: what the path of %s captures is not used, so every one comes to the same page; write %s/[%d] to keep it, or %[3]s/ if one page is meant",
			v.To.Value, which, v.To.Value, at.scope.NumCaptures())
	}
}

// literal gives the text of a part of a target; fixed is false when it has
// macros. A part that is not written is "".
func literal(t *router.Template) (text string, fixed bool) {
	if t == nil {
		return "", true
	}
	return t.Literal()
}

// maxMissing is for how many hosts of a port it is said that they have no
// certificate.
const maxMissing = 10

// checkCertificates finds literal hosts that no certificate of their port is
// for. What letsencrypt cannot get is said elsewhere.
func (b *builder) checkCertificates(cp *config.Port, p *port) {
	if p.store == nil || cp.SSL.LetsEncrypt {
		return
	}
	where := "name its key and cert in ssl.SNI, or their folder as ssl.certDir"
	if cp.SSL.CertDir.Value != "" {
		where = "put its certificate and key into " + cp.SSL.CertDir.Value
	}
	seen := make(map[string]bool)
	missing := 0
	var last config.Text
	for _, host := range hostsOf(cp.Target, nil) {
		if seen[host.Value] || p.store.Has(host.Value) {
			continue
		}
		seen[host.Value] = true
		last = host
		if missing++; missing <= maxMissing {
			b.faults.Warnf(host.Pos, "no certificate of port %s is for %q, so browsers refuse it; %s", p.key, host.Value, where)
		}
	}
	if more := missing - maxMissing; more > 0 {
		b.faults.Warnf(last.Pos, "no certificate of port %s is for this host and %s before it that are not listed; %s", p.key, count(more-1, "other"), where)
	}
}

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
// like an oversight: the target ends behind its host, or names a page while the
// pattern has a wildcard whose text would be lost. A slash at the end, a file, a
// query or a # says that one page for all is meant, and so does the pattern "*",
// which is the only way to write all other hosts.
func (b *builder) checkRedirect(v *config.Redirect, to *router.Target, at place) {
	_, hostFixed := literal(to.Host)
	_, portFixed := literal(to.Port)
	target, pathFixed := literal(to.Path)
	switch {
	case !hostFixed || !portFixed || !pathFixed || to.Query != nil || to.Fragment != nil:
		return
	case at.pattern != nil && at.pattern.OnePath():
		return
	}
	which := "this port"
	if at.pattern != nil {
		which = strconv.Quote(at.pattern.String())
	}
	switch {
	case to.Path == nil:
		b.faults.Warnf(v.To.Pos, "redirect %q: every path of %s comes to the home page; write %[1]s/[path] to keep the path, or %[1]s/ if the home page is meant",
			v.To.Value, which)
	case at.pattern == nil || strings.HasSuffix(target, "/") || strings.Contains(path.Base(target), "."):
	case at.pattern.PathCaptures() > 0:
		b.faults.Warnf(v.To.Pos, "redirect %q: what the path of %s captures is not used, so every one comes to the same page; write %[1]s/[%[3]d] to keep it, or %[1]s# if one page is meant",
			v.To.Value, which, at.scope.NumCaptures())
	case at.pattern.NumCaptures() > 0 && to.Host != nil && hostText(at.pattern) != "*":
		b.faults.Warnf(v.To.Pos, "redirect %q: what %s captures is not used, so every host and path comes to the same page; write %[1]s/[path] to keep the path, or %[1]s# if one page is meant",
			v.To.Value, which)
	}
}

// hostText is the host of a pattern as it is written, "" for none.
func hostText(p *router.Pattern) string {
	host, _, _ := strings.Cut(p.String(), "/")
	return host
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

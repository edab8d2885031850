package server

import (
	"fmt"
	"strings"
)

// Summary describes the ports of gen in one line each, in the order of the
// config: address, TLS, number of rules, certificates.
func (g *Generation) Summary() []string {
	lines := make([]string, 0, len(g.ports))
	for _, p := range g.ports {
		if p.private {
			continue // it serves nobody
		}
		var b strings.Builder
		b.WriteString(displayAddress(p))
		if p.service != nil {
			lines = append(lines, b.String()+": metrics")
			continue
		}
		if p.tls != nil {
			b.WriteString(" with TLS")
		}
		if p.rules == 0 {
			b.WriteString(": one target for everything")
		} else {
			fmt.Fprintf(&b, ": %s", count(p.rules, "rule"))
		}
		if p.store != nil {
			certificates := p.store.Summary()
			certificates.ACME = p.byACME
			b.WriteString(", ")
			b.WriteString(certificates.String())
		}
		lines = append(lines, b.String())
	}
	return lines
}

// Hints says what an operator should know once about gen beyond its Summary,
// one line each.
func (g *Generation) Hints() []string {
	for _, p := range g.ports {
		if p.rootFile != "" {
			return []string{"selfSigned: no client trusts these certificates yet; to try without warnings, make yours trust " + p.rootFile}
		}
	}
	return nil
}

func displayAddress(p *port) string {
	if p.network == "unix" {
		return p.key
	}
	if strings.HasPrefix(p.address, ":") {
		return "port " + p.address[1:] + " on all addresses"
	}
	return p.address
}

// count writes "1 rule", "2 rules".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

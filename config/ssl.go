package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// sslEntry is a port's ssl.
var sslEntry = kind[*SSL]{"map", ref("ssl"), func(l *loader, name string, n *yaml.Node, into **SSL) {
	s := &SSL{Pos: position(n)}
	s.Pair.Pos = s.Pos
	*into = s
	before := l.faults.errors
	sslTable.read(l, name, n, s)
	if l.faults.errors > before { // the reason for whatever is missing
		return
	}
	l.checkPair(n, "ssl", s.Pair)
	if s.CertDir.Value == "" && s.Pair.Key.Value == "" && s.Pair.Cert.Value == "" && len(s.Pair.CA) == 0 &&
		len(s.SNI) == 0 && !s.LetsEncrypt && !s.SelfSigned {
		l.errorf(n, "ssl names no certificate; it needs certDir, key and cert, SNI, letsencrypt: true or selfSigned: true")
	}
}}

var sslTable = table[SSL]{rules: append(pairRules, anyOf(
	needs("certDir"), needs("key"), needs("SNI"), isTrue("letsencrypt"), isTrue("selfSigned"),
)), keys: []key[SSL]{
	in("certDir", folder, func(s *SSL) *Text { return &s.CertDir },
		"none", "folder that is searched for certificates and keys, subfolders included, and watched"),
	in("primaryDomain", text, func(s *SSL) *Text { return &s.PrimaryDomain },
		"the first found", "whose certificate is shown to clients that name no host, or an unknown one"),
	in("key", file, func(s *SSL) *Text { return &s.Pair.Key },
		"none", "private key, with cert"),
	in("cert", file, func(s *SSL) *Text { return &s.Pair.Cert },
		"none", "certificate, with key"),
	in("ca", files, func(s *SSL) *[]Text { return &s.Pair.CA },
		"none", "intermediate certificates for cert"),
	in("SNI", sniMap, func(s *SSL) *[]NamedPair { return &s.SNI },
		"none", "certificates by host name"),
	in("letsencrypt", boolean, func(s *SSL) *bool { return &s.LetsEncrypt },
		"false", "certificates by ACME for the literal hosts of this port; needs modules.letsencrypt"),
	in("selfSigned", boolean, func(s *SSL) *bool { return &s.SelfSigned },
		"false", "certificates by an authority of its own, for trying things out"),
	in("clientAuth", clientAuth, func(s *SSL) **ClientAuth { return &s.ClientAuth },
		"none", "ask clients for a certificate"),
	in("spdy", spdy, func(s *SSL) *bool { return &s.NoHTTP2 },
		"HTTP/2 on", "false: no HTTP/2"),
	in("minVersion", tlsVersion, func(s *SSL) *Text { return &s.MinVersion },
		"1.2", "oldest version of TLS: 1.2 or 1.3"),
	ignored[SSL]("ciphers", "the cipher suites are chosen by the server, and none of them is weak"),
	ignored[SSL]("honorCipherOrder", "Go orders the cipher suites itself, by what both sides are fast at"),
	ignored[SSL]("ecdhCurve", "the curves are chosen by Go"),
	ignored[SSL]("disableWeakCiphers", "there are no weak ciphers to disable"),
	ignored[SSL]("skipWorkerSessionResumption", "there are no workers; sessions resume by tickets"),
	ignored[SSL]("secureOptions", "it names options of OpenSSL, which is not used"),
	ignored[SSL]("dhparam", "key exchange is by elliptic curves only"),
	ignored[SSL]("sessionTimeout", "sessions resume by tickets, whose keys change daily"),
	refused[SSL]("secureProtocol", `write minVersion: "1.2" or "1.3"`),
	refused[SSL]("requestCert", "write clientAuth: {ca: file, mode: request}"),
	refused[SSL]("rejectUnauthorized", "write clientAuth: {ca: file, mode: require}"),
	refused[SSL]("passphrase", "keep the key without one, in a file that only the server's user can read"),
	refused[SSL]("pfx", "convert it to PEM files with openssl pkcs12, for key and cert"),
}}

// spdy is http-master's name of what became HTTP/2. Only false says something.
var spdy = kind[bool]{"true or false", schema{"type": "boolean"}, func(l *loader, name string, n *yaml.Node, noHTTP2 *bool) {
	on := true
	readBool(l, name, n, &on)
	*noHTTP2 = !on
	if on && n.Tag == "!!bool" {
		l.warnf(n, "spdy: true has no effect: HTTP/2, which took its place, is on by default")
	}
}}

// tlsVersion takes Node's spellings as well.
var tlsVersion = kind[Text]{"1.2 or 1.3", anyOf(
	enum("1.2", "1.3", 1.2, 1.3, "TLSv1.2", "TLSv1.3"),
	schema{"deprecated": true, "enum": []any{"1", "1.0", "1.1", 1, 1.1, "TLSv1", "TLSv1.0", "TLSv1.1"}},
), func(l *loader, name string, n *yaml.Node, into *Text) {
	t, ok := l.scalarText(n, name)
	if !ok {
		return
	}
	switch strings.TrimPrefix(t.Value, "TLSv") {
	case "1.2", "1.3":
		t.Value = strings.TrimPrefix(t.Value, "TLSv")
		*into = t
	case "1", "1.0", "1.1":
		l.warnf(n, "minVersion %s is no longer safe; 1.2 is used", quote(t.Value))
	default:
		l.errorf(n, "minVersion must be 1.2 or 1.3, not %s", quote(t.Value))
	}
}}

// sniMap is ssl.SNI.
var sniMap = kind[[]NamedPair]{"map of host name to key and cert", mapOf(`^(\*\.)?[^*/:]+$`, ref("SNI")), func(l *loader, name string, n *yaml.Node, into *[]NamedPair) {
	for _, p := range l.pairs(n, name) {
		host := p.key.Value
		what := "SNI " + quote(host)
		if strings.TrimSpace(host) == "" || strings.Contains(strings.TrimPrefix(host, "*."), "*") || strings.ContainsAny(host, "/:") {
			l.errorf(p.key, `%s: a name here is a host such as example.com or "*.example.com"`, what)
			continue
		}
		named := NamedPair{Name: l.src.text(p.key)}
		named.Pos = position(p.value)
		*into = append(*into, l.namedPair(what, p.value, named))
	}
}}

// namedPair fills in the files of named from n.
func (l *loader) namedPair(what string, n *yaml.Node, named NamedPair) NamedPair {
	before := l.faults.errors
	pairTable.read(l, what, n, &named.KeyPair)
	if l.faults.errors > before {
		return named
	}
	if named.Key.Value == "" && named.Cert.Value == "" {
		l.errorf(n, "%s names no certificate; it needs key and cert", what)
		return named
	}
	l.checkPair(n, what, named.KeyPair)
	return named
}

// pairRules are what checkPair wants.
var pairRules = []schema{
	{"if": anyOf(needs("cert"), needs("crt"), needs("ca")), "then": needs("key")},
	{"if": needs("key"), "then": anyOf(needs("cert"), needs("crt"))},
}

var pairTable = table[KeyPair]{rules: append(pairRules, needs("key")), keys: []key[KeyPair]{
	in("key", file, func(p *KeyPair) *Text { return &p.Key }, "required", "private key"),
	in("cert", file, func(p *KeyPair) *Text { return &p.Cert }, "required", "certificate"),
	in("crt", file, func(p *KeyPair) *Text { return &p.Cert }, "", "the same as cert"),
	in("ca", files, func(p *KeyPair) *[]Text { return &p.CA }, "none", "intermediate certificates for cert"),
	ignored[KeyPair]("ciphers", "the cipher suites are chosen by the server, and none of them is weak"),
	ignored[KeyPair]("honorCipherOrder", "Go orders the cipher suites itself, by what both sides are fast at"),
	ignored[KeyPair]("ecdhCurve", "the curves are chosen by Go"),
	ignored[KeyPair]("spdy", "HTTP/2 is on or off for a whole port"),
}}

// checkPair wants key and cert together.
func (l *loader) checkPair(n *yaml.Node, what string, p KeyPair) {
	switch {
	case p.Key.Value != "" && p.Cert.Value == "":
		l.errorf(n, "%s has a key and no cert", what)
	case p.Key.Value == "" && p.Cert.Value != "":
		l.errorf(n, "%s has a cert and no key", what)
	case p.Key.Value == "" && len(p.CA) > 0:
		l.errorf(n, `%s has a "ca" and no key and cert; for clients' certificates write clientAuth: {ca: file}`, what)
	}
}

// clientAuth is ssl.clientAuth.
var clientAuth = kind[*ClientAuth]{"map", ref("clientAuth"), func(l *loader, name string, n *yaml.Node, into **ClientAuth) {
	entry := clientAuthEntry{ClientAuth: ClientAuth{Pos: position(n)}}
	clientAuthTable.read(l, name, n, &entry)
	entry.Require = entry.mode.Value != "request"
	*into = &entry.ClientAuth
}}

// clientAuthEntry has the mode as it is written.
type clientAuthEntry struct {
	ClientAuth
	mode Text
}

var clientAuthTable = table[clientAuthEntry]{keys: []key[clientAuthEntry]{
	must(in("ca", file, func(c *clientAuthEntry) *Text { return &c.CA },
		"", "the authorities whose certificates are accepted")),
	in("mode", choice("require", "request"), func(c *clientAuthEntry) *Text { return &c.mode },
		"require", "require: no certificate, no connection; request: it may be left out, but must be valid"),
}}

package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/config"
)

// TestACMEFaults builds dry, as check does, and compares everything that is
// reported. Nothing may be made on the disk.
func TestACMEFaults(t *testing.T) {
	const unreachable = "letsencrypt: the authority asks on port 80 without TLS or on port 443 with it, and this config has neither for others to reach: " +
		"unless something forwards one of them to here, there will be no certificates"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing to say", `
ports:
  80: 8080
  443: {router: {"a.com": 8080, "*": 8081}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: le, agreeTos: true}
`, nil},
		{"names", `
ports:
  443:
    router:
      "a.com": 8080
      "10.0.0.1": 8080
      "printer": 8080
      "źdźbło.pl": {"/x": 8080, "inner.internal": 8080}
      "*.wild.com": 8080
    ssl: {letsencrypt: true}
  444:
    router: {"printer": 8080}
    ssl: {letsencrypt: true, selfSigned: true}
  445:
    router: {"printer": 8080}
    ssl: {selfSigned: true}
modules:
  letsencrypt:
    configDir: le
    agreeTos: true
    domains: ["b.com", "*.b.com", "_x.b.com", "::1", "localhost"]
`, []string{
			`6:8: warning: letsencrypt: no certificate can be had for "10.0.0.1": addresses get no certificate`,
			`7:8: warning: letsencrypt: no certificate can be had for "printer": a name without a dot is none that others can look up`,
			`8:34: warning: letsencrypt: no certificate can be had for "inner.internal": it is not a name in the public DNS`,
			`21:25: warning: letsencrypt: no certificate can be had for "*.b.com": wildcard certificates need the DNS challenge, which http-master does not do; put one into certDir`,
			`21:36: warning: letsencrypt: no certificate can be had for "_x.b.com": it is not a valid DNS name`,
			`21:48: warning: letsencrypt: no certificate can be had for "::1": addresses get no certificate`,
			`21:55: warning: letsencrypt: no certificate can be had for "localhost": a name without a dot is none that others can look up`,
		}},
		{"a private authority has names of its own", `
ports:
  443: {router: {"nas.local": 8080, "printer": 8080}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: le, agreeTos: true, server: "https://ca.local/acme/directory"}
`, []string{`3:38: warning: letsencrypt: no certificate can be had for "printer": a name without a dot is none that others can look up`}},
		{"no name", `
ports:
  443: {router: {"*": 8080}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: le, agreeTos: true}
`, []string{`3:35: warning: letsencrypt: there is no name to get a certificate for; write rules with full host names, or list them in modules.letsencrypt.domains`}},
		{"no port to be asked on", `
ports:
  8443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
  443: {router: {"a.com": 8080}, ssl: {selfSigned: true}}
  "127.0.0.1:80": 8080
  "unix:/80": 8080
modules:
  letsencrypt: {configDir: le, agreeTos: true}
`, []string{"8:16: warning: " + unreachable}},
		{"port 80 is enough", `
ports:
  8443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
  80: 8080
modules:
  letsencrypt: {configDir: le, agreeTos: true}
`, nil},
		{"not used", `
ports:
  80: 8080
modules:
  letsencrypt: {configDir: le, agreeTos: true}
`, []string{`5:16: warning: modules.letsencrypt is not used: no port has "letsencrypt: true" in its ssl`}},
		{"no module", `
ports:
  443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
`, []string{`3:39: "letsencrypt: true" needs modules: {letsencrypt: {configDir: folder, agreeTos: true}} at the top of the config`}},
		{"terms not agreed to", `
ports:
  443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: le}
`, []string{`5:16: letsencrypt needs "agreeTos: true": certificates are only given to those who agree to the authority's terms`}},
		{"a folder that cannot be", `
ports:
  443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: file/le, agreeTos: true}
`, []string{`5:28: modules.letsencrypt: configDir: DIR/file/le/acme-v02.api.letsencrypt.org_directory: cannot be written: not a directory; ` +
			`the account and the certificates are kept there: make it a folder that belongs to the server's user, or name another one`}},
		{"no https", `
ports:
  443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: le, agreeTos: true, server: "http://ca.com/dir"}
`, []string{`5:57: modules.letsencrypt: server: "http://ca.com/dir" is not the https:// URL of an ACME directory, such as https://acme-v02.api.letsencrypt.org/directory`}},
		{"no such caFile", `
ports:
  443: {router: {"a.com": 8080}, ssl: {letsencrypt: true}}
modules:
  letsencrypt: {configDir: le, agreeTos: true, caFile: no.pem}
`, []string{`5:56: modules.letsencrypt: caFile: DIR/no.pem: cannot be read: no such file or directory`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("XDG_CONFIG_HOME", dir)
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, faults := config.Parse(filepath.Join(dir, "config.yaml"), []byte(c.text))
			NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults).Discard()
			var got []string
			for _, f := range append(faults.Errors(), faults.Warnings()...) {
				line := strings.TrimPrefix(f.String(), filepath.Join(dir, "config.yaml")+":")
				got = append(got, strings.ReplaceAll(line, dir, "DIR"))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("reported:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("the folder has %v, %v", entries, err)
			}
		})
	}
}

//go:build unix

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// pebble is Let's Encrypt's own ACME server for tests, and a DNS server in
// which every name is on this machine. What it takes for ports 80 and 443 are
// those of the http-master under test.
type pebble struct {
	t          *testing.T
	acme, mgmt int
	dns        int
	plain, tls int
	dir        string // its own files
	keeps      string // http-master's configDir
	config     string // http-master's file
	process    *process
}

// acmeSetup is what a test wants of Pebble.
type acmeSetup struct {
	onlyHTTP, onlyTLS bool
	lifetime          int // of certificates, in seconds; 0: Pebble's five years
	blocked           string
}

// newPebble prepares everything and starts nothing.
func newPebble(t *testing.T, s acmeSetup, hosts ...string) *pebble {
	t.Helper()
	p := &pebble{t: t, acme: freePort(t), mgmt: freePort(t), dns: freePort(t), plain: freePort(t), tls: freePort(t), dir: t.TempDir()}
	p.keeps = filepath.Join(p.dir, "keeps", "acme")
	p.config = filepath.Join(p.dir, "http-master.yaml")
	ca := testCA()
	ca.writeLeaf(t, p.dir, "pebble", "localhost")
	writeFile(t, filepath.Join(p.dir, "roots.pem"), pemText("CERTIFICATE", ca.root.Raw)+pemText("CERTIFICATE", ca.intermediate.Raw))
	httpPort, tlsPort := p.plain, p.tls
	if s.onlyHTTP {
		tlsPort = freePort(t) // where nobody listens
	}
	if s.onlyTLS {
		httpPort = freePort(t)
	}
	settings := map[string]any{
		"listenAddress":           "127.0.0.1:" + strconv.Itoa(p.acme),
		"managementListenAddress": "127.0.0.1:" + strconv.Itoa(p.mgmt),
		"certificate":             filepath.Join(p.dir, "pebble.crt"),
		"privateKey":              filepath.Join(p.dir, "pebble.key"),
		"httpPort":                httpPort,
		"tlsPort":                 tlsPort,
	}
	if s.blocked != "" {
		settings["domainBlocklist"] = []string{s.blocked}
	}
	if s.lifetime > 0 {
		settings["certificateValidityPeriod"] = s.lifetime
	}
	text, err := json.Marshal(map[string]any{"pebble": settings})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(p.dir, "pebble.json"), string(text))
	p.write(hosts...)
	return p
}

// write writes http-master's config, with a rule for each host.
func (p *pebble) write(hosts ...string) {
	p.t.Helper()
	var rules strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&rules, "      %q: \"reject -> 410\"\n", host)
	}
	writeFile(p.t, p.config, fmt.Sprintf(`
ports:
  "127.0.0.1:%d":
    router: {"*": "redirect -> https://[host]/[path]"}
  "127.0.0.1:%d":
    router:
%s      "*": "reject -> 404"
    ssl: {letsencrypt: true}
modules:
  letsencrypt:
    configDir: keeps/acme
    email: admin@site.example
    agreeTos: true
    server: "https://localhost:%d/dir"
    caFile: roots.pem
`, p.plain, p.tls, rules.String(), p.acme))
}

// start starts Pebble and its DNS server and waits until it answers.
func (p *pebble) start() {
	p.t.Helper()
	dns := need(p.t, "pebble", "pebble-challtestsrv")
	program := need(p.t, "pebble", "pebble")
	address := "127.0.0.1:" + strconv.Itoa(p.dns)
	start(p.t, nil, dns, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", address,
		"-management", "127.0.0.1:"+strconv.Itoa(freePort(p.t)), "-http01", "", "-https01", "", "-tlsalpn01", "")
	p.process = start(p.t, []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=5"}, program,
		"-config", filepath.Join(p.dir, "pebble.json"), "-dnsserver", address)
	eventually(p.t, "Pebble answers", func() error {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(p.mgmt))
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// roots is what issues certificates in this run of Pebble.
func (p *pebble) roots() *x509.CertPool {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}, Timeout: patience}
	res, err := client.Get("https://127.0.0.1:" + strconv.Itoa(p.mgmt) + "/roots/0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		p.t.Fatalf("Pebble's root: %v: %s", err, text)
	}
	return pool
}

// leaf gives the certificate that a client gets that trusts roots only.
func (p *pebble) leaf(roots *x509.CertPool, name string) (*x509.Certificate, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{ServerName: name, RootCAs: roots}}
	conn, err := dialer.Dial("tcp", "127.0.0.1:"+strconv.Itoa(p.tls))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// served waits until name has a certificate.
func (p *pebble) served(roots *x509.CertPool, name string) (cert *x509.Certificate) {
	p.t.Helper()
	eventually(p.t, "a certificate for "+name, func() (err error) {
		cert, err = p.leaf(roots, name)
		return err
	})
	return cert
}

func TestPebbleIssues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		setup acmeSetup
	}{
		{"by http-01", acmeSetup{onlyHTTP: true}},
		{"by tls-alpn-01", acmeSetup{onlyTLS: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPebble(t, test.setup, "site.example.com", "www.site.example.com")
			p.start()
			s := startServer(t, p.config)
			roots := p.roots()
			first := p.served(roots, "site.example.com")
			p.served(roots, "www.site.example.com")
			s.waitFor(t, 0, "has issued a certificate for site.example.com, until ")

			// A new process has it at once, without anybody to ask.
			s.signal(t, syscall.SIGTERM)
			s.exitCode(t)
			p.process.kill()
			again := startServer(t, p.config)
			if cert := p.served(roots, "site.example.com"); cert.SerialNumber.Cmp(first.SerialNumber) != 0 {
				t.Error("a new process serves another certificate")
			}
			if text := again.output.String(); strings.Contains(text, "has issued") || strings.Contains(text, "no certificate") {
				t.Errorf("it ordered again:\n%s", text)
			}
		})
	}
}

func TestPebbleIssuesForTenHostsAtOnce(t *testing.T) {
	t.Parallel()
	var hosts []string
	for i := range 10 {
		hosts = append(hosts, fmt.Sprintf("host%d.example.com", i))
	}
	p := newPebble(t, acmeSetup{}, hosts...)
	p.start()
	startServer(t, p.config)
	roots := p.roots()
	for _, host := range hosts {
		p.served(roots, host)
	}
	if cert, err := p.leaf(roots, "stranger.example.com"); err == nil {
		t.Errorf("a stranger's name was given a certificate for %q", cert.DNSNames)
	}
}

func TestPebbleDownAtStart(t *testing.T) {
	t.Parallel()
	p := newPebble(t, acmeSetup{}, "site.example.com")
	need(t, "pebble", "pebble")
	s := startServer(t, p.config)
	s.waitFor(t, 0, "no certificate for site.example.com yet: localhost:"+strconv.Itoa(p.acme)+" cannot be reached: ")
	res, err := (&http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Get("http://127.0.0.1:" + strconv.Itoa(p.plain) + "/x")
	if err != nil || res.StatusCode != http.StatusFound {
		t.Fatalf("the rest is not served: %v, %v", res, err)
	}
	res.Body.Close()
	p.start()
	p.served(p.roots(), "site.example.com")
}

func TestPebbleRefusesAName(t *testing.T) {
	t.Parallel()
	p := newPebble(t, acmeSetup{blocked: "blocked.example.com"}, "blocked.example.com", "site.example.com")
	p.start()
	s := startServer(t, p.config)
	p.served(p.roots(), "site.example.com")
	line := s.lineWith(t, "no certificate for blocked.example.com yet: ")
	for _, part := range []string{"localhost:" + strconv.Itoa(p.acme) + ` says "`, "policy", "this authority gives no certificate for this name", "tried again in 1"} {
		if !strings.Contains(line, part) {
			t.Errorf("the line does not have %q:\n%s", part, line)
		}
	}
}

func TestPebbleCannotConnect(t *testing.T) {
	t.Parallel()
	p := newPebble(t, acmeSetup{onlyHTTP: true, onlyTLS: true}, "site.example.com")
	p.start()
	s := startServer(t, p.config)
	line := s.lineWith(t, "no certificate for site.example.com yet: ")
	for _, part := range []string{"tls-alpn-01: ", "http-01: ", "must be able to reach this server under that name: port 80 for http-01, port 443 for tls-alpn-01"} {
		if !strings.Contains(line, part) {
			t.Errorf("the line does not have %q:\n%s", part, line)
		}
	}
}

func TestPebbleReload(t *testing.T) {
	t.Parallel()
	p := newPebble(t, acmeSetup{}, "one.example.com")
	p.start()
	s := startServer(t, p.config)
	roots := p.roots()
	first := p.served(roots, "one.example.com")
	p.write("one.example.com", "two.example.com")
	s.signal(t, syscall.SIGHUP)
	p.served(roots, "two.example.com")
	if again := p.served(roots, "one.example.com"); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("the reload ordered another certificate for a name that stayed")
	}
}

// TestPebbleRenewalWhileRequestsFlow has certificates that live for 15 seconds
// and clients that make a new connection for each request.
func TestPebbleRenewalWhileRequestsFlow(t *testing.T) {
	t.Parallel()
	p := newPebble(t, acmeSetup{lifetime: 15}, "site.example.com")
	p.start()
	s := startServer(t, p.config)
	roots := p.roots()
	first := p.served(roots, "site.example.com")

	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := p.leaf(roots, "site.example.com"); err != nil {
					t.Errorf("a client was turned away: %v", err)
					return
				}
			}
		})
	}
	s.waitFor(t, 0, "has renewed a certificate for site.example.com, until ")
	eventually(t, "the new certificate is served", func() error {
		cert, err := p.leaf(roots, "site.example.com")
		if err == nil && cert.SerialNumber.Cmp(first.SerialNumber) == 0 {
			return fmt.Errorf("still the first one")
		}
		return err
	})
	cancel()
	wg.Wait()
}

// TestPebbleWithoutPrivileges starts as root and goes on as nobody, to whom
// what is kept must belong then.
func TestPebbleWithoutPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	p := newPebble(t, acmeSetup{}, "site.example.com")
	// The test's own folder is for root only.
	refused := run(t, nil, nil, serverProgram, "--config", p.config, "--user", "nobody")
	if want := "configDir: "; refused.code != 1 || !strings.Contains(refused.stderr, want) || !strings.Contains(refused.stderr, "permission denied") {
		t.Errorf("with a folder that nobody can reach: exit code %d, want 1 and %q:\n%s", refused.code, want, refused.stderr)
	}
	for dir := p.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	s := startServer(t, p.config, "--user", "nobody")
	p.served(p.roots(), "site.example.com")
	s.waitFor(t, 0, "has issued a certificate for site.example.com, until ")
	if text := s.output.String(); strings.Contains(text, "cannot be written") {
		t.Errorf("it could not keep the certificate:\n%s", text)
	}
}

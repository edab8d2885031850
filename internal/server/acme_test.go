package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"httpmaster/internal/certs/acmetest"
)

// acmeCA is an ACME authority and the two ports of the server under test,
// which it takes for port 80 and port 443 of every host.
type acmeCA struct {
	*acmetest.CA
	server      *httptest.Server
	caFile, dir string
	plain, tls  string // addresses
}

// newACME starts an authority that can ask on the ports of methods only:
// "http-01", "tls-alpn-01".
func newACME(t *testing.T, methods ...string) *acmeCA {
	t.Helper()
	addrs := freePorts(t, 2)
	a := &acmeCA{CA: acmetest.New(), plain: addrs[0], tls: addrs[1], dir: filepath.Join(t.TempDir(), "acme")}
	dial := func(address string) func(context.Context, string) (net.Conn, error) {
		return func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
	if slices.Contains(methods, "http-01") {
		a.DialHTTP = dial(a.plain)
	}
	if slices.Contains(methods, "tls-alpn-01") {
		a.DialTLS = dial(a.tls)
	}
	a.server = httptest.NewUnstartedServer(a.CA)
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that leave
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	a.caFile = filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})
	if err := os.WriteFile(a.caFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// config has a rule for each host on the TLS port, and a plain port whose only
// rule redirects everything.
func (a *acmeCA) config(ssl string, hosts ...string) string {
	var rules strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&rules, "%q: 'reject -> 410', ", host)
	}
	return fmt.Sprintf(`
ports:
  %q: {router: {"*": "redirect -> https://[host]/[path]"}}
  %q: {router: {%s"*": 'reject -> 404'}, ssl: {letsencrypt: true%s}}
modules:
  letsencrypt: {configDir: %q, agreeTos: true, email: me@a.test, server: %q, caFile: %q}
`, a.plain, a.tls, rules.String(), ssl, a.dir, a.server.URL+"/directory", a.caFile)
}

// client trusts what the authority issues and nothing else.
func (a *acmeCA) client(t *testing.T) *http.Client {
	c := client(t, a.tls)
	c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: a.Pool()}
	return c
}

// served waits until name has a certificate of the authority, and gives it.
func (a *acmeCA) served(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn, err := tls.Dial("tcp", a.tls, &tls.Config{ServerName: name, RootCAs: a.Pool()})
		if err == nil {
			defer conn.Close()
			return conn.ConnectionState().PeerCertificates[0]
		}
		last = err
	}
	t.Fatalf("no certificate for %s: %v", name, last)
	return nil
}

// logs waits until the log has text.
func (r *running) logs(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(r.log.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("the log never had %q", text)
		}
	}
}

func TestCertificatesByACME(t *testing.T) {
	for _, method := range []string{"http-01", "tls-alpn-01"} {
		t.Run(method, func(t *testing.T) {
			ca := newACME(t, method)
			s := start(t, ca.config("", "one.test", "two.test"))
			for _, name := range []string{"one.test", "two.test"} {
				ca.served(t, name)
				wantStatus(t, ca.client(t), "https://"+name+"/", 410)
			}
			if got := ca.Validated(); len(got) != 2 || got[0] != method || got[1] != method {
				t.Errorf("validated by %q", got)
			}
			for _, agent := range ca.Agents() {
				if !strings.HasPrefix(agent, "http-master ") {
					t.Errorf("User-Agent %q", agent)
				}
			}
			s.logs("issued a certificate for one.test, until ")
			s.logs("issued a certificate for two.test, until ")
			checkModes(t, ca.dir)
		})
	}
}

// checkModes looks at the permissions of everything in dir.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = fs.ModeDir | 0o700
		} else {
			files++
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil || files < 3 { // the account, two certificates
		t.Errorf("%d files, %v", files, err)
	}
}

// TestACMERenewalWhileRequestsFlow has certificates that live for seconds, and
// clients that make a new connection for each request.
func TestACMERenewalWhileRequestsFlow(t *testing.T) {
	ca := newACME(t, "http-01", "tls-alpn-01")
	ca.Validity = 9 * time.Second
	s := start(t, ca.config("", "one.test"))
	first := ca.served(t, "one.test")

	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		c := ca.client(t)
		c.Transport.(*http.Transport).DisableKeepAlives = true
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := c.Get("https://one.test/")
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				resp.Body.Close()
			}
		})
	}
	s.logs("has renewed a certificate for one.test")
	for deadline := time.Now().Add(patience); ca.served(t, "one.test").SerialNumber.Cmp(first.SerialNumber) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the first certificate is still served")
		}
	}
	close(stop)
	wg.Wait()
	if n := strings.Count(s.log.String(), "level=WARN"); n != 0 {
		t.Errorf("%d warnings", n)
	}
}

// TestACMEAuthorityDownAtStart has an authority that begins to listen later.
func TestACMEAuthorityDownAtStart(t *testing.T) {
	ca := newACME(t, "tls-alpn-01")
	address := ca.server.Listener.Addr().String()
	ca.server.Close()
	s := start(t, ca.config("", "one.test"))
	s.logs("cannot be reached")
	wantStatus(t, client(t, ca.plain), "http://one.test/x", http.StatusFound)

	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again := &http.Server{Handler: ca.CA, TLSConfig: ca.server.TLS}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		again.ServeTLS(ln, "", "")
	}()
	ca.served(t, "one.test")
	again.Close()
	<-ended
}

// TestACMEPrimaryForClientsWithoutAName has a local authority beside ACME, which
// would issue for the address that such a client has come to.
func TestACMEPrimaryForClientsWithoutAName(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	ca := newACME(t, "tls-alpn-01")
	start(t, ca.config(", selfSigned: true, primaryDomain: two.test", "one.test", "two.test"))
	ca.served(t, "two.test")
	conn, err := tls.Dial("tcp", ca.tls, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0].DNSNames; !slices.Equal(got, []string{"two.test"}) {
		t.Errorf("got the certificate for %q", got)
	}
}

func TestACMEWithClientCertificates(t *testing.T) {
	ca := newACME(t, "tls-alpn-01")
	start(t, ca.config(fmt.Sprintf(", minVersion: '1.3', clientAuth: {ca: %q}", ca.caFile), "one.test"))
	for deadline := time.Now().Add(patience); len(ca.Validated()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never validated")
		}
	}
	conn, err := tls.Dial("tcp", ca.tls, &tls.Config{ServerName: "one.test", RootCAs: ca.Pool()})
	if err == nil {
		defer conn.Close()
		if _, err = conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("a client without a certificate got %v", err)
		}
	}
}

// TestOthersTokensAreForTheRules has certbot's tokens behind a rule.
func TestOthersTokensAreForTheRules(t *testing.T) {
	ca := newACME(t, "http-01")
	text := strings.Replace(ca.config("", "one.test"), `"*": "redirect`, `"/.well-known/acme-challenge/*": "reject -> 418", "*": "redirect`, 1)
	start(t, text)
	ca.served(t, "one.test")
	c := client(t, ca.plain)
	wantStatus(t, c, "http://one.test/.well-known/acme-challenge/certbots-own-token-0123456789", 418)
	wantStatus(t, c, "http://one.test/.well-known/acme-challenge/", 418)
	wantStatus(t, c, "http://one.test/elsewhere", http.StatusFound)
}

//go:build unix

package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// modernCiphers are what TLS 1.2 may offer, and all it does offer to a server
// with an RSA and an ECDSA certificate.
var modernCiphers = []string{
	"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
}

// secureSite is a server with two TLS ports that are the same in all but their
// number, and one host with an RSA and an ECDSA certificate.
type secureSite struct {
	*process
	file    string
	ports   [2]string // addresses
	certDir string
}

const secureHost = "secure.example"

// startSecure starts it; ssl is what both ports have beside certDir.
func startSecure(t *testing.T, ssl string) *secureSite {
	t.Helper()
	s := &secureSite{file: filepath.Join(t.TempDir(), "config.yaml"), certDir: t.TempDir()}
	// Of two for a name the one that is valid longer is served first: the ECDSA
	// one comes second, so that a second's turn between them changes nothing.
	testCA().writeRSALeaf(t, s.certDir, "rsa", secureHost)
	testCA().writeLeaf(t, s.certDir, "ecdsa", secureHost)
	writeFile(t, filepath.Join(s.certDir, "chain.pem"), pemText("CERTIFICATE", testCA().intermediate.Raw))
	text := "ports:\n"
	backend := app(t)
	for i := range s.ports {
		s.ports[i] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		text += fmt.Sprintf("  %q:\n    router: {\"*\": [\"addHeader -> X-Client=[tls.subject]\", %d]}\n    ssl: {certDir: %q%s}\n", s.ports[i], backend, s.certDir, ssl)
	}
	writeFile(t, s.file, text)
	s.process = startServer(t, s.file)
	return s
}

// reload has the server read its config again, though nothing has changed.
func (s *secureSite) reload(t *testing.T) {
	t.Helper()
	from := len(s.output.String())
	s.signal(t, syscall.SIGHUP)
	s.waitFor(t, from, "config reloaded")
}

// writeRSALeaf is writeLeaf with the other kind of key.
func (a *authority) writeRSALeaf(t *testing.T, dir, base string, hosts ...string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, dir, base, key, &x509.Certificate{DNSNames: hosts, KeyUsage: x509.KeyUsageDigitalSignature})
}

// write issues what template says and writes it and its key to two files.
func (a *authority) write(t *testing.T, dir, base string, key crypto.Signer, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	leaf := sign(template, a.intermediate, key.Public(), a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, base+".key"), pemText("PRIVATE KEY", der))
	writeFile(t, filepath.Join(dir, base+".crt"), pemText("CERTIFICATE", leaf.Raw))
	return leaf
}

// TestSSLScan has a scanner find out what is on offer.
func TestSSLScan(t *testing.T) {
	t.Parallel()
	sslscan := need(t, "sslscan", "sslscan")
	s := startSecure(t, "")
	out := mustRun(t, nil, sslscan, "--xml=-", "--sni-name="+secureHost, "--show-certificate", s.ports[0])
	var scan struct {
		Test struct {
			Protocols []struct {
				Type    string `xml:"type,attr"`
				Version string `xml:"version,attr"`
				Enabled int    `xml:"enabled,attr"`
			} `xml:"protocol"`
			Ciphers []struct {
				Protocol string `xml:"sslversion,attr"`
				Name     string `xml:"cipher,attr"`
			} `xml:"cipher"`
			Heartbleed []struct {
				Vulnerable int `xml:"vulnerable,attr"`
			} `xml:"heartbleed"`
			Renegotiation struct {
				Supported int `xml:"supported,attr"`
			} `xml:"renegotiation"`
			Compression struct {
				Supported int `xml:"supported,attr"`
			} `xml:"compression"`
			Groups []struct {
				Name string `xml:"name,attr"`
			} `xml:"group"`
			Certificates []struct {
				Subject string `xml:"subject"`
			} `xml:"certificates>certificate"`
		} `xml:"ssltest"`
	}
	if err := xml.Unmarshal([]byte(out), &scan); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, p := range scan.Test.Protocols {
		if want := p.Type == "tls" && (p.Version == "1.2" || p.Version == "1.3"); (p.Enabled == 1) != want {
			t.Errorf("%s %s: enabled is %d", p.Type, p.Version, p.Enabled)
		}
	}
	var old []string
	for _, c := range scan.Test.Ciphers {
		if c.Protocol == "TLSv1.2" {
			old = append(old, c.Name)
		} else if c.Protocol != "TLSv1.3" || !strings.HasPrefix(c.Name, "TLS_") {
			t.Errorf("%s has %s", c.Protocol, c.Name)
		}
	}
	if slices.Sort(old); !slices.Equal(old, modernCiphers) {
		t.Errorf("TLS 1.2 has\n%q, want\n%q", old, modernCiphers)
	}
	for _, h := range scan.Test.Heartbleed {
		if h.Vulnerable != 0 {
			t.Error("vulnerable to Heartbleed")
		}
	}
	if scan.Test.Compression.Supported != 0 {
		t.Error("TLS compression is on")
	}
	var groups []string
	for _, g := range scan.Test.Groups {
		groups = append(groups, g.Name)
	}
	if !slices.Contains(groups, "x25519") || len(scan.Test.Protocols) < 5 || len(scan.Test.Certificates) == 0 {
		t.Errorf("groups %q, %d protocols, %d certificates", groups, len(scan.Test.Protocols), len(scan.Test.Certificates))
	}
	if t.Failed() {
		t.Log(out)
	}
}

// client runs openssl s_client against a port of the site and sends it one
// request.
func (s *secureSite) client(t *testing.T, openssl, address string, args ...string) result {
	t.Helper()
	request := strings.NewReader("GET / HTTP/1.1\r\nHost: " + secureHost + "\r\nConnection: close\r\n\r\n")
	return run(t, nil, request, openssl, append([]string{"s_client", "-connect", address, "-servername", secureHost,
		"-CAfile", testCA().rootFile(t), "-verify_return_error", "-verify_hostname", secureHost, "-ign_eof"}, args...)...)
}

func TestOpenSSLCiphers(t *testing.T) {
	t.Parallel()
	openssl := need(t, "openssl", "openssl")
	s := startSecure(t, "")
	for _, test := range []struct {
		args   []string
		cipher string // "" when the handshake must fail
	}{
		{[]string{"-tls1_3"}, "TLS_AES_128_GCM_SHA256"},
		{[]string{"-tls1_2"}, "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{[]string{"-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"}, "ECDHE-RSA-AES256-GCM-SHA384"},
		{[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"}, ""},
		{[]string{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"}, ""},
		{[]string{"-tls1_2", "-cipher", "AES128-GCM-SHA256"}, ""},
		{[]string{"-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"}, ""},
		{[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, ""},
		{[]string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, ""},
	} {
		got := s.client(t, openssl, s.ports[0], test.args...)
		switch {
		case test.cipher == "" && got.code == 0:
			t.Errorf("%q: the handshake succeeded:\n%s", test.args, got.stdout)
		case test.cipher == "" && !strings.Contains(got.stderr, "alert"):
			t.Errorf("%q: it was not the server that refused:\n%s", test.args, got.stderr)
		case test.cipher != "" && (got.code != 0 || !strings.Contains(got.stdout, "Cipher is "+test.cipher) && !strings.Contains(got.stdout, "TLSv1.3, Cipher is ")):
			t.Errorf("%q: exit code %d, want %s:\n%s%s", test.args, got.code, test.cipher, got.stdout, got.stderr)
		}
	}
}

// TestOpenSSLResumes comes back with a ticket: to the same port, to the other
// one, and after a reload.
func TestOpenSSLResumes(t *testing.T) {
	t.Parallel()
	openssl := need(t, "openssl", "openssl")
	s := startSecure(t, "")
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		ticket := filepath.Join(t.TempDir(), "ticket")
		if got := s.client(t, openssl, s.ports[0], version, "-sess_out", ticket); got.code != 0 || !strings.Contains(got.stdout, "New, TLS") {
			t.Fatalf("%s: exit code %d:\n%s%s", version, got.code, got.stdout, got.stderr)
		}
		resumes := func(when, address string) {
			t.Helper()
			got := s.client(t, openssl, address, version, "-sess_in", ticket)
			if !strings.Contains(got.stdout, "Reused, TLS") || !strings.Contains(got.stdout, "HTTP/1.1 200") {
				t.Errorf("%s, %s: not resumed:\n%s%s", version, when, got.stdout, got.stderr)
			}
		}
		resumes("same port", s.ports[0])
		resumes("other port", s.ports[1])
		s.reload(t)
		resumes("after a reload", s.ports[0])
	}
}

// TestPostQuantum: clients that can do a hybrid key exchange get one.
func TestPostQuantum(t *testing.T) {
	t.Parallel()
	s := startSecure(t, "")
	for _, curves := range [][]tls.CurveID{nil, {tls.X25519MLKEM768}} {
		conn := tls.Client(dial(t, s.ports[0]), &tls.Config{ServerName: secureHost, RootCAs: testCA().pool(), CurvePreferences: curves})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().CurveID; got != tls.X25519MLKEM768 {
			t.Errorf("with %v: the key exchange is %v", curves, got)
		}
	}
}

// TestOpenSSLOCSP staples what OpenSSL's own responder says.
func TestOpenSSLOCSP(t *testing.T) {
	t.Parallel()
	openssl := need(t, "openssl", "openssl")
	s := startSecure(t, "")
	if got := s.client(t, openssl, s.ports[0], "-status"); !strings.Contains(got.stdout, "OCSP response: no response sent") {
		t.Errorf("without a responder:\n%s", got.stdout)
	}

	port, ca, dir, stage := freePort(t), testCA(), t.TempDir(), t.TempDir()
	leaf := ca.write(t, stage, "stapled", newKey(), &x509.Certificate{
		Subject: pkix.Name{CommonName: secureHost}, DNSNames: []string{secureHost}, OCSPServer: []string{fmt.Sprintf("http://127.0.0.1:%d/", port)},
	})
	// The responder knows it before the server asks.
	writeFile(t, filepath.Join(dir, "index.txt"), fmt.Sprintf("V\t%s\t\t%X\tunknown\t/CN=%s\n", leaf.NotAfter.UTC().Format("060102150405Z"), leaf.SerialNumber, secureHost))
	caKey, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "ca.crt"), pemText("CERTIFICATE", ca.intermediate.Raw))
	writeFile(t, filepath.Join(dir, "ca.key"), pemText("PRIVATE KEY", caKey))
	in := func(name string) string { return filepath.Join(dir, name) }
	responder := start(t, nil, openssl, "ocsp", "-index", in("index.txt"), "-port", fmt.Sprint(port), "-ndays", "1",
		"-CA", in("ca.crt"), "-rsigner", in("ca.crt"), "-rkey", in("ca.key"))
	responder.waitFor(t, 0, "waiting for OCSP client connections")
	for _, name := range []string{"ecdsa.crt", "rsa.crt"} {
		if err := os.Remove(filepath.Join(s.certDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"stapled.key", "stapled.crt"} {
		if err := os.Rename(filepath.Join(stage, name), filepath.Join(s.certDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "an answer is stapled", func() error {
		got := s.client(t, openssl, s.ports[0], "-status")
		if !strings.Contains(got.stdout, "OCSP Response Status: successful") || !strings.Contains(got.stdout, "Cert Status: good") {
			return fmt.Errorf("%s%s", got.stdout, got.stderr)
		}
		return nil
	})
}

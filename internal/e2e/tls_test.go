//go:build unix

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// sniCases says whose certificate a client gets that asks for a name.
var sniCases = []struct{ name, ask, certificate string }{
	{"exact", "myserver.com", "myserver.com"},
	{"second name of a certificate", "www.mywebsite.net", "mywebsite.net"},
	{"wildcard", "a.apps.example", "*.apps.example"},
	{"wildcard is one label", "b.a.apps.example", "mywebsite.net"},
	{"top of the folder", "elsewhere.example", "elsewhere.example"},
	{"unknown name: the primary domain's", "unknown.example", "mywebsite.net"},
	{"no name: the primary domain's", "", "mywebsite.net"},
}

func TestCertificateByName(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{})
	for _, test := range sniCases {
		t.Run(test.name, func(t *testing.T) {
			state, err := handshake(t, s, &tls.Config{ServerName: test.ask})
			if err != nil {
				t.Fatal(err)
			}
			wantCertificate(t, state.PeerCertificates, test.certificate)
			if state.Version != tls.VersionTLS13 {
				t.Errorf("the newest common version is 1.3, got %s", tls.VersionName(state.Version))
			}
		})
	}
}

// wantCertificate checks the leaf's common name, and that the root alone
// verifies what was sent.
func wantCertificate(t *testing.T, sent []*x509.Certificate, name string) {
	t.Helper()
	if len(sent) == 0 {
		t.Fatal("no certificate was sent")
	}
	if got := sent[0].Subject.CommonName; got != name {
		t.Errorf("got the certificate of %q, want that of %q", got, name)
	}
	intermediates := x509.NewCertPool()
	for _, c := range sent[1:] {
		intermediates.AddCert(c)
	}
	if _, err := sent[0].Verify(x509.VerifyOptions{Roots: testCA().pool(), Intermediates: intermediates}); err != nil {
		t.Errorf("%d certificates sent: %v", len(sent), err)
	}
}

// handshake connects to the site's TLS port; what was sent is for the caller
// to verify.
func handshake(t *testing.T, s *site, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	config.InsecureSkipVerify = true
	conn := tls.Client(dial(t, s.address(s.tls)), config)
	defer conn.Close()
	err := conn.Handshake()
	return conn.ConnectionState(), err
}

func TestOpenSSLSeesCertificateByName(t *testing.T) {
	t.Parallel()
	openssl := need(t, "openssl", "openssl")
	s := startSite(t, setup{})
	for _, test := range sniCases {
		t.Run(test.name, func(t *testing.T) {
			who := []string{"-servername", test.ask}
			if test.ask == "" {
				who = []string{"-noservername"}
			}
			got := mustRun(t, nil, openssl, append([]string{"s_client", "-connect", s.address(s.tls),
				"-CAfile", s.trustedRoot, "-verify_return_error", "-showcerts"}, who...)...)
			wantCertificate(t, certificatesIn(t, got), test.certificate)
		})
	}
}

func certificatesIn(t *testing.T, text string) (found []*x509.Certificate) {
	t.Helper()
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, cert)
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{})
	for version, served := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		state, err := handshake(t, s, &tls.Config{ServerName: "myserver.com", MinVersion: version, MaxVersion: version})
		if (err == nil) != served {
			t.Errorf("%s: served is %v (%v), want %v", tls.VersionName(version), err == nil, err, served)
		}
		if err == nil && state.Version != version {
			t.Errorf("asked for %s, got %s", tls.VersionName(version), tls.VersionName(state.Version))
		}
	}
}

// TestCertificateFolderIsWatched copies a certificate into the folder of a
// running server, which then serves it, and breaks a file, which changes
// nothing.
func TestCertificateFolderIsWatched(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{})
	tunnel := dial(t, s.address(s.tls)) // an open connection must not notice
	open := tls.Client(tunnel, &tls.Config{ServerName: "myserver.com", RootCAs: testCA().pool()})
	if err := open.Handshake(); err != nil {
		t.Fatal(err)
	}

	served := func(name string) error {
		state, err := handshake(t, s, &tls.Config{ServerName: name})
		if err == nil && state.PeerCertificates[0].VerifyHostname(name) != nil {
			err = fmt.Errorf("got the certificate of %s", state.PeerCertificates[0].Subject.CommonName)
		}
		return err
	}
	if err := served("new.example"); err == nil {
		t.Fatal("new.example is served before it has a certificate")
	}
	// The broken file and the new certificate arrive together: when the one
	// has been noticed, so has the other.
	writeFile(t, filepath.Join(s.certDir, "myserver", "server.crt"), "-----BEGIN CERTIFICATE-----\nbroken\n")
	testCA().writeLeaf(t, filepath.Join(s.certDir, "new"), "fullchain", "new.example")
	eventually(t, "new.example is served", func() error { return served("new.example") })
	if err := served("myserver.com"); err != nil {
		t.Errorf("a broken file took a working certificate away: %v", err)
	}
	if strings.Contains(s.output.String(), "reloaded") {
		t.Error("the config was reloaded; the folder alone had changed")
	}
	if _, err := fmt.Fprint(open, "GET / HTTP/1.1\r\nHost: myserver.com\r\nConnection: close\r\n\r\n"); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
	answer := make([]byte, 12)
	if _, err := open.Read(answer); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 502") {
		t.Errorf("the connection from before answered %q, %v", answer, err)
	}
}

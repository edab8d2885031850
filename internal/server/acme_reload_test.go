package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestReloadAddsAndRemovesACMENames(t *testing.T) {
	ca := newACME(t, "tls-alpn-01")
	s := start(t, ca.config("", "one.test"))
	ca.served(t, "one.test")
	if err := s.apply(ca.config("", "one.test", "two.test")); err != nil {
		t.Fatal(err)
	}
	ca.served(t, "two.test")
	if err := s.apply(ca.config("", "two.test")); err != nil {
		t.Fatal(err)
	}
	if conn, err := tls.Dial("tcp", ca.tls, &tls.Config{ServerName: "one.test", RootCAs: ca.Pool()}); err == nil {
		conn.Close()
		t.Error("one.test is still served")
	}
	if err := s.apply(ca.config("", "one.test", "two.test")); err != nil {
		t.Fatal(err)
	}
	ca.served(t, "one.test")
	if n := len(s.srv.shared.acmes.byKey); n != 1 {
		t.Errorf("%d managers", n)
	}
	// Without any port that wants one it sleeps, and with one it wakes up.
	manager := s.srv.current.acme.manager
	if err := s.apply(site(ca.plain, "404")); err != nil {
		t.Fatal(err)
	}
	s.srv.draining.Wait()
	validation := &tls.ClientHelloInfo{ServerName: "one.test", SupportedProtos: []string{"acme-tls/1"}}
	if config, err := manager.ConfigForClient(validation); err == nil {
		t.Errorf("a manager without names answers validations: %v", config)
	}
	if err := s.apply(ca.config("", "one.test")); err != nil {
		t.Fatal(err)
	}
	ca.served(t, "one.test")
	if got := ca.Ordered(); !slices.Equal(got, []string{"one.test", "two.test"}) {
		t.Errorf("ordered %q", got)
	}
}

func TestCertDirWinsOverACME(t *testing.T) {
	ca := newACME(t, "tls-alpn-01")
	own := newCA(t, "own")
	s := start(t, ca.config(fmt.Sprintf(", certDir: %q", own.folder(t, "one.test")), "one.test", "two.test"))
	ca.served(t, "two.test")
	s.logs("one.test has a certificate in certDir, none is ordered")
	conn, err := tls.Dial("tcp", ca.tls, &tls.Config{ServerName: "one.test", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.ConnectionState().PeerCertificates[0].CheckSignatureFrom(own.cert); err != nil {
		t.Errorf("one.test has another certificate: %v", err)
	}
	if got := ca.Ordered(); !slices.Equal(got, []string{"two.test"}) {
		t.Errorf("ordered %q", got)
	}
}

func TestACMESettingsThatChange(t *testing.T) {
	ca := newACME(t, "tls-alpn-01")
	s := start(t, ca.config("", "one.test"))
	first := ca.served(t, "one.test")
	if err := s.apply(strings.Replace(ca.config("", "one.test"), "me@a.test", "you@a.test", 1)); err != nil {
		t.Fatal(err)
	}
	if again := ca.served(t, "one.test"); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("another address to write to ordered another certificate")
	}
	// Another authority's certificates are not this one's.
	other := newACME(t, "tls-alpn-01")
	other.dir, other.plain, other.tls = ca.dir, ca.plain, ca.tls
	other.DialTLS = ca.DialTLS
	if err := s.apply(other.config("", "one.test")); err != nil {
		t.Fatal(err)
	}
	other.served(t, "one.test")
	if n := len(other.Ordered()); n != 1 {
		t.Errorf("%d orders at the other authority", n)
	}
}

func TestACMERestart(t *testing.T) {
	ca := newACME(t, "tls-alpn-01")
	for range 2 {
		s := start(t, ca.config("", "one.test"))
		ca.served(t, "one.test")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := s.srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	}
	if got := ca.Ordered(); !slices.Equal(got, []string{"one.test"}) {
		t.Errorf("ordered %q", got)
	}
}

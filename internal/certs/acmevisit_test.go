package certs

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestACMEStrangers(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"b.com", "a.com"}, never)
		w.serves("b.com")
		w.serves("a.com")
		for _, name := range []string{"stranger.com", "www.a.com", "a.com.evil.com", ""} {
			cert, err := w.visitWith(&tls.Config{ServerName: name, InsecureSkipVerify: true})
			if err != nil || cert.DNSNames[0] != "a.com" {
				t.Errorf("%q got %v, %v; want the first one", name, cert, err)
			}
		}
		if _, err := w.visit("A.COM."); err != nil {
			t.Errorf("A.COM.: %v", err)
		}
		// Clients that autocert takes for ones without ECDSA.
		w.visitWith(&tls.Config{ServerName: "a.com", RootCAs: w.ca.Pool(), MinVersion: tls.VersionTLS13})
		w.visitWith(&tls.Config{ServerName: "a.com", RootCAs: w.ca.Pool(), MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}})
		// Validations by strangers.
		for _, name := range []string{"stranger.com", "a.com"} {
			if cert, err := w.visitWith(&tls.Config{ServerName: name, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true}); err == nil {
				t.Errorf("a validation for %s got %v", name, cert.DNSNames)
			}
		}
		time.Sleep(acmeDay)
		if n := len(w.ca.Ordered()); n != 2 {
			t.Errorf("ordered %q", w.ca.Ordered())
		}
	})
}

func TestACMEOffersItsProtocolToAuthoritiesOnly(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"a.com"}, never)
		w.serves("a.com")
		conn, _ := w.dialTLS(context.Background(), "")
		defer conn.Close()
		client := tls.Client(conn, &tls.Config{ServerName: "a.com", RootCAs: w.ca.Pool(), NextProtos: []string{"acme-tls/1", "x"}})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if p := client.ConnectionState().NegotiatedProtocol; p != "" {
			t.Errorf("negotiated %q", p)
		}
	})
}

func TestACMEPrimaryStandsIn(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.close()
		w.open(Options{Primary: "b.com"})
		w.acme.SetNames([]string{"a.com", "b.com"}, never)
		w.serves("a.com")
		w.serves("b.com")
		for _, name := range []string{"stranger.com", ""} {
			cert, err := w.visitWith(&tls.Config{ServerName: name, InsecureSkipVerify: true})
			if err != nil || cert.DNSNames[0] != "b.com" {
				t.Errorf("%q got %v, %v", name, cert, err)
			}
		}
	})
}

func TestACMEFirstVisitorsWait(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.ca.DialTLS = func(ctx context.Context, host string) (net.Conn, error) {
			time.Sleep(5 * time.Second)
			return w.dialTLS(ctx, host)
		}
		w.acme.SetNames([]string{"a.com"}, never)
		synctest.Wait()
		began := time.Now()
		w.serves("a.com")
		if waited := time.Since(began); waited < 5*time.Second || waited > handshakeWait {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestACMEVisitorsDoNotWaitForLong(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.ca.DialTLS = func(ctx context.Context, host string) (net.Conn, error) {
			time.Sleep(time.Minute)
			return w.dialTLS(ctx, host)
		}
		w.acme.SetNames([]string{"a.com"}, never)
		synctest.Wait()
		began := time.Now()
		if _, err := w.visit("a.com"); err == nil {
			t.Error("there is a certificate")
		}
		if waited := time.Since(began); waited != handshakeWait {
			t.Errorf("waited %v", waited)
		}
	})
}

package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestACMEReload(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"a.com", "b.com"}, never)
		w.serves("a.com")
		w.serves("b.com")
		w.acme.SetNames([]string{"b.com", "c.com"}, never)
		w.serves("c.com")
		if _, err := w.visit("a.com"); err == nil {
			t.Error("a.com is still served")
		}
		time.Sleep(70 * acmeDay)
		if n := tries(w, "a.com"); n != 1 {
			t.Errorf("a.com was ordered %d times: it is not wanted any more", n)
		}
		if n := tries(w, "b.com") + tries(w, "c.com"); n != 4 {
			t.Errorf("the others were ordered %d times, want 4", n)
		}
		w.acme.SetNames([]string{"a.com"}, never)
		time.Sleep(2 * time.Hour)
		if n := tries(w, "a.com"); n != 2 {
			t.Errorf("back again, a.com was ordered %d times, want 2", n)
		}
		w.serves("a.com")
		w.acme.SetNames(nil, nil)
		time.Sleep(65 * acmeDay)
		if n := len(w.ca.Ordered()); n != 6 {
			t.Errorf("%d orders, want 6", n)
		}
	})
}

func TestACMELeavesCoveredNamesAlone(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		var covered atomic.Bool
		covered.Store(true)
		w.acme.SetNames([]string{"a.com"}, func(string) bool { return covered.Load() })
		time.Sleep(acmeDay)
		w.ordered()
		if n := w.log.count("a.com has a certificate in certDir, none is ordered"); n != 1 {
			t.Errorf("said %d times", n)
		}
		covered.Store(false)
		time.Sleep(2 * time.Minute)
		w.ordered("a.com")
		covered.Store(true)
		time.Sleep(70 * acmeDay)
		w.ordered("a.com")
		covered.Store(false)
		time.Sleep(2 * time.Hour)
		w.ordered("a.com", "a.com")
	})
}

func TestFolderWinsOverACME(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.close()
		dir := t.TempDir()
		leaf := newAuthority(t, "own").leaf(t, "a.com")
		write(t, dir, "a.crt", certPEM(leaf), "a.key", keyPEM(leaf))
		w.open(Options{Dir: dir})
		w.acme.SetNames([]string{"a.com", "b.com"}, w.store.Covers)
		w.serves("b.com")
		cert, err := w.visitWith(&tls.Config{ServerName: "a.com", InsecureSkipVerify: true})
		if err != nil || !cert.Equal(leaf.cert) {
			t.Errorf("a.com got %v, %v", cert, err)
		}
		w.ordered("b.com")
	})
}

func TestACMEFolderThatCannotBeWritten(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.AllowHTTP()
		w.ca.DialTLS, w.ca.DialHTTP = nil, w.dialHTTP
		w.acme.SetNames([]string{"a.com"}, never)
		w.serves("a.com")
		// Even root cannot write into a folder that is not there.
		if err := os.RemoveAll(w.acme.folder.dir); err != nil {
			t.Fatal(err)
		}
		w.acme.SetNames([]string{"a.com", "b.com"}, never)
		w.serves("b.com")
		if n := w.log.count("the certificate for b.com is served, but after a restart a new one will be ordered: configDir: "); n != 1 {
			t.Errorf("said %d times", n)
		}
		time.Sleep(70 * acmeDay)
		if n := len(w.ca.Validated()); n != 4 {
			t.Errorf("%d certificates, want 4: %q", n, w.ca.Ordered())
		}
	})
}

func TestACMECloseEndsAnOrder(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.ca.DialTLS = func(ctx context.Context, host string) (net.Conn, error) {
			time.Sleep(time.Minute)
			return nil, errors.New("nobody there")
		}
		w.acme.SetNames([]string{"a.com"}, never)
		synctest.Wait()
		began := time.Now()
		w.close()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		w.acme.SetNames([]string{"b.com"}, never)
		time.Sleep(acmeDay)
		w.ordered("a.com")
		if n := w.log.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings", n)
		}
	})
}

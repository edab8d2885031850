package certs

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"httpmaster/internal/certs/acmetest"
)

func TestACMERefusal(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.ca.Refuse("bad.com", acmetest.Problem{
			Type: "urn:ietf:params:acme:error:rejectedIdentifier", Detail: "policy forbids\n\"bad.com\"", Status: 400,
		})
		w.acme.SetNames([]string{"bad.com", "good.com"}, never)
		w.serves("good.com")
		const text = `no certificate for bad.com yet: ca.test says \"policy forbids \\\"bad.com\\\"\" ` +
			`(this authority gives no certificate for this name: remove it, or put one into certDir); tried again in 1`
		if n := w.log.count(text); n != 1 {
			t.Errorf("%d lines have %q", n, text)
		}
		// 10, 20, 40 … minutes, each up to a fifth longer.
		time.Sleep(9 * time.Minute)
		if n := tries(w, "bad.com"); n != 1 {
			t.Errorf("%d orders within 10 minutes", n)
		}
		time.Sleep(4 * time.Minute)
		if n := tries(w, "bad.com"); n != 2 {
			t.Errorf("%d orders after 13 minutes", n)
		}
		time.Sleep(acmeDay)
		if n := tries(w, "bad.com"); n < 6 || n > 8 {
			t.Errorf("%d orders within a day", n)
		}
		time.Sleep(20 * acmeDay)
		if n := tries(w, "bad.com"); n < 22 || n > 29 {
			t.Errorf("%d orders within three weeks: not one a day", n)
		}
		// A reload tries at once.
		w.ca.Refuse("bad.com", acmetest.Problem{})
		before := tries(w, "bad.com")
		w.acme.SetNames([]string{"bad.com", "good.com"}, never)
		time.Sleep(time.Minute)
		if n := tries(w, "bad.com"); n != before+1 {
			t.Errorf("%d orders after a reload, want %d", n, before+1)
		}
		w.serves("bad.com")
		if n := tries(w, "good.com"); n != 1 {
			t.Errorf("good.com was ordered %d times", n)
		}
	})
}

func tries(w *acmeWorld, name string) (n int) {
	for _, ordered := range w.ca.Ordered() {
		if ordered == name {
			n++
		}
	}
	return n
}

func TestACMERateLimit(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.ca.Refuse("a.com", acmetest.Problem{
			Type: "urn:ietf:params:acme:error:rateLimited", Detail: "too many", Status: 429, RetryAfter: "180000",
		})
		w.acme.SetNames([]string{"a.com"}, never)
		for range 49 { // impatient reloads do not help
			time.Sleep(time.Hour)
			w.acme.SetNames([]string{"a.com"}, never)
		}
		w.ordered("a.com")
		if n := w.log.count(`ca.test says \"too many\"; tried again in 5`); n != 1 {
			t.Error("the log does not say for how long")
		}
		w.ca.Refuse("a.com", acmetest.Problem{})
		time.Sleep(11 * time.Hour)
		w.ordered("a.com", "a.com")
		w.serves("a.com")
	})
}

func TestACMEChallengesThatFail(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.AllowHTTP()
		w.ca.DialTLS = nil
		var mended atomic.Bool
		w.ca.DialHTTP = func(ctx context.Context, host string) (net.Conn, error) {
			if mended.Load() {
				return w.dialHTTP(ctx, host)
			}
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
					theirs.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"))
				}
			}()
			return ours, nil
		}
		w.acme.SetNames([]string{"a.com"}, never)
		time.Sleep(time.Minute)
		const text = `no certificate for a.com yet: ca.test says \"tls-alpn-01: dial tcp: connection refused; ` +
			`http-01: invalid response from http://a.com: 404 Not Found \\\"nope\\\"\" ` +
			`(the authority must be able to reach this server under that name: port 80 for http-01, port 443 for tls-alpn-01; ` +
			`does the name's DNS record, AAAA included, point to this server?)`
		if n := w.log.count(text); n != 1 {
			t.Errorf("%d lines have %q", n, text)
		}
		mended.Store(true)
		time.Sleep(12 * time.Minute)
		w.serves("a.com")
		if got := w.ca.Validated(); !slices.Equal(got, []string{"http-01"}) {
			t.Errorf("validated by %q", got)
		}
		if left := tokens(t, w); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}

// tokens lists the files of challenges.
func tokens(t *testing.T, w *acmeWorld) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(w.acme.folder.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "+http-01") || strings.HasSuffix(e.Name(), "+token") {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestACMEAuthorityBreaksDown has an authority that goes away after it has told
// where its services are: then autocert itself takes notice of the failure.
func TestACMEAuthorityBreaksDown(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"a.com"}, never)
		w.serves("a.com")
		w.down.Store(true)
		w.acme.base.CloseIdleConnections()
		w.acme.SetNames([]string{"b.com"}, never)
		time.Sleep(30 * time.Second)
		if n := w.log.count(`no certificate for b.com yet: ca.test cannot be reached: `); n != 1 {
			t.Errorf("said %d times", n)
		}
		w.down.Store(false)
		time.Sleep(time.Minute)
		w.serves("b.com")
		if n := w.log.count("level=WARN"); n != 1 {
			t.Errorf("%d warnings", n)
		}
	})
}

func TestACMEAuthorityDown(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.down.Store(true)
		w.acme.SetNames([]string{"a.com"}, never)
		time.Sleep(10 * time.Second)
		const text = `no certificate for a.com yet: ca.test cannot be reached: Get \"https://ca.test/directory\": connection refused; tried again in 2`
		if n := w.log.count(text); n != 1 {
			t.Errorf("%d lines have %q", n, text)
		}
		if _, err := w.visit("a.com"); err == nil {
			t.Error("there is a certificate")
		}
		time.Sleep(20 * acmeDay)
		if n := w.log.count("level=WARN"); n > 500 {
			t.Errorf("%d warnings in 20 days: more than one an hour", n)
		}
		w.down.Store(false)
		time.Sleep(72 * time.Minute)
		w.ordered("a.com")
		w.serves("a.com")
	})
}

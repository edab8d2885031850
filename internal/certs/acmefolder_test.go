package certs

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestAnswerHTTPLeavesTheRestAlone(t *testing.T) {
	a, err := OpenACME(ACMESettings{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	const token = "0123456789abcdefABCDEF_-"
	if err := a.folder.put(token+"+http-01", []byte("answer")); err != nil {
		t.Fatal(err)
	}
	write(t, a.folder.dir, "../outside0123456789+http-01", "secret")
	if err := a.folder.put("acme_account+key", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path string
		answered           bool
	}{
		{"ours", "GET", "/.well-known/acme-challenge/" + token, true},
		{"ours, HEAD", "HEAD", "/.well-known/acme-challenge/" + token, true},
		{"ours, POST", "POST", "/.well-known/acme-challenge/" + token, false},
		{"another client's", "GET", "/.well-known/acme-challenge/0123456789abcdefABCDEF_x", false},
		{"no token", "GET", "/.well-known/acme-challenge/", false},
		{"other path", "GET", "/" + token, false},
		{"above the folder", "GET", "/.well-known/acme-challenge/../" + token, false},
		{"a token above the folder", "GET", "/.well-known/acme-challenge/../outside0123456789", false},
		{"the account", "GET", "/.well-known/acme-challenge/acme_account+key", false},
		{"a folder", "GET", "/.well-known/acme-challenge/x/" + token, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(c.method, "http://any.host:8080"+c.path, nil)
			if got := a.AnswerHTTP(w, r); got != c.answered {
				t.Errorf("answered %v", got)
			}
			if c.answered && w.Body.String() != "answer" || !c.answered && w.Body.Len() > 0 {
				t.Errorf("body %q", w.Body)
			}
		})
	}
}

func TestOpenACMETidiesUp(t *testing.T) {
	s := ACMESettings{Dir: t.TempDir()}
	if err := os.MkdirAll(s.folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{".new-1", "x+http-01", "a.com+token", "a.com", "acme_account+key"} {
		path := filepath.Join(s.folder(), name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, s.folder(), "y+http-01", "") // of another process, now
	if _, err := OpenACME(s); err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, err := os.ReadDir(s.folder())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"a.com", "acme_account+key", "y+http-01"}; !slices.Equal(names, want) {
		t.Errorf("the folder has %q, want %q", names, want)
	}
}

func TestPublicName(t *testing.T) {
	for _, c := range []struct {
		written       string
		private       bool
		name, problem string
	}{
		{written: "a.com", name: "a.com"},
		{written: "WWW.A.Com.", name: "www.a.com"},
		{written: "źdźbło.pl", name: "xn--dbo-iwa1zb.pl"},
		{written: "localhost.example.com", name: "localhost.example.com"},
		{written: "10.0.0.1", problem: "addresses get no certificate"},
		{written: "[::1]", problem: "addresses get no certificate"},
		{written: "::1", private: true, problem: "addresses get no certificate"},
		{written: "*.a.com", private: true, problem: "wildcard certificates need the DNS challenge, which http-master does not do; put one into certDir"},
		{written: "localhost", private: true, problem: "a name without a dot is none that others can look up"},
		{written: "printer", private: true, problem: "a name without a dot is none that others can look up"},
		{written: "a.localhost", private: true, problem: "it is not a name in the public DNS"},
		{written: "nas.local", problem: "it is not a name in the public DNS"},
		{written: "nas.local", private: true, name: "nas.local"},
		{written: "app.internal", problem: "it is not a name in the public DNS"},
		{written: "router.home.arpa", problem: "it is not a name in the public DNS"},
		{written: "a.test", problem: "it is not a name in the public DNS"},
		{written: "_dmarc.a.com", problem: "it is not a valid DNS name"},
		{written: "-a.com", problem: "it is not a valid DNS name"},
		{written: "a b.com", problem: `"a b.com" is not a host name`},
		{written: "", problem: `"" is not a host name`},
	} {
		t.Run(c.written, func(t *testing.T) {
			name, err := PublicName(c.written, c.private)
			problem := ""
			if err != nil {
				problem = err.Error()
			}
			if name != c.name || problem != c.problem {
				t.Errorf("got %q, %q; want %q, %q", name, problem, c.name, c.problem)
			}
		})
	}
}

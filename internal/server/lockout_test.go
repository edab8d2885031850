package server

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A lockout is of the client that a trusted proxy names, holds for tunnels too,
// and outlives a reload.
func TestLockoutOutlivesReloads(t *testing.T) {
	addr := freePorts(t, 1)[0]
	passwords := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwords, []byte("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	auth := "{$: auth, file: " + quoted(passwords) + ", lockout: {failures: 2}}"
	text := "trustedProxies: 127.0.0.1\nports: {" + quoted(addr) + ": {router: {" +
		"'/tunnel': [" + auth + ", 'websockify -> " + echoService(t) + "'], '*': [" + auth + ", 'reject -> 410']}}}"
	s := start(t, text)
	c := client(t, addr)
	ask := func(path, from, password string) (status int, retry string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://a.com"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		r.SetBasicAuth("ann", password)
		if path == "/tunnel" {
			for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
				"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
				r.Header.Set(name, value)
			}
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusSwitchingProtocols {
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	want := func(path, from, password string, status int) {
		t.Helper()
		got, retry := ask(path, from, password)
		if got != status || (status == 429) != (retry != "") {
			t.Errorf("%s at %s with %q got %d, Retry-After %q, want %d", from, path, password, got, retry, status)
		}
	}
	want("/", "203.0.113.7", "one", 401)
	if err := s.apply(text); err != nil {
		t.Fatal(err)
	}
	want("/tunnel", "203.0.113.7", "two", 429)
	if err := s.apply(text); err != nil {
		t.Fatal(err)
	}
	want("/", "203.0.113.7", "secret", 429)
	want("/tunnel", "203.0.113.7", "secret", 429)
	want("/", "203.0.113.8", "secret", 410)
	want("/tunnel", "203.0.113.8", "secret", 101)
	if !strings.Contains(s.log.String(), `msg="address locked out" client=203.0.113.7 failures=2 until=20`) {
		t.Error("the log does not say who is locked out")
	}
}

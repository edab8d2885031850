package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"httpmaster/config"
	"httpmaster/proxy"
)

// named serves a name, and counts what it is asked for at /health.
type named struct {
	address string
	checks  chan struct{}
	healthy atomic.Bool
}

func newNamed(t *testing.T, name string) *named {
	n := &named{checks: make(chan struct{})}
	n.healthy.Store(true)
	n.address = backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, name)
			return
		}
		if !n.healthy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		select {
		case n.checks <- struct{}{}:
		case <-r.Context().Done():
		}
	})
	return n
}

func TestBalanceServes(t *testing.T) {
	a, b := newNamed(t, "A"), newNamed(t, "B")
	addr := freePorts(t, 1)[0]
	start(t, fmt.Sprintf(`
ports:
  %q:
    "*": {$: proxy, targets: [{target: %q, weight: 2}, %q], maxBody: 4}
    "/sticky": {$: proxy, targets: [%[2]q, %[3]q], balance: cookie, cookie: node}
`, addr, a.address, b.address))
	c := client(t, addr)
	var got []string
	for range 6 {
		_, body := get(t, c, "http://x.com/")
		got = append(got, body)
	}
	if got, want := strings.Join(got, " "), "A B A A B A"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for body, want := range map[string]int{"1234": 200, "12345": 413} {
		resp, err := c.Post("http://x.com/", "a/b", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a body of %d: %s, want %d", len(body), resp.Status, want)
		}
	}
	resp, _ := get(t, c, "http://x.com/sticky")
	if set := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(set, "node=") {
		t.Errorf("Set-Cookie is %q", set)
	}
}

// What is known of the targets stays when a reload leaves their settings as
// they were, and their checks end with the last generation that has them.
func TestBalanceOutlivesReload(t *testing.T) {
	a, b := newNamed(t, "A"), newNamed(t, "B")
	b.healthy.Store(false)
	addr := freePorts(t, 1)[0]
	text := func(other string) string {
		return fmt.Sprintf(`
ports:
  %q:
    "/other": %q
    "*": {$: proxy, targets: [%q, %q], health: {path: /health, interval: 1ms, timeout: 20s, fall: 1}}
`, addr, other, a.address, b.address)
	}
	s := start(t, text("reject -> 404"))
	wait := func(n *named) {
		t.Helper()
		select {
		case <-n.checks:
		case <-time.After(patience):
			t.Fatal("no health check came")
		}
	}
	wait(b)
	wait(b) // the outcome of the first is known now
	wait(a)
	onlyA := func(what string) {
		t.Helper()
		for range 3 {
			if _, body := get(t, client(t, addr), "http://x.com/"); body != "A" {
				t.Errorf("%s: %s answered", what, body)
			}
		}
	}
	onlyA("at first")
	before := s.srv.current.checked[0]
	if err := s.apply(text("reject -> 410")); err != nil {
		t.Fatal(err)
	}
	if s.srv.current.checked[0] != before {
		t.Error("the reload made another balancer")
	}
	onlyA("after the reload")
	wait(b) // the checks go on
	if n := strings.Count(s.log.String(), "an upstream is down"); n != 1 {
		t.Errorf("%d targets are said to be down", n)
	}
	if err := s.apply(site(addr, "404")); err != nil {
		t.Fatal(err)
	}
	// Nobody else could end its checks now; that they do end is TestMain's to
	// see.
	if len(s.srv.shared.balancers.entries) != 0 {
		t.Error("the balancer is still there")
	}
}

// Building starts nothing: check and explain do no more.
func TestBuildChecksNoHealth(t *testing.T) {
	cfg, faults := config.Parse("config.yaml", []byte(`ports: {80: {"*": {$: proxy, target: 9, health: {}}}}`))
	before := goleak.IgnoreCurrent()
	s := New(slog.New(slog.DiscardHandler))
	gen := s.Build(cfg, faults)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	if len(gen.checked) != 1 {
		t.Fatalf("%d balancers", len(gen.checked))
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	gen.Discard()
	gen.checked[0].Start() // too late
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// builtProxy builds a config whose only rule is a proxy.
func builtProxy(t *testing.T, port, value string) *proxy.Proxy {
	t.Helper()
	cfg, faults := config.Parse("config.yaml", fmt.Appendf(nil, `ports: {80: {%s router: {"a.com": %s}}}`, port, value))
	gen := NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults)
	t.Cleanup(gen.Discard)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	for h := range gen.sources.targets {
		if p, ok := h.(*proxy.Proxy); ok {
			return p
		}
	}
	t.Fatal("no proxy was built")
	return nil
}

func TestProxySettings(t *testing.T) {
	const port = "proxyTimeout: 7000, proxyTargetTimeout: 8000, keepOddHeaders: true,"
	plain := builtProxy(t, port, "8080")
	if plain.Balancer != nil || plain.Retries != 0 || plain.MaxBody != 0 || !plain.KeepOddHeaders ||
		plain.ClientIdle != 7*time.Second || plain.UpstreamIdle != 8*time.Second {
		t.Errorf("a plain target: %+v", plain)
	}
	own := builtProxy(t, port, `{$: proxy, target: 8080, timeout: 3s, clientTimeout: 2s, connectTimeout: 1s, retries: 2, maxBody: 1KB}`)
	if own.Balancer != nil || own.Retries != 2 || own.MaxBody != 1000 || own.ClientIdle != 2*time.Second || own.UpstreamIdle != 3*time.Second {
		t.Errorf("settings of its own: %+v", own)
	}
	several := builtProxy(t, "", `{$: proxy, targets: ["a:1", "https://b", "unix:/s"]}`)
	if several.Balancer == nil || len(several.Hops) != 3 || several.Retries != 1 || several.Balancer.Policy() != proxy.RoundRobin {
		t.Errorf("several targets: %+v", several)
	}
	if p := builtProxy(t, "", `{$: proxy, targets: ["a:1"]}`); p.Retries != 0 {
		t.Errorf("one of several has %d retries", p.Retries)
	}
	if p := builtProxy(t, "", `{$: proxy, targets: ["a:1", "b:1"], retries: 0, balance: leastConn}`); p.Retries != 0 || p.Balancer.Policy() != proxy.LeastConn {
		t.Errorf("without retries: %+v", p)
	}
}

func TestExplainBalance(t *testing.T) {
	gen := explained(t, "config.yaml", `
ports:
  80:
    "a.com/*": {$: proxy, targets: [{target: "10.0.0.1:8080/x/[rest]", weight: 3}, "https://b.lan"], balance: ipHash}
    "b.com": {$: proxy, target: 8080, health: {}}
`)
	got := answers(t, gen, []string{"http://a.com/p?q", "http://b.com/"})
	for _, want := range []string{`
line 4: answer: what one of these answers, chosen by ipHash
  http://10.0.0.1:8080, weight 3:
  GET /x/p?q
  Host: a.com
  X-Forwarded-Host: a.com
  X-Forwarded-Port: 80
  X-Forwarded-Proto: http
  https://b.lan:443, weight 1:
  GET /p?q
  Host: a.com
  X-Forwarded-Host: a.com
  X-Forwarded-Port: 80
  X-Forwarded-Proto: http
  depends on which of the upstreams are well when the request comes
`, `
line 5: answer: what http://127.0.0.1:8080 answers
  GET /
`} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
	x, err := gen.Explain(t.Context(), ask(t, "http://a.com/p?q"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(x.Answer)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"balance":"ipHash"`, `"weight":3`, `"weight":1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s has no %s", text, want)
		}
	}
}

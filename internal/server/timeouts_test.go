package server

import (
	"log/slog"
	"testing"
	"time"

	"httpmaster/config"
	"httpmaster/proxy"
	"httpmaster/router"
)

// TestWhichTimeoutCounts: the narrowest place that sets one.
func TestWhichTimeoutCounts(t *testing.T) {
	tests := []struct {
		name             string
		top, port, rule  string
		client, upstream time.Duration
	}{
		{"none", "", "", "8080", 0, 0},
		{"agentSettings", "agentSettings: {timeout: 1000}", "", "8080", 0, time.Second},
		{"the port's agentSettings", "agentSettings: {timeout: 1000}", "agentSettings: {timeout: 2000},", "8080", 0, 2 * time.Second},
		{"the config's", "{proxyTimeout: 1000, proxyTargetTimeout: 2000, agentSettings: {timeout: 9000}}", "", "8080", time.Second, 2 * time.Second},
		{"the port's", "{proxyTimeout: 1000, proxyTargetTimeout: 2000}", "proxyTimeout: 3000, proxyTargetTimeout: 4000,", "8080", 3 * time.Second, 4 * time.Second},
		{"the rule's", "", "proxyTimeout: 3000, proxyTargetTimeout: 4000,", "{$: proxy, target: 8080, clientTimeout: 5s, timeout: 6s}", 5 * time.Second, 6 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := "ports: {81: {" + tt.port + " router: {a.com: " + tt.rule + "}}}\n"
			switch {
			case tt.top == "":
			case tt.top[0] == '{':
				text = tt.top[:len(tt.top)-1] + ", " + text[:len(text)-1] + "}"
			default:
				text += tt.top
			}
			cfg, faults := config.Parse("config.yaml", []byte(text))
			gen := New(slog.New(slog.DiscardHandler)).Build(cfg, faults)
			defer gen.Discard()
			if err := faults.Err(); err != nil {
				t.Fatal(err)
			}
			p := firstProxy(t, gen)
			if p.ClientIdle != tt.client || p.UpstreamIdle != tt.upstream {
				t.Errorf("client %v, upstream %v; want %v, %v", p.ClientIdle, p.UpstreamIdle, tt.client, tt.upstream)
			}
		})
	}
}

// firstProxy gives the handler of the only rule, which is for a.com.
func firstProxy(t *testing.T, gen *Generation) *proxy.Proxy {
	t.Helper()
	branch, ok := gen.ports[0].handler.(*router.Branch)
	if !ok {
		t.Fatalf("the port's handler is a %T", gen.ports[0].handler)
	}
	rule := branch.Table.Match(&router.Match{Host: "a.com", Path: "/"})
	if rule == nil {
		t.Fatal("no rule is for a.com")
	}
	return rule.Handler.(*proxy.Proxy)
}

package server

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"httpmaster/config"
)

// TestStatusPageUnguarded: who shows the page to everybody is warned.
func TestStatusPageUnguarded(t *testing.T) {
	const warning = "the status page shows rules, clients and targets to anybody, and lets them close tunnels: put `auth` or `allow` before it"
	for text, want := range map[string]string{
		`"/s": status`: "config.yaml:1:31: " + warning,
		`"/s": ["deny -> 10.0.0.0/8", {$: status}]`:         "config.yaml:1:54: " + warning,
		`"/s": ["allow -> 10.0.0.0/8", status]`:             "",
		`"*": ["allow -> 10.0.0.0/8", {"/s": status}]`:      "",
		`"*": ["addHeader -> A=b", {"/s": "status -> no"}]`: "config.yaml:1:69: status takes no argument; write \"status\" alone",
	} {
		cfg, faults := config.Parse("config.yaml", []byte("ports: {8080: {router: {"+text+"}}}\n"))
		NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults).Discard()
		got := ""
		for _, f := range append(faults.Errors(), faults.Warnings()...) {
			f.Warning = false
			got += f.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestStatusPage: it is the server's, with what the log has told.
func TestStatusPage(t *testing.T) {
	addr := freePorts(t, 1)[0]
	r := start(t, "ports: {"+quoted(addr)+`: {router: {"/s": ["allow -> 127.0.0.1", status]}}}`)
	resp, body := get(t, client(t, addr), "http://a.com/s")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(body, "<!DOCTYPE html>") {
		t.Errorf("%s, %.100q", resp.Status, body)
	}
	r.srv.Log().With("port", "80").Warn("something", "user", "x\ny")
	r.srv.Log().Info("nothing")
	recent := r.srv.Status().Recent
	if len(recent) != 1 || recent[0].Level != "WARN" || recent[0].Text != "something port=80 user=x\ny" {
		t.Errorf("recent are %+v", recent)
	}
	if !strings.Contains(r.log.String(), `msg=something port=80 user="x\ny"`) || !strings.Contains(r.log.String(), "msg=nothing") {
		t.Errorf("the log is %s", r.log)
	}
	for range 2 * maxRecent {
		r.srv.Log().Error(strings.Repeat("ż", 2*maxRecentText))
	}
	recent = r.srv.Status().Recent
	if len(recent) != maxRecent || len(recent[0].Text) > maxRecentText+3 || recent[maxRecent-1].Level != "ERROR" {
		t.Errorf("%d are remembered", len(recent))
	}
}

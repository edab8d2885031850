package server

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/config"
)

// warnings builds a config dry and gives what is doubtful about it, a line each.
func warnings(t *testing.T, file, text string) string {
	t.Helper()
	cfg, faults := config.Parse(file, []byte(text))
	NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults).Discard()
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, f := range faults.Warnings() {
		fmt.Fprintln(&lines, f)
	}
	return lines.String()
}

func TestMissingCertificates(t *testing.T) {
	dir := certFolder(t, "a.com", "*.b.com")
	got := warnings(t, filepath.Join(dir, "config.yaml"), `
ports:
  443:
    router:
      "a.com": 8080
      "x.b.com/x": 8080
      "b.com": 8080
      "c.com/x": 8080
      "c.com/y": 8080
      "*.d.com": {"e.d.com": 8080}
      "10.0.0.1": 8080
    ssl: {certDir: "."}
  444:
    router: {"a.com": 8080, "c.com": 8080}
    ssl: {key: anything.txt, cert: anything.txt}
  445:
    router: {"c.com": 8080}
    ssl: {selfSigned: true}
  80:
    router: {"c.com": 8080}
`)
	want := `DIR/config.yaml:7:8: warning: no certificate of port 443 is for "b.com", so browsers refuse it; put its certificate and key into .
DIR/config.yaml:8:8: warning: no certificate of port 443 is for "c.com", so browsers refuse it; put its certificate and key into .
DIR/config.yaml:10:20: warning: no certificate of port 443 is for "e.d.com", so browsers refuse it; put its certificate and key into .
DIR/config.yaml:11:8: warning: no certificate of port 443 is for "10.0.0.1", so browsers refuse it; put its certificate and key into .
DIR/config.yaml:14:30: warning: no certificate of port 444 is for "c.com", so browsers refuse it; name its key and cert in ssl.SNI, or their folder as ssl.certDir
`
	if got = strings.ReplaceAll(got, dir, "DIR"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestManyMissingCertificates keeps a config of many hosts from being shouted
// down by one warning.
func TestManyMissingCertificates(t *testing.T) {
	dir := certFolder(t, "a.com")
	var text strings.Builder
	text.WriteString("ports:\n  443:\n    ssl: {certDir: \".\"}\n    router:\n")
	for i := range 50 {
		fmt.Fprintf(&text, "      \"h%d.com\": 8080\n", i)
	}
	lines := strings.Split(strings.TrimSpace(warnings(t, filepath.Join(dir, "config.yaml"), text.String())), "\n")
	if len(lines) != maxMissing+1 {
		t.Fatalf("%d warnings:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	want := "config.yaml:54:8: warning: no certificate of port 443 is for this host and 39 others before it that are not listed; put its certificate and key into ."
	if got := strings.TrimPrefix(lines[maxMissing], dir+"/"); got != want {
		t.Errorf("the last one is\n%s\nwant\n%s", got, want)
	}
}

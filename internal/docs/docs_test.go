// Package docs tests the examples in docs/: each is loaded and built as the
// server would, without opening a port.
package docs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"httpmaster/config"
	"httpmaster/internal/server"
)

var pages = []string{"reference.md", "from-http-master.md", "tls.md", "metrics.md", "admin.md", "tunnels.md"}

// example is a fenced block of a page.
var example = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// portKeys tell the entry of a port from a router.
var portKeys = []string{"router", "ssl"}

func TestExamples(t *testing.T) {
	for _, page := range pages {
		content, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		found := example.FindAllSubmatchIndex(content, -1)
		if len(found) == 0 {
			t.Errorf("%s has no examples", page)
		}
		for _, at := range found {
			line := 1 + strings.Count(string(content[:at[2]]), "\n")
			t.Run(fmt.Sprintf("%s:%d", page, line), func(t *testing.T) {
				whole := asConfig(t, string(content[at[2]:at[3]]))
				if faults := build(t, whole); faults != "" {
					t.Errorf("%s\nin:\n%s", faults, whole)
				}
			})
		}
	}
}

// TestExamplesCanFail holds that a fault in an example would be noticed.
func TestExamplesCanFail(t *testing.T) {
	for text, want := range map[string]string{
		"\"a.com\": \"static -> nowhere\"\n": "cannot open the folder",
		"\"a.com\": \"3000/[1]\"\n":          "the pattern has no captures",
		"\"a.com\": 1\n\"a.com/x\": 2\n":     "warning",
		"router: {\"*\": 1}\nssll: {}\n":     "did you mean",
		"ports: {80: {$: proxy}}\n":          "needs \"target\"",
	} {
		if faults := build(t, asConfig(t, text)); !strings.Contains(faults, want) {
			t.Errorf("%q: got %q, want %q", text, faults, want)
		}
	}
}

// TestFailregex holds that the expression for fail2ban, which cuts off the
// time before, finds the client in the line that the page shows, and no address
// that a client made up.
func TestFailregex(t *testing.T) {
	content, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    [0-9-]+ [0-9:]+( WARN  auth failure .*)$`).FindSubmatch(content)
	filter, err := os.ReadFile("../../examples/fail2ban-filter.conf")
	if err != nil {
		t.Fatal(err)
	}
	expr := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindSubmatch(filter)
	if line == nil || expr == nil {
		t.Fatal("the page has no line of the log, or the filter has no failregex")
	}
	failure := regexp.MustCompile(strings.Replace(string(expr[1]), "<HOST>", `(\S+)`, 1))
	for text, want := range map[string]string{
		string(line[1]): "203.0.113.7",
		"web http-master[7]: 2026-11-22 15:58:18" + string(line[1]):                                       "203.0.113.7",
		` WARN  auth failure client=::1 user="WARN  auth failure client=192.0.2.1 " rule=x`:               "::1",
		` WARN  tunnel refused rule=x reason="pages of \"WARN  auth failure client=192.0.2.1 \" may not"`: "",
	} {
		got := ""
		if m := failure.FindStringSubmatch(text); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// asConfig makes a whole config of an example, as the reference tells its
// readers: it is one already, or the entry of a port, or rules.
func asConfig(t *testing.T, text string) string {
	t.Helper()
	var keys yaml.Node
	if err := yaml.Unmarshal([]byte(text), &keys); err != nil {
		t.Fatal(err)
	}
	has := func(names ...string) bool {
		for i := 0; i < len(keys.Content[0].Content); i += 2 {
			if slices.Contains(names, keys.Content[0].Content[i].Value) {
				return true
			}
		}
		return false
	}
	switch {
	case has("ports"):
		return text
	case has(portKeys...):
		return "ports:\n  8080:\n" + indent(text, 4)
	default:
		return "ports:\n  8080:\n    router:\n" + indent(text, 6)
	}
}

func indent(text string, spaces int) string {
	margin := strings.Repeat(" ", spaces)
	return margin + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+margin) + "\n"
}

// build gives what is wrong or doubtful about a config in a folder that has
// the files that examples name.
func build(t *testing.T, content string) string {
	t.Helper()
	cfg, faults := config.Parse(filepath.Join(folder(t), "config.yaml"), []byte(content))
	srv := server.NewDry(slog.New(slog.DiscardHandler))
	srv.Build(cfg, faults).Discard()
	var all strings.Builder
	for _, f := range slices.Concat(faults.Errors(), faults.Warnings()) {
		fmt.Fprintln(&all, f)
	}
	return all.String()
}

// folder makes the files that examples name.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{filepath.Dir(dir), dir} { // also for a config with another user
		if err := os.Chmod(name, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := pair(t, "a.com", "b.com", "myserver.com", "*.myserver.com")
	for name, content := range map[string]string{
		"passwd":                 "me:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n",
		"tokens":                 "t: 10.0.0.5:5900\n",
		"error.html":             "<h1>Sorry</h1>\n",
		"www/index.html":         "<h1>Hello</h1>\n",
		"www/sites/x/index.html": "<h1>x</h1>\n",
		"certs/any name":         cert + key,
		"site.crt":               cert,
		"site.key":               key,
		"clients.pem":            cert,
		"chain.pem":              cert,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pair makes a certificate for names, and its key.
func pair(t *testing.T, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: names[0]},
		DNSNames:              names,
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return cert, key
}

//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metered is a server with everything that there are metrics for.
func metered(t *testing.T) (metrics string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "passwd"), "me:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n") // test
	testCA().writeLeaf(t, dir, "site", "a.example", "b.example")
	plain, secure, figures := freePort(t), freePort(t), freePort(t)
	config := filepath.Join(dir, "config.yaml")
	writeFile(t, config, fmt.Sprintf(`
modules:
  metrics: {listen: %d}
  letsencrypt: {configDir: acme, agreeTos: true, server: "https://127.0.0.1:%d/directory", domains: [never.example]}
ports:
  "127.0.0.1:%d":
    router:
      "/t": "websockify -> %d"
      "/up": {$: proxy, targets: [%d, %d]}
      "/secret": ["auth -> passwd", "reject -> 410"]
  "127.0.0.1:%d":
    router: {"a.example": "reject -> 404"}
    ssl: {certDir: ".", letsencrypt: true}
`, figures, freePort(t), plain, listenTCP(t, echo), answer(t, "one"), freePort(t), secure))
	startServer(t, config)
	address := fmt.Sprintf("127.0.0.1:%d", plain)

	cutter := startCutter(t, address)
	p, local := startClient(t, nil, "ws://"+cutter.address()+"/t")
	tunnel := dial(t, local)
	say(t, tunnel, "before")
	cutter.cut(false)
	p.waitFor(t, 0, "resumed")
	say(t, tunnel, "after")
	for _, path := range []string{"/up", "/up", "/up", "/up", "/up", "/up", "/up", "/up"} {
		mustGet(t, "http://"+address+path)
	}
	mustGet(t, "http://me:wrong@"+address+"/secret")
	return fmt.Sprintf("http://127.0.0.1:%d/metrics", figures)
}

// mustGet asks for url and gives the body, whatever the status.
func mustGet(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// metricNames are the names of a scrape as queries have them.
func metricNames(scrape string) map[string]bool {
	names := make(map[string]bool)
	for line := range strings.Lines(scrape) {
		if name := strings.FieldsFunc(line, func(r rune) bool { return r == '{' || r == ' ' }); line[0] != '#' {
			names[name[0]] = true
		}
	}
	return names
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	url := metered(t)
	var scrape string
	eventually(t, "the figures of what has happened", func() error {
		scrape = mustGet(t, url)
		for _, want := range []string{
			`http_master_tunnels{port="127.0.0.1:%",rule="/t"} 1`,
			`http_master_tunnel_bytes_total{direction="in",port="127.0.0.1:%",rule="/t"} 11`,
			`http_master_tunnel_bytes_total{direction="out",port="127.0.0.1:%",rule="/t"} 11`,
			`http_master_tunnel_resumes_total{port="127.0.0.1:%",rule="/t"} 1`,
			`http_master_auth_failures_total{port="127.0.0.1:%",rule="/secret"} 1`,
			`http_master_requests_total{class="1xx",port="127.0.0.1:%",rule="/t"} 2`,
			`http_master_upstream_up{port="127.0.0.1:%",rule="/up",upstream="http://127.0.0.1:%"} 0`,
			`http_master_upstream_up{port="127.0.0.1:%",rule="/up",upstream="http://127.0.0.1:%"} 1`,
			`http_master_certificate_expiry_timestamp_seconds{key="ECDSA",names="a.example b.example",port="127.0.0.1:%"} %`,
			`http_master_acme_results_total{name="never.example",result="failed"} %`,
			`http_master_build_info{version="` + builtVersion + `"} 1`,
		} {
			line := strings.ReplaceAll(regexp.QuoteMeta(want), "%", `[0-9.e+]+`)
			if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(scrape) {
				return errors.New("there is no line " + want)
			}
		}
		return nil
	})
	t.Run("promtool", func(t *testing.T) {
		promtool := need(t, "prometheus", "promtool")
		if got := run(t, nil, strings.NewReader(scrape), promtool, "check", "metrics"); got.code != 0 || got.stderr != "" {
			t.Errorf("promtool check metrics: %+v", got)
		}
	})
	names := metricNames(scrape)
	t.Run("dashboard", func(t *testing.T) { testDashboard(t, names) })
	t.Run("page", func(t *testing.T) { testMetricsPage(t, names) })
}

// testDashboard holds that the dashboard asks for metrics that there are.
func testDashboard(t *testing.T, names map[string]bool) {
	var dashboard any
	if err := json.Unmarshal([]byte(readFile(t, "../../docs/grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]bool)
	name := regexp.MustCompile(`\b(http_master|go|process)_[a-z0-9_]+`)
	for _, query := range queries(dashboard) {
		found := name.FindAllString(query, -1)
		if len(found) == 0 {
			t.Errorf("no metric in %s", query)
		}
		for _, metric := range found {
			asked[metric] = true
			if !names[metric] {
				t.Errorf("there is no metric %s, which %s asks for", metric, query)
			}
		}
	}
	if len(asked) < 20 {
		t.Errorf("the dashboard has only %d metrics", len(asked))
	}
}

// queries finds what a dashboard asks Prometheus.
func queries(v any) (list []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if text, ok := value.(string); ok && (key == "expr" || key == "query" && strings.Contains(text, "(")) {
				list = append(list, text)
			}
			list = append(list, queries(value)...)
		}
	case []any:
		for _, value := range v {
			list = append(list, queries(value)...)
		}
	}
	return list
}

// testMetricsPage holds that the page's table has the metrics that there are.
func testMetricsPage(t *testing.T, names map[string]bool) {
	var written []string
	lines := bufio.NewScanner(strings.NewReader(readFile(t, "../../docs/metrics.md")))
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\| (\\w+) ")
	for lines.Scan() {
		if m := row.FindStringSubmatch(lines.Text()); m != nil {
			name := "http_master_" + m[1]
			if m[2] == "histogram" {
				name += "_count"
			}
			written = append(written, name)
			if !names[name] {
				t.Errorf("there is no metric %s", name)
			}
		}
	}
	for name := range names {
		part := strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_sum")
		if strings.HasPrefix(name, "http_master_") && !part && !slices.Contains(written, name) {
			t.Errorf("the page does not have %s", name)
		}
	}
}

//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestLogrotate has logrotate move the access log while 1,000 requests come in,
// and looks for each of them in what is there afterwards.
func TestLogrotate(t *testing.T) {
	t.Parallel()
	logrotate := need(t, "logrotate", "logrotate")
	const requests, clients = 1000, 10
	dir, port := t.TempDir(), freePort(t)
	accessLog := filepath.Join(dir, "access.log")
	config, rotation := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "logrotate.conf")
	writeFile(t, config, fmt.Sprintf("ports:\n  %d: [\"log -> access.log\", %d]\n", port, app(t)))
	writeFile(t, rotation, accessLog+" {\n rotate 10\n missingok\n create\n}\n")
	p := startServer(t, config)

	var load sync.WaitGroup
	answered := make(chan struct{}, requests)
	for c := range clients {
		load.Go(func() {
			for i := c; i < requests; i += clients {
				response, _, err := tryGet(http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/request-%d-", port, i))
				if err != nil || response.StatusCode != 200 {
					t.Errorf("request %d: %v, %v", i, response, err)
				}
				answered <- struct{}{}
			}
		})
	}
	for n := range requests {
		<-answered
		if n%250 == 100 { // four times, with requests before and behind
			mustRun(t, nil, logrotate, "-f", "-s", filepath.Join(dir, "state"), rotation)
		}
	}
	load.Wait()
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}

	parts, err := filepath.Glob(accessLog + "*")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, part := range parts {
		text := readFile(t, part)
		t.Logf("%s: %d lines", filepath.Base(part), strings.Count(text, "\n"))
		all.WriteString(text)
	}
	if len(parts) != 5 {
		t.Errorf("there are %d files, want 5", len(parts))
	}
	lines := regexp.MustCompile(`(?m)^127\.0\.0\.1 .*"GET /request-\d+- HTTP/1\.1" 200 .*$`).FindAllString(all.String(), -1)
	if n := strings.Count(all.String(), "\n"); n != requests || len(lines) != n {
		t.Errorf("%d lines of which %d are whole, want %d", n, len(lines), requests)
	}
	for i := range requests {
		if n := strings.Count(all.String(), fmt.Sprintf("/request-%d- ", i)); n != 1 {
			t.Errorf("request %d has %d lines", i, n)
		}
	}
}

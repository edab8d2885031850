//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestRedirectToHTTPS(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{})
	client := s.httpClient(t)
	for _, test := range []struct{ url, location string }{
		{"http://myserver.com/", "https://myserver.com/"},
		{"http://myserver.com/a/b?c=d&e=%20f", "https://myserver.com/a/b?c=d&e=%20f"},
		{"http://www.mywebsite.net:80/x", "https://www.mywebsite.net/x"},
		{"http://myserver.com/%C5%BA?q=[1]", "https://myserver.com/%C5%BA?q=[1]"},
		{"http://myserver.com//evil.example/", "https://myserver.com/evil.example/"},
	} {
		response, _ := get(t, client, test.url)
		if got := response.Header.Get("Location"); response.StatusCode != http.StatusFound || got != test.location {
			t.Errorf("%s: %s to %q, want 302 to %q", test.url, response.Status, got, test.location)
		}
	}
}

// TestApp checks what the app behind the TLS port sees of a request.
func TestApp(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{app: app(t)})
	client := s.httpClient(t)

	t.Run("names as in production", func(t *testing.T) {
		response, body := get(t, client, "https://www.mywebsite.net/some/path?x=1&y=%2F")
		if response.ProtoMajor != 2 {
			t.Errorf("spoke %s, want HTTP/2", response.Proto)
		}
		wantLines(t, body,
			"GET /some/path?x=1&y=%2F",
			"Host: www.mywebsite.net",
			"X-Forwarded-For: 127.0.0.1",
			"X-Forwarded-Host: www.mywebsite.net",
			"X-Forwarded-Proto: https",
			"X-Forwarded-Port: 443",
		)
	})
	t.Run("port in the Host header", func(t *testing.T) {
		port := strconv.Itoa(s.tls)
		s.names.add("myserver.com:"+port, s.address(s.tls))
		_, body := get(t, client, "https://myserver.com:"+port+"/")
		wantLines(t, body,
			"GET /",
			"Host: myserver.com:"+port,
			"X-Forwarded-Host: myserver.com:"+port,
			"X-Forwarded-Port: "+port,
		)
	})
	t.Run("the client's own X-Forwarded are dropped", func(t *testing.T) {
		request, err := http.NewRequest("GET", "https://mywebsite.net/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"For", "Proto", "Host", "Port", "Prefix"} {
			request.Header.Set("X-Forwarded-"+name, "forged")
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body := readBody(t, response)
		if strings.Contains(body, "forged") {
			t.Errorf("the app got:\n%s", body)
		}
		wantLines(t, body, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: mywebsite.net")
	})
	t.Run("plain", func(t *testing.T) {
		plain := freePort(t)
		file := filepath.Join(t.TempDir(), "plain.yaml")
		writeFile(t, file, fmt.Sprintf("ports: {\"127.0.0.1:%d\": {router: {\"*\": %d}}}\n", plain, app(t)))
		startServer(t, file)
		client := newHTTPClient(t, nil, func(string) string { return s.address(plain) })
		_, body := get(t, client, "http://app.example/")
		wantLines(t, body, "Host: app.example", "X-Forwarded-Proto: http", "X-Forwarded-Host: app.example")
	})
}

func wantLines(t *testing.T, body string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+strings.ReplaceAll(body, "\r\n", "\n"), "\n"+line+"\n") {
			t.Errorf("the app did not get %q; it got:\n%s", line, body)
		}
	}
}

// TestErrorAnswers checks status and text of what no backend answers.
func TestErrorAnswers(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{})
	file := filepath.Join(t.TempDir(), "few.yaml")
	few := freePort(t)
	writeFile(t, file, fmt.Sprintf("ports: {\"127.0.0.1:%d\": {\"known.example\": %d}}\n", few, freePort(t)))
	startServer(t, file)
	s.names.add("unknown.example:80", s.address(few))
	client := s.httpClient(t)

	for _, test := range []struct {
		name, url, status string
		text              string
	}{
		{"nothing behind", "https://mywebsite.net/", "502 Bad Gateway", ""},
		{"hidden dot segment", "https://mywebsite.net/a/%2e%2e%2fetc/passwd", "400 Bad Request", ""},
		{"no WebSocket", staticURL, "426 Upgrade Required", "WebSocket"},
		{"no rule", "http://unknown.example/", "404 Not Found", "nothing is served at this address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := strings.Replace(test.url, "wss:", "https:", 1)
			response, body := get(t, client, url)
			if response.Status != test.status {
				t.Errorf("%s, want %s", response.Status, test.status)
			}
			if !strings.HasPrefix(body, test.status+"\n") || !strings.Contains(body, test.text) {
				t.Errorf("the text is %q", body)
			}
			if strings.Contains(body, "127.0.0.1") || strings.Contains(body, "dial") {
				t.Errorf("the text tells the world what is inside: %q", body)
			}
		})
	}
}

// TestCurl is what a user types.
func TestCurl(t *testing.T) {
	t.Parallel()
	curl := need(t, "curl", "curl")
	s := startSite(t, setup{app: app(t)})
	alone := startSite(t, setup{})
	ask := func(s *site, args ...string) string {
		return mustRun(t, s.names.env(), curl, append([]string{
			"-sS", "--path-as-is", "--max-time", "30", "--cacert", s.trustedRoot,
			"--connect-to", "::127.0.0.1:" + strconv.Itoa(s.tls),
			"-w", "\n%{http_version} %{http_code} %{redirect_url}",
		}, args...)...)
	}
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"HTTP/2", []string{"--http2", "https://myserver.com/x"}, []string{"GET /x\n", "\n2 200 "}},
		{"HTTP/1.1", []string{"--http1.1", "https://myserver.com/x"}, []string{"GET /x\n", "\n1.1 200 "}},
		{"upload", []string{"--data-binary", "@" + s.config, "https://myserver.com/x"}, []string{"POST /x\n", "\n2 200 "}},
		{"encoded climb", []string{"https://myserver.com/x/%2e%2e%2fy"}, []string{"\n2 400 "}},
		{"plain GET to a tunnel", []string{"https://myserver.com/services/ssh"}, []string{"\n2 426 "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ask(s, append([]string{"--noproxy", "*"}, test.args...)...)
			for _, want := range test.want {
				if !strings.Contains(strings.ReplaceAll(got, "\r\n", "\n"), want) {
					t.Errorf("no %q in:\n%s", want, got)
				}
			}
		})
	}
	t.Run("nothing behind", func(t *testing.T) {
		if got := ask(alone, "--noproxy", "*", "https://myserver.com/"); !strings.HasPrefix(got, "502 Bad Gateway\n") || !strings.Contains(got, "\n2 502 ") {
			t.Errorf("got:\n%s", got)
		}
	})
	t.Run("redirect followed to the app", func(t *testing.T) {
		got := mustRun(t, nil, curl, "-sS", "-L", "--noproxy", "*", "--cacert", s.trustedRoot,
			"--connect-to", fmt.Sprintf("myserver.com:80:127.0.0.1:%d", s.plain),
			"--connect-to", fmt.Sprintf("myserver.com:443:127.0.0.1:%d", s.tls),
			"-w", "\n%{num_redirects} %{url_effective}", "http://myserver.com/a/b?c=d&e=f")
		if !strings.HasPrefix(got, "GET /a/b?c=d&e=f\n") || !strings.HasSuffix(got, "\n1 https://myserver.com/a/b?c=d&e=f") {
			t.Errorf("got:\n%s", got)
		}
	})
}

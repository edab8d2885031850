package statuspage

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"httpmaster/internal/status"
	"httpmaster/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a page on a loopback port, with one tunnel, 7.
type served struct {
	page   *Page
	url    string
	closed []uint64
	ending chan struct{}
}

func serve(t *testing.T) *served {
	t.Helper()
	s := &served{ending: make(chan struct{})}
	s.page = &Page{
		Status:  func() *status.Status { return &status.Status{Version: "</script>"} },
		Tunnels: func() []status.Tunnel { return []status.Tunnel{{ID: 7}} },
		Close: func(id uint64) bool {
			s.closed = append(s.closed, id)
			return id == 7
		},
		Refuse: func(w http.ResponseWriter, _ *http.Request, status int, reason string) { http.Error(w, reason, status) },
		Ending: s.ending, Streams: new(atomic.Int64), Log: slog.New(slog.DiscardHandler),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.page.Serve(w, r, new(router.Match)) }))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ask sends a request with header lines "Name: value" and gives the answer.
func (s *served) ask(t *testing.T, method, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(content)
}

func TestDocument(t *testing.T) {
	s := serve(t)
	resp, page := s.ask(t, "GET", "")
	policy := resp.Header.Get("Content-Security-Policy")
	for _, part := range []string{"<style>", "<script>"} {
		_, text, _ := strings.Cut(page, part)
		text, _, _ = strings.Cut(text, strings.Replace(part, "<", "</", 1))
		if !strings.Contains(policy, hashOf(text)) || len(text) < 1000 {
			t.Errorf("the policy does not let %s in: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'; ") {
		t.Errorf("the policy is %s", policy)
	}
	for _, loaded := range []string{`\ssrc=`, `url\(`, `\son[a-z]+=`, `\sstyle=`, `https?://[^w]`, `innerHTML`} {
		if found := regexp.MustCompile(loaded).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	if head, body := s.ask(t, "HEAD", ""); head.StatusCode != 200 || body != "" || head.ContentLength != int64(len(page)) {
		t.Errorf("HEAD: %v", head)
	}
	if put, _ := s.ask(t, "PUT", ""); put.StatusCode != 405 || put.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("PUT: %v", put)
	}
}

func TestCloseTunnel(t *testing.T) {
	s := serve(t)
	host := strings.TrimPrefix(s.url, "http://")
	const own = Header + ": close"
	for _, test := range []struct {
		name   string
		body   string
		header []string
		status int
		closes bool
	}{
		{"the page", "7", []string{own, "Origin: http://" + host, "Sec-Fetch-Site: same-origin"}, 204, true},
		{"a program", "7", []string{own}, 204, true},
		{"a form", "7", []string{"Origin: http://" + host}, 403, false},
		{"another site's form", "7", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 403, false},
		{"another site with the header", "7", []string{own, "Origin: https://evil.example"}, 403, false},
		{"a sandbox", "7", []string{own, "Origin: null"}, 403, false},
		{"another site, no origin", "7", []string{own, "Sec-Fetch-Site: same-site"}, 403, false},
		{"another port", "7", []string{own, "Origin: http://127.0.0.1:1"}, 403, false},
		{"no such tunnel", "8", []string{own}, 404, true},
		{"no number", "seven", []string{own}, 400, false},
		{"too long", strings.Repeat("7", 100), []string{own}, 400, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.closed = nil
			resp, body := s.ask(t, "POST", test.body, test.header...)
			if resp.StatusCode != test.status || len(s.closed) > 0 != test.closes {
				t.Errorf("%s: %s, tunnels %v were closed", resp.Status, body, s.closed)
			}
		})
	}
}

func TestStream(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", s.url, nil)
	r.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("the stream is %s", kind)
	}
	lines := bufio.NewScanner(resp.Body)
	var update Update
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &update); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if update.Status == nil || update.Status.Version != "</script>" || len(update.Tunnels) != 1 {
		t.Errorf("the event is %+v", update)
	}
	close(s.ending) // the server is about to end
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream did not end: %v", err)
	}
	s.page.Streams.Store(maxStreams)
	if resp, _ := s.ask(t, "GET", "", "Accept: text/event-stream"); resp.StatusCode != 503 {
		t.Errorf("one stream too many: %s", resp.Status)
	}
	if n := s.page.Streams.Load(); n != maxStreams {
		t.Errorf("%d streams are counted", n)
	}
}

// TestManyRules: of very many rules those are sent that were asked most.
func TestManyRules(t *testing.T) {
	s := serve(t)
	s.page.Status = func() *status.Status {
		st := &status.Status{Ports: make([]status.Port, 2)}
		for i := range 2000 {
			rule := status.Rule{Pattern: fmt.Sprint(i)}
			rule.Classes[1] = int64(i % 100)
			st.Ports[i%2].Rules = append(st.Ports[i%2].Rules, rule)
		}
		return st
	}
	u := s.page.update()
	rules := append(u.Status.Ports[0].Rules, u.Status.Ports[1].Rules...)
	if len(rules) != maxRules || u.Omitted["rules"] != 1500 {
		t.Fatalf("%d rules, %v omitted", len(rules), u.Omitted)
	}
	for _, r := range rules {
		if r.Requests() < 75 {
			t.Errorf("rule %s with %d requests", r.Pattern, r.Requests())
		}
	}
}

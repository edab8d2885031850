package proxy

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	downLine = `level=WARN msg="an upstream is down, its health checks keep failing" upstream=http://B reason=`
	upLine   = `level=INFO msg="an upstream is up again" upstream=http://B`
)

// checkAll lets every target be checked once.
func (b *balanced) checkAll(t testing.TB) {
	for _, m := range b.Balancer.members {
		b.Balancer.check(t.Context(), m)
	}
}

func TestHealthChecks(t *testing.T) {
	var status atomic.Int64
	status.Store(200)
	a := newNode(t, "A", nil)
	sick := newNode(t, "B", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			w.WriteHeader(int(status.Load()))
			return
		}
		io.WriteString(w, "B")
	})
	nodes := []*node{a, sick}
	b := newBalanced(t, BalancerSettings{Health: &HealthCheck{Path: "/health"}}, addresses(nodes)...)
	step := func(what string, becomes int64, checks int, want string) {
		t.Helper()
		status.Store(becomes)
		for range checks {
			b.checkAll(t)
		}
		if got := b.sequence(t, 4); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	step("unchecked", 200, 0, "A B A B")
	step("well", 204, 1, "A B A B")
	step("a redirect is well", 302, 3, "A B A B")
	step("bad twice", 503, 2, "A B A B")
	step("well once", 200, 1, "A B A B")
	step("bad twice again", 404, 2, "A B A B")
	wantLines(t, b.lines(nodes))
	step("bad for the third time", 503, 1, "A A A A")
	step("still", 500, 5, "A A A A")
	step("good once", 200, 1, "A A A A")
	step("bad", 500, 1, "A A A A")
	step("good once more", 200, 1, "A A A A")
	step("good twice", 200, 1, "A B A B")
	wantLines(t, b.lines(nodes), downLine+`"it answered 503 to /health"`, upLine)
}

// Of a target of which nothing is known, the first outcome is believed.
func TestFirstHealthCheck(t *testing.T) {
	nodes := abcNodes(t, 2)
	nodes[1].stop()
	b := newBalanced(t, BalancerSettings{Health: &HealthCheck{}, SlowStart: 10 * time.Second}, addresses(nodes)...)
	b.checkAll(t)
	if got, want := b.sequence(t, 3), "A A A"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if report := b.Balancer.Report(); report[0].State != MemberUp || report[1].State != MemberDown || report[0].InUse != 0 {
		t.Errorf("the report is %+v", report)
	}
	nodes[1].start(t)
	b.checkAll(t)
	b.checkAll(t)
	wantLines(t, b.lines(nodes), downLine+`"dial tcp B: connect: connection refused"`, upLine)
	b.clock.advance(5 * time.Second) // half of the slow start
	if got := b.sequence(t, 6); strings.Count(got, "B") != 2 {
		t.Errorf("coming up: %s", got)
	}
}

// A check that finds a target well again ends its ejection.
func TestHealthEndsEjection(t *testing.T) {
	nodes := abcNodes(t, 2)
	b := newBalanced(t, BalancerSettings{EjectAfter: 1, Health: &HealthCheck{Fall: 1, Rise: 1}}, addresses(nodes)...)
	nodes[1].stop()
	if got, want := b.sequence(t, 4), "A 502 A A"; got != want {
		t.Errorf("got %s", got)
	}
	b.checkAll(t)
	nodes[1].start(t)
	b.checkAll(t)
	if got, want := b.sequence(t, 4), "A B A B"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHealthCheckOutcomes(t *testing.T) {
	release := make(chan struct{})
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }
	}
	silent := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: answer(200)}
	var serving sync.WaitGroup
	serving.Go(func() { srv.Serve(ln) })
	t.Cleanup(func() { srv.Close(); serving.Wait() })
	defer close(release)
	for _, tt := range []struct {
		name, target string
		check        HealthCheck
		want         string
	}{
		{"200", newNode(t, "", answer(200)).address, HealthCheck{}, ""},
		{"399", newNode(t, "", answer(399)).address, HealthCheck{}, ""},
		{"400", newNode(t, "", answer(400)).address, HealthCheck{}, "it answered 400 to /"},
		{"the one", newNode(t, "", answer(418)).address, HealthCheck{Status: 418, Path: "/a?b"}, ""},
		{"not the one", newNode(t, "", answer(200)).address, HealthCheck{Status: 204, Path: "/a?b"}, "it answered 200 to /a?b"},
		{"silent", newNode(t, "", silent).address, HealthCheck{Timeout: 50 * time.Millisecond}, "no answer to a health check in time"},
		{"h2c", h2cTarget(newNode(t, "", answer(200))), HealthCheck{}, ""},
		{"TLS", tlsNode(t, answer(200)), HealthCheck{}, ""},
		{"unix", "unix:" + socket, HealthCheck{}, ""},
		{"unverified", strings.Replace(tlsNode(t, answer(200)), "+insecure", "", 1), HealthCheck{},
			"tls: failed to verify certificate: x509: certificate signed by unknown authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBalanced(t, BalancerSettings{Health: &tt.check}, tt.target)
			err := b.Balancer.members[0].probe.ask(t.Context(), b.Balancer.settings.Health)
			if got := errorText(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What a target is asked, and that no connection is kept.
func TestHealthRequest(t *testing.T) {
	heads := make(chan string, 1)
	backend := rawServer(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heads))
	b := newBalanced(t, BalancerSettings{Health: &HealthCheck{Path: "/up?deep=1"}}, backend+"/app")
	b.checkAll(t)
	want := crlf("GET /up?deep=1 HTTP/1.1\nHost: " + backend + "\nUser-Agent: http-master (health check)\nConnection: close\n\n")
	if got := mustReceive(t, heads); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Start begins, once; Close ends. That no goroutine stays is TestMain's to see.
func TestHealthStartAndClose(t *testing.T) {
	arrived := make(chan struct{})
	n := newNode(t, "A", func(w http.ResponseWriter, r *http.Request) {
		select {
		case arrived <- struct{}{}:
		case <-r.Context().Done():
		}
	})
	b := newBalanced(t, BalancerSettings{Health: &HealthCheck{Interval: time.Millisecond}}, n.address)
	if n.seen.Load() != 0 {
		t.Error("checked before Start")
	}
	b.Balancer.Start()
	b.Balancer.Start()
	for range 3 {
		mustReceive(t, arrived)
	}
	b.Balancer.Close() // most probably while one is under way
	wantLines(t, b.lines([]*node{n}))
	b.Balancer.Start()
	before := n.seen.Load()
	if b.Balancer.checks.Wait(); n.seen.Load() != before {
		t.Error("checked after Close")
	}
}

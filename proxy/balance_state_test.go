package proxy

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"httpmaster/router"
)

const (
	outLine  = `level=WARN msg="an upstream is left alone, its requests keep failing" upstream=http://B failures=3 reason="dial tcp B: connect: connection refused" for=10s`
	backLine = `level=INFO msg="an upstream is asked again" upstream=http://B`
)

// changes leaves those lines that tell of a target's state.
func changes(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, `msg="an upstream is`) })
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("log is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEjection(t *testing.T) {
	nodes := abcNodes(t, 2)
	b := newBalanced(t, BalancerSettings{}, addresses(nodes)...)
	step := func(what string, n int, want string) {
		t.Helper()
		if got := b.sequence(t, n); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	step("at first", 2, "A B")
	nodes[1].stop()
	step("until there are three", 10, "A 502 A 502 A 502 A A A A")
	wantLines(t, changes(b.lines(nodes)), outLine)
	if report := b.Balancer.Report(); report[0].State != MemberUp || report[1].State != MemberEjected {
		t.Errorf("the report is %+v", report)
	}
	b.clock.advance(10*time.Second - 1)
	step("just before the time", 3, "A A A")
	b.clock.advance(1)
	step("one request finds out", 5, "A 502 A A A")
	nodes[1].start(t)
	step("not before the time again", 3, "A A A")
	b.clock.advance(10 * time.Second)
	step("it is back", 6, "A B A B A B")
	wantLines(t, changes(b.lines(nodes)), outLine, backLine)
	nodes[1].stop()
	step("three are needed again", 8, "A 502 A 502 A 502 A A")
}

// A success in between makes failures start from the beginning, and eject:
// false never ejects.
func TestEjectionCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		after    int
		statuses string // of B, one a request
		want     string
	}{
		"in a row":        {2, "502 200 502 200 502 502", "A 502 A B A 502 A B A 502 A 502 A A"},
		"gateway timeout": {2, "504 504", "A 504 A 504 A A A"},
		"an answer":       {1, "500 503 404", "A 500 A 503 A 404 A B"},
		"one":             {1, "502", "A 502 A A"},
		"never":           {-1, "502 502 502 502", "A 502 A 502 A 502 A 502 A B"},
	} {
		t.Run(name, func(t *testing.T) {
			statuses := strings.Fields(tt.statuses)
			a := newNode(t, "A", nil)
			bad := newNode(t, "B", func(w http.ResponseWriter, r *http.Request) {
				status := "200"
				if len(statuses) > 0 {
					status, statuses = statuses[0], statuses[1:]
				}
				switch status {
				case "200":
					io.WriteString(w, "B")
				case "404":
					w.WriteHeader(404)
				default:
					w.WriteHeader(500 + int(status[2]-'0'))
				}
			})
			b := newBalanced(t, BalancerSettings{EjectAfter: tt.after}, a.address, bad.address)
			if got := b.sequence(t, len(strings.Fields(tt.want))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// What clients do is not held against a target: leaving before the answer, or
// sending a body that breaks off.
func TestClientsDoNotEject(t *testing.T) {
	left := make(chan struct{})
	slow := newNode(t, "slow", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case left <- struct{}{}:
			<-r.Context().Done()
		case <-r.Context().Done():
		}
	})
	other := newNode(t, "other", nil)
	b := newBalanced(t, BalancerSettings{EjectAfter: 1, Members: weights(1000, 1)}, slow.address, other.address)
	served := make(chan struct{}, 1)
	_, mount := parse(t, "*", slow.address)
	handler := mount.mount(router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		defer func() { served <- struct{}{} }()
		b.Serve(w, r, m)
	}))
	url := (&front{handler: handler}).start(t).URL
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := testClient(t).Do(req); err == nil {
				resp.Body.Close()
			}
		}()
		mustReceive(t, left)
		cancel()
		<-done
		mustReceive(t, served)
	}
	conn, br := dialRaw(t, url)
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	if got := readHead(br); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("got %q", got)
	}
	mustReceive(t, served)
	wantLines(t, changes(b.lines(nil)))
}

// When no target is well all are asked, and a good answer brings one back.
func TestAllOut(t *testing.T) {
	nodes := abcNodes(t, 2)
	b := newBalanced(t, BalancerSettings{EjectAfter: 1}, addresses(nodes)...)
	nodes[0].stop()
	nodes[1].stop()
	if got, want := b.sequence(t, 6), "502 502 502 502 502 502"; got != want {
		t.Errorf("got %s", got)
	}
	nodes[1].start(t)
	got := strings.Fields(b.sequence(t, 6)) // one of the first two comes to B
	if want := "B B B B"; strings.Join(got[2:], " ") != want {
		t.Errorf("after B has come back: %s", got)
	}
}

func TestSlowStart(t *testing.T) {
	nodes := abcNodes(t, 2)
	b := newBalanced(t, BalancerSettings{EjectAfter: 1, SlowStart: 20 * time.Second}, addresses(nodes)...)
	step := func(what string, n int, want string) {
		t.Helper()
		if got := b.sequence(t, n); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	step("all are equal at the start", 4, "A B A B")
	nodes[1].stop()
	step("ejected", 3, "A 502 A")
	nodes[1].start(t)
	b.clock.advance(10 * time.Second)
	step("it is found well", 2, "A B") // B on trial
	step("next to nothing at once", 6, "A A A A A A")
	b.clock.advance(5 * time.Second)
	var count int
	for range 40 { // a fourth of its weight: one of five
		count += strings.Count(b.sequence(t, 1), "B")
	}
	if count != 8 {
		t.Errorf("at a fourth of the time it got %d of 40, want 8", count)
	}
	b.clock.advance(5 * time.Second)
	count = 0
	for range 30 { // half: one of three
		count += strings.Count(b.sequence(t, 1), "B")
	}
	if count != 10 {
		t.Errorf("at half of the time it got %d of 30, want 10", count)
	}
	b.clock.advance(10 * time.Second)
	if got := b.sequence(t, 10); strings.Count(got, "B") != 5 {
		t.Errorf("after the time: %s", got)
	}
}

// While one request finds out, nobody else is sent there; when it comes to
// nothing, the next one finds out.
func TestOneTrialAtATime(t *testing.T) {
	b := NewBalancer(BalancerSettings{EjectAfter: 1, Members: members(2)}, discard)
	c := newClock()
	b.now = c.now
	pick := func() lease { return b.pick(nil, nil, nil) }
	bad := pick()
	bad.settle(http.ErrServerClosed)
	bad.end()
	c.advance(10 * time.Second)
	var trial lease
	for range 4 {
		l := pick()
		if l.trial {
			if trial.m != nil {
				t.Fatal("two trials at a time")
			}
			trial = l
		}
	}
	if trial.m == nil {
		t.Fatal("no trial")
	}
	trial.end() // the client has left
	var again int
	for range 2 {
		l := pick()
		if l.trial {
			again++
			l.settle(nil)
		}
	}
	if again != 1 || !b.members[0].well(c.now()) || b.members[0].outUntil != (time.Time{}) {
		t.Errorf("%d trials afterwards", again)
	}
}

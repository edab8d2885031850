package main

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	address := start(t, newTunnels(t, echo))
	p := runProgram(t, "--verbose", address, "0")
	local, _ := p.port()
	conn := p.connect(local)
	from := regexp.QuoteMeta(conn.LocalAddr().String())
	if got, want := p.line(), "^dewebsockify: "+from+`: connected after [0-9.]+m?s`+"\n$"; !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("it says %q, want %s", got, want)
	}
	throughEcho(t, conn, conn, noise(5000))
	p.status <- os.Interrupt // which one it is does not matter
	for _, want := range []string{
		"^dewebsockify: " + regexp.QuoteMeta(local+" to "+address) + `: 1 tunnel open, 1 opened in \d+ s` + "\n$",
		"^dewebsockify:   " + from + `: connected for \d+ s, 4.9 KiB down, 4.9 KiB up(, round trip [0-9.]+[mµ]?s)?` + "\n$",
	} {
		if got := p.line(); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("it says %q, want %s", got, want)
		}
	}
	_ = conn.Close()
	if got := p.line(); !strings.Contains(got, ": ended after ") || !strings.Contains(got, "4.9 KiB down") {
		t.Errorf("at the end it says %q", got)
	}
	p.stop()
	p.exit()
}

// testClient is a client with tunnels in every state, at a time of its own.
func testClient(now time.Time) *client {
	c := &client{forward: &forward{listen: "127.0.0.1:2222", url: &url.URL{Scheme: "wss", Host: "a.example"}}}
	c.tunnels.started = now.Add(-3 * time.Hour)
	fresh, up, away, trying := c.tunnels.begin("a:1"), c.tunnels.begin("a:2"), c.tunnels.begin("a:3"), c.tunnels.begin("a:4")
	c.tunnels.end(c.tunnels.begin("a:5"))
	for _, l := range []*live{fresh, up, away, trying} {
		l.since = now.Add(-90 * time.Second)
	}
	up.connected()
	up.meter.Received.Store(3 << 30)
	up.meter.RoundTrip.Store(int64(23456 * time.Microsecond))
	away.connected()
	away.connected()
	away.lostAt(now.Add(-12 * time.Second))
	away.waits(now.Add(3 * time.Second))
	away.meter.Sent.Store(999)
	trying.connected()
	trying.connected()
	trying.connected()
	trying.lostAt(now.Add(-time.Hour))
	trying.waits(now.Add(-time.Millisecond))
	return c
}

func TestReport(t *testing.T) {
	now := time.Now()
	got := strings.Join(testClient(now).tunnels.report("x to y", now), "\n")
	const want = `x to y: 4 tunnels open, 5 opened in 3h0m
  a:1: connecting for 1m30s, 0 B down, 0 B up
  a:2: connected for 1m30s, 3.0 GiB down, 0 B up, round trip 23.5ms
  a:3: reconnecting for 12 s, next attempt in 3 s, 0 B down, 999 B up, resumed once
  a:4: reconnecting for 1h0m, trying now, 0 B down, 0 B up, resumed 2 times`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

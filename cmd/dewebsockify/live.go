package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"httpmaster/internal/tunnel"
)

// live is an open tunnel, as its status shows it.
type live struct {
	from  string // the local connection's other end
	since time.Time
	meter tunnel.Meter

	mu   sync.Mutex
	up   bool      // it has had a WebSocket
	lost time.Time // when it lost its WebSocket; zero while it has one
	next time.Time // when the next attempt comes
}

// connected notes that the tunnel has a WebSocket.
func (l *live) connected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up {
		l.meter.Resumes.Add(1)
	}
	l.up, l.lost, l.next = true, time.Time{}, time.Time{}
}

// lostAt notes that it has none any more.
func (l *live) lostAt(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = now
}

// waits notes when it tries again.
func (l *live) waits(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = until
}

// state gives the tunnel's state in words, and whether it is reconnecting.
func (l *live) state(now time.Time) (words string, reconnecting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.up:
		return "connecting for " + span(now.Sub(l.since)), false
	case l.lost.IsZero():
		return "connected for " + span(now.Sub(l.since)), false
	}
	return "reconnecting for " + span(now.Sub(l.lost)) + nextAttempt(l.next.Sub(now)), true
}

// nextAttempt is the tail of "reconnecting".
func nextAttempt(in time.Duration) string {
	if in <= 0 {
		return ", trying now"
	}
	return fmt.Sprintf(", next attempt in %.0f s", math.Ceil(in.Seconds()))
}

// traffic says what the tunnel has carried.
func (l *live) traffic() string {
	parts := []string{size(l.meter.Received.Load()) + " down", size(l.meter.Sent.Load()) + " up"}
	if d := time.Duration(l.meter.RoundTrip.Load()); d > 0 {
		parts = append(parts, "round trip "+d.Round(100*time.Microsecond).String())
	}
	if n := l.meter.Resumes.Load(); n > 0 {
		parts = append(parts, "resumed "+times(n))
	}
	return strings.Join(parts, ", ")
}

// tunnels are those of one forward.
type tunnels struct {
	started time.Time

	mu       sync.Mutex
	open     []*live // in the order in which they were opened
	opened   int     // ever
	down, up int64   // bytes of those that have ended
}

func (t *tunnels) begin(from string) *live {
	l := &live{from: from, since: time.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = append(t.open, l)
	t.opened++
	return l
}

func (t *tunnels) end(l *live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.open {
		if other == l {
			t.open = append(t.open[:i:i], t.open[i+1:]...)
			break
		}
	}
	t.down += l.meter.Received.Load()
	t.up += l.meter.Sent.Load()
}

// report says how the tunnels are: a line for all of them, and one for each.
func (t *tunnels) report(name string, now time.Time) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := []string{fmt.Sprintf("%s: %s open, %d opened in %s", name, count(len(t.open), "tunnel"), t.opened, span(now.Sub(t.started)))}
	for _, l := range t.open {
		state, _ := l.state(now)
		lines = append(lines, fmt.Sprintf("  %s: %s, %s", l.from, state, l.traffic()))
	}
	return lines
}

// span is a duration as people read it.
func span(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	text := d.Round(time.Second).String()
	if minutes, whole := strings.CutSuffix(text, "m0s"); whole {
		return minutes + "m"
	}
	return text
}

// size is a number of bytes as people read it.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if value /= 1024; value < 1000 {
			return fmt.Sprintf("%.1f %s", value, unit)
		}
	}
	return fmt.Sprintf("%.1f TiB", value/1024)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// answerStatus prints how every tunnel is whenever it is asked to, until stop is
// called.
func answerStatus(asked <-chan os.Signal, clients []*client) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-asked:
				printStatus(clients, time.Now())
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func printStatus(clients []*client, now time.Time) {
	for _, c := range clients {
		from := c.listen
		if from == "" {
			from = "stdin"
		}
		for _, line := range c.tunnels.report(from+" to "+shown(c.url), now) {
			fmt.Fprintf(c.log.Writer(), "dewebsockify: %s\n", line)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	now := time.Now()
	c := testClient(now)
	p := &progress{clients: []*client{c}}
	if got, want := p.line(now), "4 tunnels: 3.0 GiB down (3.0 GiB/s), 999 B up (999 B/s), 2 reconnecting for 1h0m, trying now"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.tunnels.end(c.tunnels.open[3])
	if got, want := p.line(now), "3 tunnels: 3.0 GiB down (0 B/s), 999 B up (0 B/s), reconnecting for 12 s, next attempt in 3 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// rows is what a terminal shows of output.
func rows(output string) []string {
	lines, row, col := [][]byte{nil}, 0, 0
	for _, b := range []byte(output) {
		switch b {
		case '\r':
			col = 0
		case '\n':
			lines, row, col = append(lines, nil), row+1, 0
		default:
			lines[row] = append(lines[row][:col], append([]byte{b}, lines[row][min(col+1, len(lines[row])):]...)...)
			col++
		}
	}
	var text []string
	for _, line := range lines {
		text = append(text, strings.TrimRight(string(line), " "))
	}
	return text
}

// What is written comes in the place of the progress line, which comes back at
// the next tick, and is gone at the end. In the background none is drawn.
func TestProgressOnScreen(t *testing.T) {
	for _, foreground := range []bool{true, false} {
		var out bytes.Buffer
		s := &screen{out: &out}
		p := &progress{
			screen: s, clients: []*client{{}},
			width: func() int { return 21 }, visible: func() bool { return foreground },
		}
		ctx, cancel := context.WithCancel(t.Context())
		ticks, done := make(chan time.Time), make(chan struct{})
		go func() {
			p.run(ctx, ticks)
			close(done)
		}()
		ticks <- time.Now()
		ticks <- time.Now() // the first line has been drawn
		_, _ = s.Write([]byte("a message\n"))
		cancel()
		<-done
		if got := strings.Join(rows(out.String()), "|"); got != "a message|" {
			t.Errorf("the terminal shows %q", got)
		}
		if got := strings.HasPrefix(out.String(), "0 tunnels: 0 B down "); got != foreground {
			t.Errorf("in the foreground %v, it draws %q", foreground, out.String())
		}
	}
	startProgress(new(bytes.Buffer), nil, nil)() // does nothing where there is no terminal
}

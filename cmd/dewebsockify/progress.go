package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progressInterval is how often the progress line is drawn. That it is a second
// makes a difference between two lines a rate.
const progressInterval = time.Second

// screen is stderr. On a terminal it has a last line that shows the progress,
// and that makes way for what is written.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	shown int // characters on the last line
}

// Write writes whole lines.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	return s.out.Write(p)
}

// show puts line in the place of the last line.
func (s *screen) show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	_, _ = io.WriteString(s.out, line)
	s.shown = len(line)
}

// erase clears the last line, with characters that every terminal knows. s.mu is
// held.
func (s *screen) erase() {
	if s.shown > 0 {
		_, _ = io.WriteString(s.out, "\r"+strings.Repeat(" ", s.shown)+"\r")
		s.shown = 0
	}
}

// progress draws the last line of a screen.
type progress struct {
	screen   *screen
	clients  []*client
	width    func() int
	visible  func() bool // false while another program has the terminal
	down, up int64       // as drawn last
}

// startProgress draws what the clients do on a terminal, until stop is called.
// Where stderr is no terminal it does nothing.
func startProgress(stderr io.Writer, s *screen, clients []*client) (stop func()) {
	file, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	p := &progress{
		screen: s, clients: clients,
		width: func() int {
			if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		},
		visible: func() bool { return inForeground(file) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		p.run(ctx, ticker.C)
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// run draws at every tick, and clears the line at the end.
func (p *progress) run(ctx context.Context, ticks <-chan time.Time) {
	defer func() {
		if p.visible() {
			p.screen.show("")
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks:
			line := p.line(now)
			if p.visible() {
				p.screen.show(cut(line, p.width()-1)) // the last column would begin a new line
			}
		}
	}
}

// line says what all forwards have carried, and how fast since the last time.
func (p *progress) line(now time.Time) string {
	var open, reconnecting int
	var down, up int64
	var next string
	for _, c := range p.clients {
		c.tunnels.mu.Lock()
		down, up, open = down+c.tunnels.down, up+c.tunnels.up, open+len(c.tunnels.open)
		for _, l := range c.tunnels.open {
			down, up = down+l.meter.Received.Load(), up+l.meter.Sent.Load()
			if state, away := l.state(now); away {
				reconnecting++
				next = state
			}
		}
		c.tunnels.mu.Unlock()
	}
	line := fmt.Sprintf("%s: %s down (%s/s), %s up (%s/s)", count(open, "tunnel"),
		size(down), size(down-p.down), size(up), size(up-p.up))
	p.down, p.up = down, up
	switch reconnecting {
	case 0:
		return line
	case 1:
		return line + ", " + next
	}
	return fmt.Sprintf("%s, %d %s", line, reconnecting, next)
}

// cut makes line, which is ASCII, fit.
func cut(line string, width int) string { return line[:max(0, min(len(line), width))] }

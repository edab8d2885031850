//go:build unix

package e2e

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

var soakLength = flag.Duration("soak", 20*time.Second, "how long TestSoak keeps the server busy")

// soaked is a server under mixed traffic, and what it is busy with.
type soaked struct {
	*process
	gauge
	config        string
	certs         string
	plain, secure int

	rounds map[string]*tally
}

// TestSoak keeps a server busy with everything at once, reloads it, changes its
// certificates, lets backends and clients fail, and compares what it holds
// after a while with what it holds at the end. With -soak it takes longer.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := startSoak(t)
	s.busy(t, *soakLength/4)
	warm := s.settled(t, anything)
	t.Logf("after warming up: %v", warm)
	s.busy(t, *soakLength-*soakLength/4)
	t.Logf("at the end:       %v", s.settled(t, warm.bound()))
	for name, n := range s.rounds {
		t.Logf("%-28s %8d done, %6d failed", name, n.done.Load(), n.failed.Load())
		if n.done.Load() == 0 {
			t.Errorf("%s has never worked", name)
		}
		if n.failed.Load() > 0 {
			t.Errorf("%s: %d failed, the first with: %v", name, n.failed.Load(), n.first)
		}
	}
}

func startSoak(t *testing.T) *soaked {
	t.Helper()
	dir := t.TempDir()
	s := &soaked{
		config: filepath.Join(dir, "config.yaml"), certs: filepath.Join(dir, "certs"),
		plain: freePort(t), secure: freePort(t), rounds: make(map[string]*tally),
	}
	testCA().writeLeaf(t, s.certs, "a", "a.example")
	backends := startSoakBackends(t)
	write := func(n int) { // n makes each config another one
		rules := fmt.Sprintf("{\"/echo\": \"websockify -> %d\", \"/bad\": %d, \"/turn%d\": \"reject -> 404\", \"*\": %d}",
			backends.echo, backends.dying, n, backends.app)
		writeFile(t, s.config, fmt.Sprintf(`
modules: {admin: {socket: admin.sock}}
ports:
  "127.0.0.1:%d": {router: %s}
  "127.0.0.1:%d": {router: %s, ssl: {certDir: certs}}
`, s.plain, rules, s.secure, rules))
	}
	write(0)
	s.process = startServer(t, s.config)
	s.gauge = newGauge(filepath.Join(dir, "admin.sock"), s.cmd.Process.Pid)
	s.traffic(t)
	s.round("reload", func(_ context.Context, n int) error {
		write(n)
		return s.signalAndWait(syscall.SIGHUP)
	}).pause = time.Second
	s.round("new certificate", func(_ context.Context, n int) error {
		testCA().writeLeaf(t, s.certs, "a", "a.example", fmt.Sprintf("n%d.example", n))
		return nil
	}).pause = 700 * time.Millisecond
	return s
}

func (s *soaked) signalAndWait(signal syscall.Signal) error {
	from := len(s.output.String())
	if err := s.cmd.Process.Signal(signal); err != nil {
		return err
	}
	_, err := s.output.waitFor(from, "config reloaded", time.Now().Add(patience))
	return err
}

// busy lets every kind of traffic run for so long.
func (s *soaked) busy(t *testing.T, length time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var all sync.WaitGroup
	for _, n := range s.rounds {
		all.Go(func() { n.repeat(ctx) })
	}
	minutes := time.NewTicker(time.Minute)
	defer minutes.Stop()
	for begun := time.Now(); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-minutes.C:
			if now, err := s.state(); err == nil {
				t.Logf("busy for %4.0f s:  %v", time.Since(begun).Seconds(), now)
			}
		}
	}
	all.Wait()
}

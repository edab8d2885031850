//go:build unix

package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var soakLength = flag.Duration("soak", 20*time.Second, "how long TestSoak keeps the server busy")

// soaked is a server under mixed traffic, and what it is busy with.
type soaked struct {
	*process
	config        string
	certs         string
	admin         *http.Client
	plain, secure int

	rounds map[string]*tally
}

// state is what must not grow.
type state struct {
	descriptors, goroutines int
	heap, resident          int // MiB; heap is what a collection leaves
}

func (s state) String() string {
	return fmt.Sprintf("%4d descriptors, %4d goroutines, heap %3d MiB, resident %4d MiB", s.descriptors, s.goroutines, s.heap, s.resident)
}

// TestSoak keeps a server busy with everything at once, reloads it, changes its
// certificates, lets backends and clients fail, and compares what it holds
// after a while with what it holds at the end. With -soak it takes longer.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := startSoak(t)
	s.busy(t, *soakLength/4)
	warm := s.settled(t, state{1 << 20, 1 << 20, 1 << 20, 1 << 20})
	t.Logf("after warming up: %v", warm)
	s.busy(t, *soakLength-*soakLength/4)
	bound := state{warm.descriptors + 16, warm.goroutines + 16, warm.heap + warm.heap/5 + 4, warm.resident + warm.resident/2 + 32}
	if raceEnabled {
		bound.resident = 1 << 20 // the race detector's, not the server's
	}
	t.Logf("at the end:       %v", s.settled(t, bound))
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
	socket := filepath.Join(dir, "admin.sock")
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	s.admin = &http.Client{Transport: transport, Timeout: patience}
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

// settled waits until what a server without traffic holds is within bound.
func (s *soaked) settled(t *testing.T, bound state) (now state) {
	t.Helper()
	for range 2 { // what the first collection finds finalizers for goes with the second
		eventually(t, "it is quiet again", func() (err error) {
			if now, err = s.state(); err != nil {
				return err
			}
			if now.descriptors > bound.descriptors || now.goroutines > bound.goroutines || now.heap > bound.heap || now.resident > bound.resident {
				return fmt.Errorf("it has %v, and is to have at most %v", now, bound)
			}
			return nil
		})
	}
	return now
}

var (
	goroutineTotal = regexp.MustCompile(`goroutine profile: total ([0-9]+)`)
	heapLeft       = regexp.MustCompile(`# HeapAlloc = ([0-9]+)`)
)

// state asks the server by its admin socket, and the kernel.
func (s *soaked) state() (now state, err error) {
	heap, err := s.figure("heap?debug=1&gc=1", heapLeft)
	if err != nil {
		return now, err
	}
	now.heap = heap >> 20
	if now.goroutines, err = s.figure("goroutine?debug=1", goroutineTotal); err != nil {
		return now, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		return now, err
	}
	now.descriptors = len(open)
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return now, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	now.resident = pages * os.Getpagesize() >> 20
	return now, err
}

func (s *soaked) figure(profile string, pattern *regexp.Regexp) (int, error) {
	response, err := s.admin.Get("http://admin/debug/pprof/" + profile)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	found := pattern.FindSubmatch(body)
	if found == nil {
		return 0, fmt.Errorf("%s: %s has no %v", profile, response.Status, pattern)
	}
	return strconv.Atoi(string(found[1]))
}

//go:build unix

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// state is what must not grow.
type state struct {
	descriptors, goroutines int
	heap, resident          int // MiB; heap is what a collection leaves
}

func (s state) String() string {
	return fmt.Sprintf("%4d descriptors, %4d goroutines, heap %3d MiB, resident %4d MiB", s.descriptors, s.goroutines, s.heap, s.resident)
}

// bound is the most that there may be after more of what led to s.
func (s state) bound() state {
	b := state{s.descriptors + 16, s.goroutines + 16, s.heap + s.heap/5 + 4, s.resident + s.resident/2 + 32}
	if raceEnabled {
		b.resident = 1 << 20 // the race detector's, not the server's
	}
	return b
}

// anything bounds nothing.
var anything = state{1 << 20, 1 << 20, 1 << 20, 1 << 20}

// gauge measures a server that has an admin socket.
type gauge struct {
	admin *http.Client
	pid   int
}

func newGauge(socket string, pid int) gauge {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	return gauge{&http.Client{Transport: transport, Timeout: patience}, pid}
}

// settled waits until what a server without traffic holds is within bound.
func (g gauge) settled(t *testing.T, bound state) (now state) {
	t.Helper()
	for range 2 { // what the first collection finds finalizers for goes with the second
		eventually(t, "it is quiet again", func() (err error) {
			if now, err = g.state(); err != nil {
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
func (g gauge) state() (now state, err error) {
	heap, err := g.figure("heap?debug=1&gc=1", heapLeft)
	if err != nil {
		return now, err
	}
	now.heap = heap >> 20
	if now.goroutines, err = g.figure("goroutine?debug=1", goroutineTotal); err != nil {
		return now, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.pid))
	if err != nil {
		return now, err
	}
	now.descriptors = len(open)
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", g.pid))
	if err != nil {
		return now, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	now.resident = pages * os.Getpagesize() >> 20
	return now, err
}

func (g gauge) figure(profile string, pattern *regexp.Regexp) (int, error) {
	response, err := g.admin.Get("http://admin/debug/pprof/" + profile)
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

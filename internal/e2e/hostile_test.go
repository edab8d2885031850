//go:build unix

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowest is how long an answer may take while the server is under attack. A
// machine that runs all the tests at once has delays of its own.
var slowest = flag.Duration("slowest", 10*time.Second, "longest time for an answer while the server is under attack")

// leanBuild is http-master without the race detector, whose memory would be
// all that is measured.
var leanBuild = sync.OnceValues(func() (string, error) {
	if !raceEnabled {
		return serverProgram, nil
	}
	program := filepath.Join(filepath.Dir(serverProgram), "http-master-lean")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "httpmaster/cmd/http-master")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return program, nil
})

// startLean runs the lean build with the config and at most so many
// descriptors; 0 is what the test itself may have.
func startLean(t *testing.T, config string, descriptors int) *process {
	t.Helper()
	program, err := leanBuild()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, config)
	var p *process
	if descriptors == 0 {
		p = start(t, nil, program, "--config", file)
	} else {
		limit := fmt.Sprintf("ulimit -n %d; exec \"$@\"", descriptors)
		p = start(t, nil, "/bin/sh", "-c", limit, "sh", program, "--config", file)
	}
	p.waitFor(t, 0, "listening on ")
	return p
}

// memory gives what is resident of p, now and at most so far, in MiB.
func (p *process) memory(t *testing.T) (now, peak int) {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("memory is measured where there is /proc: %v", err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "VmRSS:":
			now = kib >> 10
		case "VmHWM:":
			peak = kib >> 10
		}
	}
	return now, peak
}

// cpu gives the processor time that p has used.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("processor time is measured where there is /proc: %v", err)
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // of the kernel's 100 ticks a second
}

// visitor is somebody who wants to be served while the server is under attack,
// over a new connection each time.
type visitor struct {
	client *http.Client
	url    string
	stop   context.CancelFunc
	ended  chan struct{}

	// Readable when ended is closed.
	visits int
	worst  time.Duration
	failed error
}

// visit begins to ask for url over and over.
func visit(t *testing.T, url string) *visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	transport := &http.Transport{DisableKeepAlives: true, DialContext: new(net.Dialer).DialContext}
	v := &visitor{
		client: &http.Client{Transport: transport, Timeout: patience},
		url:    url, stop: cancel, ended: make(chan struct{}),
	}
	go v.run(ctx)
	t.Cleanup(func() {
		cancel()
		<-v.ended
	})
	return v
}

func (v *visitor) run(ctx context.Context) {
	defer close(v.ended)
	for ctx.Err() == nil && v.failed == nil {
		begun := time.Now()
		response, _, err := tryGet(v.client, v.url)
		switch {
		case err != nil:
			v.failed = err
		case response.StatusCode != http.StatusOK:
			v.failed = errors.New(response.Status)
		}
		v.worst = max(v.worst, time.Since(begun))
		v.visits++
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond): // the pace of somebody who clicks a lot
		}
	}
}

// leave ends the visits and checks that every one was served.
func (v *visitor) leave(t *testing.T) {
	t.Helper()
	v.stop()
	<-v.ended
	if v.failed != nil {
		t.Errorf("visit %d was not served: %v", v.visits, v.failed)
	}
	if v.worst > *slowest {
		t.Errorf("an answer took %v, more than %v", v.worst, *slowest)
	}
	t.Logf("%d visits meanwhile, the slowest took %v", v.visits, v.worst.Round(100*time.Microsecond))
}

// descriptors is how many files and sockets p has open.
func (p *process) descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("descriptors are counted where there is /proc: %v", err)
	}
	return len(open)
}

//go:build unix

package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test. When the test ends it is
// killed, with everything it has started, and reaped.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output // what it writes to stderr
	ended  chan struct{}
	err    error // of Wait; readable when ended is closed
}

// start runs program with env added to a clean environment.
func start(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	return startCommand(t, command(t, context.Background(), env, program, args...))
}

// startCommand starts cmd, whose stdin and stdout the caller may have set.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: filepath.Base(cmd.Path), cmd: cmd, output: newOutput(), ended: make(chan struct{})}
	cmd.Stderr = p.output
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
		p.output.Close()
	}()
	t.Cleanup(func() {
		p.kill()
		text := p.output.String()
		if strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic: ") || strings.Contains(text, "fatal error: ") {
			t.Errorf("%s has crashed or raced", p.name)
		}
		if t.Failed() && text != "" {
			t.Logf("stderr of %s:\n%s", p.name, text)
		}
	})
	return p
}

// command prepares a program in a process group of its own, in an environment
// that has nothing of the user's own.
func command(t *testing.T, ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/bin",
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_RUNTIME_DIR=" + runtimeDir,
		"LANG=C.UTF-8",
		"GORACE=atexit_sleep_ms=10", // instead of a second for each program that ends
	}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = 5 * time.Second // for pipes that a grandchild has kept
	return cmd
}

// killGroup ends cmd and what it has started.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func (p *process) kill() {
	killGroup(p.cmd)
	<-p.ended
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v to %s: %v", s, p.name, err)
	}
}

// exitCode waits for p to end by itself.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s did not end within %v", p.name, patience)
		return -1
	}
}

// waitFor waits until p has written text to stderr, at or behind the offset
// from, and gives the offset behind it.
func (p *process) waitFor(t *testing.T, from int, text string) int {
	t.Helper()
	end, err := p.output.waitFor(from, text, time.Now().Add(patience))
	if err != nil {
		t.Fatalf("%s did not say %q: %v; it said:\n%s", p.name, text, err, p.output.String()[from:])
	}
	return end
}

// lineWith waits until p has written a whole line that contains text, and
// gives the line.
func (p *process) lineWith(t *testing.T, text string) string {
	t.Helper()
	end := p.waitFor(t, 0, text)
	end = p.waitFor(t, end, "\n")
	lines := strings.Split(strings.TrimSuffix(p.output.String()[:end], "\n"), "\n")
	return lines[len(lines)-1]
}

// output collects what a process writes, and lets others wait for it.
type output struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	grown  chan struct{} // closed and made anew at each write
	closed bool
}

func newOutput() *output { return &output{grown: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.buf.Write(b)
}

// Close says that nothing more comes.
func (o *output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	close(o.grown)
	o.grown = make(chan struct{})
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) waitFor(from int, text string, deadline time.Time) (end int, err error) {
	timeout := time.After(time.Until(deadline))
	for {
		o.mu.Lock()
		i, grown, closed := strings.Index(o.buf.String()[from:], text), o.grown, o.closed
		o.mu.Unlock()
		switch {
		case i >= 0:
			return from + i + len(text), nil
		case closed:
			return 0, errors.New("it has ended")
		}
		select {
		case <-grown:
		case <-timeout:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// result is what came of a program that has run to its end.
type result struct {
	stdout, stderr string
	code           int
}

// run runs a program to its end, with stdin as its input.
func run(t *testing.T, env []string, stdin io.Reader, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := command(t, ctx, env, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %q did not end within %v; stderr:\n%s", program, args, 2*patience, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %s: %v", program, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// mustRun is run for programs that must succeed; it gives what they printed.
func mustRun(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	r := run(t, env, nil, program, args...)
	if r.code != 0 {
		t.Fatalf("%s %q: exit code %d\n%s%s", program, args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// startServer runs http-master with a config and waits until it listens.
func startServer(t *testing.T, config string, args ...string) *process {
	t.Helper()
	p := start(t, nil, serverProgram, append([]string{"--config", config}, args...)...)
	p.waitFor(t, 0, "listening on ")
	return p
}

// startClient runs dewebsockify with a free local port behind args and gives
// the address that it says it listens on.
func startClient(t *testing.T, env []string, args ...string) (p *process, address string) {
	t.Helper()
	p = start(t, env, clientProgram, append(args, "0")...)
	line := p.lineWith(t, "listening on ")
	_, address, _ = strings.Cut(line, "listening on ")
	address, _, _ = strings.Cut(address, ",")
	return p, address
}

//go:build unix

package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// shell is somebody at a terminal, who types into ssh and reads what it shows.
type shell struct {
	*process
	keys   io.Writer
	screen *output
	typed  int // questions so far
}

// startShell logs in with an ssh config; prefix, if there is one, is the program
// that starts all of it.
func startShell(t *testing.T, config string, prefix ...string) *shell {
	t.Helper()
	script, ssh := need(t, "bsdutils", "script"), need(t, "openssh-client", "ssh")
	args := append(prefix, script, "-q", "-e", "-c", ssh+" -tt -F "+config+" server sh", "/dev/null")
	s := &shell{screen: newOutput()}
	cmd := command(t, context.Background(), nil, args[0], args[1:]...)
	cmd.Stdout = s.screen
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.keys = keys
	s.process = startCommand(t, cmd)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the terminal shows:\n%s", s.screen)
		}
	})
	s.ask(t)
	return s
}

// ask types a question and waits for its echo and for the answer, for as long as
// it takes to notice a dead link twice.
func (s *shell) ask(t *testing.T) {
	t.Helper()
	s.typed++
	question := fmt.Sprintf("echo answer-$((1000+%d))-end", s.typed)
	if _, err := io.WriteString(s.keys, question+"\n"); err != nil {
		t.Fatalf("typing: %v", err)
	}
	deadline := time.Now().Add(4 * patience)
	end, err := s.screen.waitFor(0, question, deadline)
	if err == nil {
		_, err = s.screen.waitFor(end, s.answer(s.typed), deadline)
	}
	if err != nil {
		t.Fatalf("question %d: %v", s.typed, err)
	}
}

func (s *shell) answer(n int) string { return fmt.Sprintf("answer-%d-end\r\n", 1000+n) }

// leave logs out, and checks that every answer was there once.
func (s *shell) leave(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(s.keys, "exit 7\n"); err != nil {
		t.Fatalf("typing: %v", err)
	}
	if code := s.exitCode(t); code != 7 {
		t.Errorf("exit code %d, want the shell's own 7", code)
	}
	shown := s.screen.String()
	for n := 1; n <= s.typed; n++ {
		before, after, found := strings.Cut(shown, s.answer(n))
		if !found || strings.Contains(after, s.answer(n)) {
			t.Fatalf("answer %d was shown %d times behind\n%s", n, strings.Count(shown, s.answer(n)), before)
		}
		shown = after
	}
}

// shellThrough starts a shell through a tunnel that a cutter can hurt.
func shellThrough(t *testing.T, d *sshd) (*shell, *rules, *cutter, *process) {
	t.Helper()
	r, c, p, local := resumable(t, d.port)
	_, port, _ := net.SplitHostPort(local)
	return startShell(t, d.clientConfig(t, "HostName 127.0.0.1", "Port "+port)), r, c, p
}

// TestShellSurvives works on a terminal of a real ssh, to a real sshd, while the
// way between them is hurt. The cases wait at the same time, for most of a minute.
func TestShellSurvives(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	var all sync.WaitGroup
	all.Go(func() {
		t.Run("cuts, reloads and a black-out", func(t *testing.T) { testHurtShell(t, d) })
	})
	for name, clients := range map[string]bool{"what the client sends is lost": true, "what the server sends is lost": false} {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				s, _, c, p := shellThrough(t, d)
				c.silence(clients)
				s.ask(t)
				s.leave(t)
				p.lineWith(t, "resumed after ")
			})
		})
	}
	all.Wait()
}

func testHurtShell(t *testing.T, d *sshd) {
	s, r, c, p := shellThrough(t, d)
	for i := range 10 {
		from := len(p.output.String())
		moment := time.AfterFunc(rand.N(20*time.Millisecond), func() { c.cut(i%2 == 1) })
		defer moment.Stop()
		s.ask(t)
		p.waitFor(t, from, "resumed after ")
	}
	lost := strings.Count(r.output.String(), "tunnel lost")
	r.signal(t, syscall.SIGHUP)
	s.ask(t)
	r.addRule(t, tunnelRule(d.port))
	s.ask(t)
	if n := strings.Count(r.output.String(), "tunnel lost"); n != lost {
		t.Error("the reload has cut the tunnel")
	}
	c.blackout()
	defer time.AfterFunc(*darkness, c.light).Stop()
	s.ask(t)
	s.leave(t)
}

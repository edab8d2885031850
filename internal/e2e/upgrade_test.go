//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"httpmaster/internal/status"
)

// newerVersion is what the program calls itself that takes the first one's place.
const newerVersion = "4.5.6-e2e"

// buildNewer builds http-master once more, as newerVersion.
func buildNewer(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "newer")
	args := []string{"build", "-buildvcs=false", "-ldflags=-X httpmaster/internal/version.release=" + newerVersion, "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := command(t, t.Context(), nil, "go", append(args, "httpmaster/cmd/http-master")...)
	build.Env = os.Environ()
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// installed is a server whose program tests replace.
type installed struct {
	*process
	program, config string
}

func startInstalled(t *testing.T, config string) *installed {
	t.Helper()
	i := &installed{program: filepath.Join(t.TempDir(), "http-master"), config: config}
	i.install(t, serverProgram)
	cmd := command(t, context.Background(), nil, i.program, "--config", config)
	cmd.WaitDelay = 0 // the process has ended when those that took its place have
	i.process = startCommand(t, cmd)
	i.waitFor(t, 0, "listening on ")
	return i
}

// install puts program where the server was started from, as packages do.
func (i *installed) install(t *testing.T, program string) {
	t.Helper()
	fresh := i.program + ".new"
	writeFile(t, fresh, readFile(t, program))
	letIn(t, fresh)
	if err := os.Rename(fresh, i.program); err != nil {
		t.Fatal(err)
	}
}

// status gives version and process of who serves.
func (i *installed) status(t *testing.T) (version string, pid int) {
	t.Helper()
	var s status.Status
	got := admin(t, i.config, "status", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &s); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	return s.Version, s.PID
}

// upgrade has the command do it, and gives the new process.
func (i *installed) upgrade(t *testing.T, version string) (pid int) {
	t.Helper()
	_, before := i.status(t)
	got := admin(t, i.config, "upgrade")
	if got.code != 0 || !strings.HasPrefix(got.stdout, "upgraded: ") {
		t.Fatalf("upgrade: %+v", got)
	}
	eventually(t, "the new process has the admin socket for itself", func() error {
		v, p := i.status(t)
		if v != version || p == before {
			return fmt.Errorf("%s, process %d", v, p)
		}
		pid = p
		return nil
	})
	return pid
}

func waitGone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "the old process ends", func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d: %v", pid, err)
		}
		return nil
	})
}

// load sends requests, over connections that are kept and over new ones, until
// the returned function is called. Each must be answered; none is repeated.
func load(t *testing.T, url string) (stop func()) {
	quit := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}, Timeout: patience}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-quit:
					return
				default:
				}
				response, err := client.Post(url, "text/plain", io.MultiReader(strings.NewReader("once")))
				if err != nil {
					t.Errorf("request %d of client %d: %v", n, i, err)
					return
				}
				if body := readBody(t, response); body != "served" {
					t.Errorf("request %d of client %d: %s %q", n, i, response.Status, body)
				}
			}
		})
	}
	return func() {
		close(quit)
		clients.Wait()
	}
}

// TestUpgrade replaces the program of a busy server, and replaces it again: no
// request is lost, and a tunnel stays.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	newer := buildNewer(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "late")
	}))
	config, port := filepath.Join(t.TempDir(), "config.yaml"), freePort(t)
	writeFile(t, config, fmt.Sprintf("ports:\n  %d:\n    router: {\"/echo\": \"websockify -> %d\", \"/slow\": %d, \"*\": %d}\n",
		port, listenTCP(t, echo), slow, serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "served")
		}))))
	i := startInstalled(t, config)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	_, local := startClient(t, nil, fmt.Sprintf("ws://127.0.0.1:%d/echo", port))
	tunnel := dial(t, local)
	say(t, tunnel, "before")
	finished := make(chan string, 1)
	go func() {
		_, body, err := tryGet(http.DefaultClient, url+"/slow")
		finished <- fmt.Sprint(body, err)
	}()
	await(t, arrived, "the slow request reaches the app")

	stop := load(t, url)
	i.install(t, newer)
	second := i.upgrade(t, newerVersion)
	say(t, tunnel, "between")
	i.install(t, serverProgram)
	from := len(i.output.String())
	if err := syscall.Kill(second, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	i.waitFor(t, from, "upgraded: the new process serves")
	waitGone(t, second)
	stop()
	say(t, tunnel, "after")
	close(release)
	if got := <-finished; got != "late<nil>" {
		t.Errorf("the request that was under way: %s", got)
	}
	if version, _ := i.status(t); version != builtVersion {
		t.Errorf("at last %s serves", version)
	}
	tunnel.Close()
	waitGone(t, i.cmd.Process.Pid)
	if got := admin(t, config, "stop"); got.code != 0 {
		t.Errorf("stop: %+v", got)
	}
	<-i.ended
}

// TestUpgradeFails changes nothing, and says why.
func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	config, port := filepath.Join(t.TempDir(), "config.yaml"), freePort(t)
	good := fmt.Sprintf("ports: {%d: \"reject -> 410\"}\n", port)
	writeFile(t, config, good)
	i := startInstalled(t, config)
	_, pid := i.status(t)
	broken := filepath.Join(t.TempDir(), "broken")
	writeFile(t, broken, "#!/bin/sh\necho 'no such library' >&2\nexit 3\n")
	fails := func(why string) {
		t.Helper()
		from := len(i.output.String())
		got := admin(t, config, "upgrade")
		if got.code != 1 || !strings.Contains(got.stderr, why) || !strings.HasSuffix(got.stderr, "http-master: the upgrade failed, the old process goes on as it was\n") {
			t.Errorf("upgrade: %+v, want %q", got, why)
		}
		i.waitFor(t, from, why)
		if version, p := i.status(t); version != builtVersion || p != pid {
			t.Errorf("%s serves, process %d", version, p)
		}
		if got := statusOf(t, port); got != 410 {
			t.Errorf("status %d", got)
		}
	}
	i.install(t, broken)
	fails("no such library")
	fails("the new process ended before it was ready: exit status 3")
	writeFile(t, broken, "this is no program")
	i.install(t, broken)
	fails("exec format error")
	i.install(t, serverProgram)
	writeFile(t, config, "ports: {80: \"rejct -> 1\"}\n")
	fails(config + ":1:")
	writeFile(t, config, fmt.Sprintf("ports: {%d: \"reject -> 410\", \"127.0.0.1:%d\": 1}\n", port, listenTCP(t, echo)))
	fails("another program uses this port")
	writeFile(t, config, good)
	i.upgrade(t, builtVersion)
}

// TestUpgradeWithoutRights: ports below 1024, and the admin socket, go from one
// process to the next although neither could open them any more.
func TestUpgradeWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	config, port := filepath.Join(t.TempDir(), "config.yaml"), lowPort(t)
	writeFile(t, config, fmt.Sprintf("user: nobody\nmodules: {admin: {socket: a.sock}}\nports: {\"127.0.0.1:%d\": \"reject -> 410\"}\n", port))
	letIn(t, config)
	i := startInstalled(t, config)
	for range 2 {
		pid := i.upgrade(t, builtVersion)
		wantNobody(t, pid)
		if got := statusOf(t, port); got != 410 {
			t.Errorf("status %d", got)
		}
	}
	if got := admin(t, config, "stop"); got.code != 0 {
		t.Errorf("stop: %+v", got)
	}
	<-i.ended
}

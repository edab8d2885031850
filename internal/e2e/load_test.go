//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	reloadCount  = flag.Int("reloads", 20, "how often TestReloadsUnderLoad reloads")
	upgradeCount = flag.Int("upgrades", 1, "how often TestReloadsUnderLoad upgrades")
)

// loaded is a server that is measured under load, with two configs to change
// between.
type loaded struct {
	*installed
	configs       [2]string
	at            int // which of configs is served
	plain, secure string
	client        *http.Client
	wrk, h2load   string
	seen          sync.Map // the paths of requests that an app has answered
}

// TestReloadsUnderLoad has the load generators that people use see nothing of
// reloads and upgrades: each request is answered, no connection is reset, a
// tunnel stays, and afterwards the server holds what it held before.
func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	l := startLoaded(t)
	socket := filepath.Join(filepath.Dir(l.config), "admin.sock")
	first := newGauge(socket, l.cmd.Process.Pid)
	hung := l.tunnel(t)
	long := []string{"-n", "300", "-c", "3", "-m", "5"}
	reload := func(times int) func() {
		return func() {
			for range times {
				l.reload(t)
			}
		}
	}
	l.busy(t, long, reload(5))
	warm := first.settled(t, anything)
	t.Logf("after warming up:      %v", warm)
	l.busy(t, long, reload(*reloadCount))
	t.Logf("after %4d reloads:    %v", *reloadCount, first.settled(t, warm.bound()))

	// h2load never opens a connection again that was told to end (GOAWAY), and
	// counts what it has not sent yet as failed. So here each connection is for
	// one request; visit keeps its connections.
	pids := []int{l.cmd.Process.Pid}
	l.busy(t, []string{"-n", "8", "-c", "8", "-m", "1"}, func() {
		for n := range *upgradeCount {
			l.install(t, serverProgram)
			pids = append(pids, l.upgrade(t, builtVersion))
			l.reload(t)
			if n > 0 { // the first one still has the tunnel
				waitGone(t, pids[n])
			}
		}
	})
	last := newGauge(socket, pids[*upgradeCount])
	t.Logf("after %4d upgrades:   %v", *upgradeCount, last.settled(t, warm.bound()))
	hung()
	if *upgradeCount > 0 {
		waitGone(t, l.cmd.Process.Pid)
	}
	if got := admin(t, l.config, "stop"); got.code != 0 {
		t.Errorf("stop: %+v", got)
	}
	<-l.ended
}

func startLoaded(t *testing.T) *loaded {
	t.Helper()
	l := &loaded{wrk: need(t, "wrk", "wrk"), h2load: need(t, "nghttp2-client", "h2load")}
	dir, plain, secure := t.TempDir(), freePort(t), freePort(t)
	echoes, certs := listenTCP(t, echo), certFolder(t)
	for n := range l.configs {
		app := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l.seen.Store(r.URL.Path, true)
			time.Sleep(2 * time.Millisecond) // the pace of the load: others need the processor, too
			fmt.Fprintf(w, "app %d for %s", n, r.Header.Get("X-Sent"))
		}))
		rules := fmt.Sprintf(`{"/echo": "websockify -> %d", "/only%d": "reject -> 404", "*": ["addHeader -> X-Sent=config %[2]d", "addHeaderToResponse -> X-Config=%[2]d", %[3]d]}`,
			echoes, n, app)
		l.configs[n] = fmt.Sprintf(`
modules: {admin: {socket: admin.sock}}
ports:
  "127.0.0.1:%d": {router: %s}
  "127.0.0.1:%d": {router: %s, ssl: {certDir: %q}}
`, plain, rules, secure, rules, certs)
	}
	l.plain, l.secure = fmt.Sprintf("127.0.0.1:%d", plain), fmt.Sprintf("127.0.0.1:%d", secure)
	l.client = newHTTPClient(t, &tls.Config{RootCAs: testCA().pool()}, func(string) string { return l.secure })
	config := filepath.Join(dir, "config.yaml")
	writeFile(t, config, l.configs[0])
	l.installed = startInstalled(t, config)
	return l
}

// reload changes to the other config, and sees it answer.
func (l *loaded) reload(t *testing.T) {
	t.Helper()
	l.at = 1 - l.at
	writeFile(t, l.config, l.configs[l.at])
	_, pid := l.status(t)
	from := len(l.output.String())
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	l.waitFor(t, from, "config reloaded")
	response, body := get(t, l.client, "https://myserver.com/")
	if want := fmt.Sprintf("app %d for config %[1]d", l.at); body != want || response.Header.Get("X-Config") != strconv.Itoa(l.at) {
		t.Errorf("config %d: %q with X-Config %q", l.at, body, response.Header.Get("X-Config"))
	}
}

// busy does work while requests come by wrk, by h2load with its arguments, and
// by a client that keeps its HTTP/2 connection.
func (l *loaded) busy(t *testing.T, arguments []string, work func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	l.seen.Clear()
	all.Go(func() { l.runWrk(t, ctx, "http://"+l.plain+"/wrk") })
	all.Go(func() { l.runWrk(t, ctx, "https://"+l.secure+"/wrk-tls") })
	all.Go(func() { l.runH2load(t, ctx, append(arguments, "https://"+l.secure+"/h2load")) })
	all.Go(func() { l.visit(t, ctx, "https://myserver.com/visit") })
	for _, path := range []string{"/wrk", "/wrk-tls", "/h2load", "/visit"} {
		eventually(t, path+" is under way", func() error {
			if _, ok := l.seen.Load(path); !ok {
				return errors.New("no request yet")
			}
			return nil
		})
	}
	work()
}

var wrkTotal = regexp.MustCompile(`(?m)^ *([0-9]+) requests in `)

// runWrk has wrk send requests until ctx ends. It has lines about errors only
// where there were any.
func (l *loaded) runWrk(t *testing.T, ctx context.Context, url string) {
	cmd := command(t, ctx, nil, l.wrk, "-t", "1", "-c", "4", "-d", "1h", "--timeout", "30s", url)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // it tells its results then
	cmd.WaitDelay = patience
	text, _ := cmd.CombinedOutput()
	found := wrkTotal.FindSubmatch(text)
	if found == nil || string(found[1]) == "0" || strings.Contains(string(text), "errors") || strings.Contains(string(text), "Non-2xx") {
		t.Errorf("wrk %s:\n%s", url, text)
		return
	}
	t.Logf("wrk %s: %s requests, no error", url, found[1])
}

var h2loadTotal = regexp.MustCompile(`(?m)^requests: ([0-9]+) total, ([0-9]+) started, ([0-9]+) done, ([0-9]+) succeeded, 0 failed, 0 errored, 0 timeout\nstatus codes: ([0-9]+) 2xx, 0 3xx, 0 4xx, 0 5xx$`)

// runH2load runs h2load over and over until ctx ends.
func (l *loaded) runH2load(t *testing.T, ctx context.Context, arguments []string) {
	runs, requests := 0, 0
	for ; runs == 0 || ctx.Err() == nil; runs++ {
		limited, cancel := context.WithTimeout(context.Background(), 2*patience)
		text, err := command(t, limited, nil, l.h2load, arguments...).CombinedOutput()
		cancel()
		found := h2loadTotal.FindSubmatch(text)
		if err != nil || found == nil || string(found[1]) != arguments[1] || string(found[5]) != arguments[1] {
			t.Errorf("h2load, run %d: %v\n%s", runs, err, text)
			return
		}
		n, _ := strconv.Atoi(string(found[5]))
		requests += n
	}
	t.Logf("h2load: %d runs, %d requests, no error", runs, requests)
}

// visit sends requests over one HTTP/2 connection for as long as it is good.
func (l *loaded) visit(t *testing.T, ctx context.Context, url string) {
	requests := 0
	for ; requests == 0 || ctx.Err() == nil; requests++ {
		response, body, err := tryGet(l.client, url)
		if err != nil || response.StatusCode != 200 || response.ProtoMajor != 2 || !strings.HasPrefix(body, "app ") {
			t.Errorf("request %d over HTTP/2: %v %q", requests, err, body)
			return
		}
	}
	t.Logf("one client over HTTP/2: %d requests, no error", requests)
}

// tunnel talks through a tunnel until it is hung up.
func (l *loaded) tunnel(t *testing.T) (hangUp func()) {
	t.Helper()
	_, local := startClient(t, nil, "ws://"+l.plain+"/echo")
	conn, quit := dial(t, local), make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		rounds := 0
		defer func() { conn.Close(); t.Logf("tunnel: %d rounds", rounds) }()
		for ; ; rounds++ {
			select {
			case <-quit:
				return
			case <-time.After(5 * time.Millisecond): // the pace of somebody who types
			}
			if err := sayOnce(conn, fmt.Sprintf("round %d", rounds)); err != nil {
				t.Errorf("tunnel, round %d: %v", rounds, err)
				return
			}
		}
	})
	hangUp = sync.OnceFunc(func() { close(quit); talking.Wait() })
	t.Cleanup(hangUp)
	return hangUp
}

func sayOnce(conn net.Conn, text string) error {
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		return fmt.Errorf("said %q, heard %q, error %w", text, got, err)
	}
	return nil
}

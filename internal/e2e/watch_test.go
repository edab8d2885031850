//go:build unix

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWatchRename replaces the config as editors do: another file gets its name.
func TestWatchRename(t *testing.T) {
	t.Parallel()
	r := startRules(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, "first")), "--watch")
	config := r.file
	for _, text := range []string{"second", "third"} {
		from := len(r.output.String())
		r.file = config + ".new"
		r.write(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, text)))
		if err := os.Rename(r.file, config); err != nil {
			t.Fatal(err)
		}
		r.waitFor(t, from, "config reloaded")
		r.wantBody(t, "http://a.example/", text)
	}
}

// TestWatchSwappedLink replaces the config as Kubernetes does for a ConfigMap: the
// file is a link through a link to a folder, and that one is swapped.
func TestWatchSwappedLink(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	r := &rules{port: port}
	r.client = newHTTPClient(t, nil, func(string) string { return r.address() })
	swap := func(name, text string) {
		folder := filepath.Join(dir, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		r.file = filepath.Join(folder, "config.yaml")
		r.write(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, text)))
		link := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("..2001", "first")
	config := filepath.Join(dir, "config.yaml")
	if err := os.Symlink("..data/config.yaml", config); err != nil {
		t.Fatal(err)
	}
	r.process = startServer(t, config, "--watch")
	r.wantBody(t, "http://a.example/", "first")
	for i, text := range []string{"second", "third"} {
		from := len(r.output.String())
		swap(fmt.Sprintf("..200%d", i+2), text)
		r.waitFor(t, from, "config reloaded")
		r.wantBody(t, "http://a.example/", text)
	}
}

// TestAppLogRotation renames the program's own log: the next line is in a new file.
func TestAppLogRotation(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	config, log := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "app.log")
	writeFile(t, config, fmt.Sprintf("modules: {appLog: app.log}\nports: {\"127.0.0.1:%d\": \"reject -> 404\"}\n", port))
	p := start(t, nil, serverProgram, "--config", config)
	logHas := func(text string) {
		t.Helper()
		eventually(t, "the log has "+text, func() error {
			content, err := os.ReadFile(log)
			if err == nil && !strings.Contains(string(content), text) {
				err = fmt.Errorf("it has %q", content)
			}
			return err
		})
	}
	logHas("listening on ")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGHUP)
	logHas("config reloaded")
	if old := readFile(t, log+".1"); strings.Contains(old, "reloaded") {
		t.Errorf("the old file has %q", old)
	}
}

// TestShutdownTimeout cuts off a request that takes longer than the config allows
// a server that stops.
func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	slow := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	port, config := freePort(t), filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, config, fmt.Sprintf("shutdownTimeout: 100ms\nports: {\"127.0.0.1:%d\": %d}\n", port, slow))
	p := startServer(t, config)
	ended := make(chan error, 1)
	go func() {
		_, _, err := tryGet(http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/", port))
		ended <- err
	}()
	await(t, arrived, "the request reaches the app")
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 1 {
		t.Errorf("exit code %d, want 1 for requests that were cut off", code)
	}
	if err := <-ended; err == nil {
		t.Error("the request was answered, which nobody could")
	}
}

// TestNotify stands for systemd and listens to what the service says of itself.
func TestNotify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	systemd.SetReadDeadline(time.Now().Add(2 * patience))
	hears := func(want string) {
		t.Helper()
		buf := make([]byte, 1024)
		n, err := systemd.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), want) {
			t.Fatalf("got %q, %v, want %q", buf[:n], err, want)
		}
	}
	config := filepath.Join(dir, "config.yaml")
	good := fmt.Sprintf("ports: {\"127.0.0.1:%d\": \"reject -> 404\"}\n", freePort(t))
	writeFile(t, config, good)
	p := start(t, []string{"NOTIFY_SOCKET=" + systemd.LocalAddr().String()}, serverProgram, "--config", config)
	hears("READY=1")
	for _, text := range []string{good, "faulty"} {
		writeFile(t, config, text)
		p.signal(t, syscall.SIGHUP)
		hears("RELOADING=1\nMONOTONIC_USEC=")
		hears("READY=1")
	}
	p.signal(t, syscall.SIGTERM)
	hears("STOPPING=1")
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

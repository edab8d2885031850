//go:build unix

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuickstart runs the shipped quickstart, with free ports, as somebody does
// who has just cloned the repository.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	plain, secure := freePort(t), freePort(t)
	dir, home := t.TempDir(), t.TempDir()
	text := example(t, "quickstart.yaml", [2]string{"  8080:\n", fmt.Sprintf("  %d:\n", plain)}, [2]string{"  8443:\n", fmt.Sprintf("  %d:\n", secure)})
	file := filepath.Join(dir, "quickstart.yaml")
	writeFile(t, file, strings.ReplaceAll(text, "[1]:8443/", fmt.Sprintf("[1]:%d/", secure)))
	page := readFile(t, filepath.Join("..", "..", "examples", "quickstart", "index.html"))
	writeFile(t, filepath.Join(dir, "quickstart", "index.html"), page)

	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home}
	p := start(t, env, serverProgram, "--config", file)
	p.waitFor(t, 0, "listening on ")
	root := filepath.Join(home, "http-master", "ca", "root.crt")
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(readFile(t, root))) {
		t.Fatalf("%s has no certificate", root)
	}
	direct := func(address string) string {
		_, port, _ := net.SplitHostPort(address)
		return net.JoinHostPort("127.0.0.1", port)
	}
	client := newHTTPClient(t, &tls.Config{RootCAs: trusted}, direct)

	response, _ := get(t, client, fmt.Sprintf("http://localhost:%d/index.html?a=b", plain))
	target := fmt.Sprintf("https://localhost:%d/index.html?a=b", secure)
	if got := response.Header.Get("Location"); response.StatusCode != http.StatusFound || got != target {
		t.Errorf("%s to %q, want 302 to %q", response.Status, got, target)
	}
	response, body := get(t, client, fmt.Sprintf("https://localhost:%d/", secure))
	if response.StatusCode != http.StatusOK || body != page || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the page: %s, %s, %d bytes, want the %d of the file", response.Status, response.Header.Get("Content-Type"), len(body), len(page))
	}
	quickstartSSH(t, env, root, fmt.Sprintf("wss://localhost:%d/services/ssh", secure))

	p.kill()
	before := readFile(t, root)
	again := start(t, env, serverProgram, "--config", file)
	again.waitFor(t, 0, "listening on ")
	if readFile(t, root) != before {
		t.Error("the second start made a new authority; a browser would have to trust that one, too")
	}
}

// quickstartSSH looks at this machine's own SSH server, or at what is said when
// it has none.
func quickstartSSH(t *testing.T, env []string, root, url string) {
	t.Helper()
	own, err := net.DialTimeout("tcp", "localhost:22", patience)
	if err == nil {
		own.Close()
		_, address := startClient(t, env, "--ca", root, url)
		banner := make([]byte, 4)
		if _, err := io.ReadFull(dial(t, address), banner); err != nil || string(banner) != "SSH-" {
			t.Errorf("read %q through the tunnel, error %v, want the banner of the SSH server on port 22", banner, err)
		}
		return
	}
	got := run(t, env, nil, clientProgram, "--ca", root, url, "-")
	if got.code != 4 || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "502") {
		t.Errorf("with nothing on port 22: exit code %d, stdout %q, stderr %q, want 4 and one line that names 502", got.code, got.stdout, got.stderr)
	}
}

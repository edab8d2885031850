//go:build unix

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// page opens a WebSocket to the SSH server and tells its own server what came
// of it.
const page = `<!DOCTYPE html><meta charset="utf-8"><title>WebSocket</title><script>
let told = false;
function tell(text) {
  if (told) return;
  told = true;
  fetch("/report", {method: "POST", body: text});
}
const ws = new WebSocket("wss://myserver.com/services/ssh");
ws.binaryType = "arraybuffer";
ws.onmessage = e => tell("received " + (typeof e.data === "string" ? "text" : new TextDecoder().decode(e.data)));
ws.onclose = e => tell("closed " + e.code);
</script>`

// TestBrowser opens the page in a real browser, from the site itself and from
// another origin.
func TestBrowser(t *testing.T) {
	t.Parallel()
	chromium := need(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	reports := make(chan string, 1)
	backend := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, page)
		case "/report":
			text, _ := io.ReadAll(r.Body)
			reports <- r.Header.Get("Origin") + ": " + string(text)
		default:
			http.NotFound(w, r)
		}
	}))
	banner := listenTCP(t, func(c net.Conn) {
		io.WriteString(c, "SSH-2.0-Test\r\n")
		io.Copy(io.Discard, c)
	})
	s := startSite(t, setup{ssh: banner, app: backend})

	t.Run("same origin", func(t *testing.T) {
		browse(t, chromium, s, "https://myserver.com/page")
		wantReport(t, reports, "https://myserver.com: received SSH-2.0-Test\r\n")
	})
	t.Run("another origin", func(t *testing.T) {
		from := len(s.output.String())
		browse(t, chromium, s, "https://elsewhere.example/page")
		wantReport(t, reports, "https://elsewhere.example: closed 1006")
		end := s.waitFor(t, from, "https://elsewhere.example")
		s.waitFor(t, end, "\n")
		line, _, _ := strings.Cut(s.output.String()[from:], "\n")
		if !strings.Contains(line, "403") || !strings.Contains(line, "https://elsewhere.example") {
			t.Errorf("the log does not name status and origin in one line: %q", line)
		}
	})
}

func wantReport(t *testing.T, reports <-chan string, want string) {
	t.Helper()
	select {
	case got := <-reports:
		if got != want {
			t.Errorf("the page reports %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Errorf("the page reported nothing within %v, want %q", patience, want)
	}
}

// browse opens a URL in a browser of its own that knows the site's hosts and
// trusts its authority.
func browse(t *testing.T, chromium string, s *site, url string) {
	t.Helper()
	profile, err := os.MkdirTemp("", "http-master-e2e-browser-")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: a dying browser process may still write something there.
	t.Cleanup(func() {
		eventually(t, "the browser's profile is removed", func() error { return os.RemoveAll(profile) })
	})
	start(t, nil, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-crash-reporter",
		"--user-data-dir="+profile,
		"--ignore-certificate-errors-spki-list="+testCA().pin(),
		fmt.Sprintf("--host-resolver-rules=MAP *:443 127.0.0.1:%d", s.tls),
		url)
}

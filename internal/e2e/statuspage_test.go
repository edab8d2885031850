//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// statusSite is a server with a status page and something to see there.
type statusSite struct {
	*process
	plain, secure int
}

func startStatusSite(t *testing.T) *statusSite {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "passwd"), "me:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n") // test
	s := &statusSite{plain: freePort(t), secure: freePort(t)}
	config := filepath.Join(dir, "config.yaml")
	writeFile(t, config, fmt.Sprintf(`
ports:
  "127.0.0.1:%d":
    router:
      "/echo/*": ["auth -> passwd", "websockify -> %d"]
      "/up": {$: proxy, targets: [%d, %d]}
      "/slow/*": {$: proxy, target: %d}
      "*.example": "websockify -> [1]:22"
  "127.0.0.1:%d":
    router: {"myserver.com/status": ["auth -> passwd", status]}
    ssl: {certDir: %q}
`, s.plain, listenTCP(t, echo), answer(t, "one"), freePort(t), answer(t, "two"), s.secure, certFolder(t)))
	s.process = startServer(t, config)
	return s
}

func (s *statusSite) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.plain, path)
}

// eval gives what an expression is worth on the page, as text.
func (b *devtools) eval(t *testing.T, expression string) string {
	t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Text string }
	}
	b.do(t, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		t.Fatalf("%s: %s", expression, answer.ExceptionDetails.Text)
	}
	return fmt.Sprint(answer.Result.Value)
}

// wantText waits until a part of the page has a text.
func (b *devtools) wantText(t *testing.T, selector, want string) {
	t.Helper()
	eventually(t, selector+" has "+want, func() error {
		got := b.eval(t, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
		if !strings.Contains(got, want) {
			return errors.New(got)
		}
		return nil
	})
}

// shoot takes a picture of the whole page, as wide as a device, and checks that
// nothing sticks out. The pictures are kept with go test -artifacts.
func (b *devtools) shoot(t *testing.T, name string, width, height int, theme string) {
	t.Helper()
	b.do(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.do(t, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": theme}}}, nil)
	if got := b.eval(t, "document.documentElement.scrollWidth"); got != fmt.Sprint(width) {
		t.Errorf("%s: the page is %s wide, the window %d", name, got, width)
	}
	var shot struct{ Data []byte }
	b.do(t, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), shot.Data, 0o644); err != nil {
		t.Error(err)
	}
	picture, _, err := image.Decode(bytes.NewReader(shot.Data))
	if err != nil {
		t.Fatal(err)
	}
	r, g, bl, _ := picture.At(2, 2).RGBA()
	if dark := r+g+bl < 3*0x8000; dark != (theme == "dark") {
		t.Errorf("%s: the page is not %s", name, theme)
	}
}

func TestStatusPage(t *testing.T) {
	t.Parallel()
	chromium := need(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	s := startStatusSite(t)
	_, local := startClient(t, nil, strings.Replace(s.url("/echo/<b>x"), "http://", "ws://me:test@", 1))
	first, second := dial(t, local), dial(t, local)
	say(t, first, "hello")
	say(t, second, "hello")
	s.attack(t)

	b := startBrowser(t, chromium, s.secure, "https://me:test@myserver.com/status")
	b.wantText(t, "#tunnel-table", "127.0.0.1")
	b.wantText(t, "#state", "Live")
	for range 10 {
		mustGet(t, s.url("/up"))
	}
	b.wantText(t, "#rule-table", "/up")
	b.wantText(t, "#upstream-table", "✗ ejected")
	b.wantText(t, "#certificate-table", "myserver.com")
	b.wantText(t, "#rate-top", "at most")
	eventually(t, "there is a line to see", func() error {
		if points := b.eval(t, "document.querySelector('#rate-chart polyline').getAttribute('points')"); strings.Count(points, ",") < 3 {
			return errors.New(points)
		}
		return nil
	})

	// What clients made up is text, and nothing of it runs.
	b.wantText(t, "#event-table", "<script>document.title='owned'</script>")
	if got := b.eval(t, "[document.title, document.scripts.length, document.querySelectorAll('img, b, iframe').length].join()"); got != "http-master: status,1,0" {
		t.Errorf("the page has been changed: %s", got)
	}
	if got := b.eval(t, "(() => { const s = document.createElement('script'); try { s.textContent = 'document.title = 1'; document.body.append(s) } catch {} return document.title })()"); got != "http-master: status" {
		t.Error("a script that is put into the page runs")
	}
	if got := b.eval(t, "document.querySelectorAll('td:not([data-label]), th:not([scope]), button:not([aria-label]), svg:not([aria-label])').length"); got != "0" {
		t.Errorf("%s parts have no name for screen readers", got)
	}

	b.shoot(t, "desktop-light", 1280, 900, "light")
	b.shoot(t, "desktop-dark", 1280, 900, "dark")
	b.shoot(t, "phone-light", 390, 844, "light")
	b.shoot(t, "phone-dark", 390, 844, "dark")

	// The button is pressed by the keyboard, and asks back once.
	b.eval(t, "document.querySelector('tr[data-key=\"1\"] button').focus()")
	b.typeKey(t, "\r", "Enter", 13)
	b.wantText(t, `tr[data-key="1"] button`, "Really close?")
	b.typeKey(t, "\r", "Enter", 13)
	b.wantText(t, "#state", "Tunnel 1 is closed.")
	eventually(t, "the row is gone", func() error {
		if got := b.eval(t, "document.querySelectorAll('#tunnel-table tbody tr').length"); got != "1" {
			return errors.New(got)
		}
		return nil
	})
	s.lineWith(t, "a tunnel is closed from the status page")
	s.lineWith(t, "closed by the operator")
	if a, b := alive(first), alive(second); a == b {
		t.Errorf("of two tunnels, of which one was closed: alive are %v, %v", a, b)
	}
}

// alive tells whether an echo still answers.
func alive(conn net.Conn) bool {
	_, err := io.WriteString(conn, "x")
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	return err == nil
}

// attack sends what would be scripts if a page took it for HTML.
func (s *statusSite) attack(t *testing.T) {
	t.Helper()
	const script = "<script>document.title='owned'</script>"
	for _, make := range []func(*http.Request){
		func(r *http.Request) { r.SetBasicAuth(script, script) },
		func(r *http.Request) { r.Host = "<img src=x onerror=alert(1)>.example" },
		func(r *http.Request) { r.Header.Set("User-Agent", script); r.Header.Set("Referer", script) },
		func(r *http.Request) { r.URL.Path = "/echo/" + script },
	} {
		r, err := http.NewRequest("GET", s.url("/echo/x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		make(r)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			continue // not one that net/http's client would send
		}
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

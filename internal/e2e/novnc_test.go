//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The desktop in the browser: as large as this, and of this colour, which
// neither noVNC nor Chromium shows anywhere.
const desktopWidth, desktopHeight = 400, 300

var desktopColour = color.RGBA{R: 0x12, G: 0xb4, B: 0x5a, A: 0xff}

// TestNoVNC opens noVNC in Chromium with the shipped example, looks at the
// desktop of a real VNC server, clicks on it and types.
func TestNoVNC(t *testing.T) {
	t.Parallel()
	chromium := need(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	desktop := startDesktop(t)
	novnc := "/usr/share/novnc"
	if _, err := os.Stat(filepath.Join(novnc, "vnc.html")); err != nil {
		need(t, "novnc", filepath.Join(novnc, "vnc.html"))
	}
	secure, certDir := freePort(t), t.TempDir()
	testCA().writeLeaf(t, certDir, "desktop", "desktop.example.com")
	writeFile(t, filepath.Join(certDir, "chain.crt"), pemText("CERTIFICATE", testCA().intermediate.Raw))
	config := filepath.Join(t.TempDir(), "novnc.yaml")
	writeFile(t, config, example(t, "novnc.yaml",
		[2]string{"  443:\n", fmt.Sprintf("  %d:\n", secure)},
		[2]string{"websockify -> 5901", fmt.Sprintf("websockify -> %d", desktop.port)},
		[2]string{"/etc/http-master/certs", certDir},
	))
	server := startServer(t, config)

	b := startBrowser(t, chromium, secure, "https://desktop.example.com/vnc.html?path=websockify&autoconnect=true")
	b.click(t, b.waitForDesktop(t).Add(image.Pt(123, 45)))
	desktop.waitForEvent(t, "ButtonPress", "(123,45)", "button 1")
	b.typeKey(t, "q", "KeyQ", 'Q')
	desktop.waitForEvent(t, "KeyPress", "(keysym 0x71, q)")

	b.kill()
	server.waitFor(t, 0, "tunnel closed")
}

// desktop is a VNC server with nothing but a coloured background on its
// display, and xev, which says what arrives there.
type desktop struct {
	port   int
	events *output
}

func startDesktop(t *testing.T) *desktop {
	t.Helper()
	const pkg = "tigervnc-standalone-server"
	program := need(t, pkg, "Xtigervnc")
	xsetroot, xev := need(t, "x11-xserver-utils", "xsetroot"), need(t, "x11-utils", "xev")
	d := &desktop{port: freePort(t), events: newOutput()}

	chosen, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer chosen.Close()
	cmd := command(t, context.Background(), nil, program, "-displayfd", "3", "-rfbport", fmt.Sprint(d.port), "-localhost",
		"-SecurityTypes", "None", "-AlwaysShared", "-noreset", "-depth", "24",
		"-geometry", fmt.Sprintf("%dx%d", desktopWidth, desktopHeight))
	cmd.ExtraFiles = []*os.File{tell}
	server := startCommand(t, cmd)
	tell.Close()
	t.Cleanup(func() { // so that it removes its socket and its lock
		server.signal(t, syscall.SIGTERM)
		server.exitCode(t)
	})
	chosen.SetReadDeadline(time.Now().Add(patience))
	number, err := bufio.NewReader(chosen).ReadString('\n')
	if err != nil {
		t.Fatalf("Xtigervnc did not say which display it has: %v", err)
	}
	display := ":" + strings.TrimSpace(number)

	c := desktopColour
	mustRun(t, nil, xsetroot, "-display", display, "-solid", fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B))
	watch := command(t, context.Background(), nil, xev, "-display", display, "-root", "-event", "button", "-event", "keyboard")
	watch.Stdout = d.events
	startCommand(t, watch)
	xwininfo := need(t, "x11-utils", "xwininfo")
	eventually(t, "xev sees what happens", func() error {
		if got := mustRun(t, nil, xwininfo, "-display", display, "-root", "-events"); !strings.Contains(got, "ButtonPress") {
			return fmt.Errorf("xwininfo says %q", got)
		}
		return nil
	})
	return d
}

// waitForEvent waits until something arrives at the desktop that xev describes
// with these words, in this order.
func (d *desktop) waitForEvent(t *testing.T, words ...string) {
	t.Helper()
	at, deadline := 0, time.Now().Add(patience)
	for _, word := range words {
		end, err := d.events.waitFor(at, word, deadline)
		if err != nil {
			t.Fatalf("no event %q arrived: %v; these did:\n%s", words, err, d.events)
		}
		at = end
	}
}

// devtools is a Chromium that is told what to do: messages in JSON, each with a
// NUL behind it, on two pipes (the DevTools protocol).
type devtools struct {
	*process
	commands io.Writer
	answers  *bufio.Reader
	session  string // of the only page
	last     int    // id of a message
}

// startBrowser opens a page in a Chromium that reaches every host at port.
func startBrowser(t *testing.T, chromium string, port int, url string) *devtools {
	t.Helper()
	profile, err := os.MkdirTemp("", "http-master-e2e-browser-")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: a dying browser process may still write something there.
	t.Cleanup(func() {
		eventually(t, "the browser's profile is removed", func() error { return os.RemoveAll(profile) })
	})
	cmd := command(t, context.Background(), nil, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-crash-reporter",
		"--hide-scrollbars", "--window-size=800,600", "--remote-debugging-pipe",
		"--user-data-dir="+profile,
		"--ignore-certificate-errors-spki-list="+testCA().pin(),
		fmt.Sprintf("--host-resolver-rules=MAP *:443 127.0.0.1:%d", port))
	commands, answers := pipes(t, cmd)
	b := &devtools{commands: commands, answers: bufio.NewReader(answers)}
	b.process = startCommand(t, cmd)
	for _, file := range cmd.ExtraFiles {
		file.Close()
	}

	var opened struct{ TargetID string }
	b.do(t, "Target.createTarget", map[string]any{"url": url}, &opened)
	var attached struct{ SessionID string }
	b.do(t, "Target.attachToTarget", map[string]any{"targetId": opened.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

// pipes gives cmd the far ends of two pipes, as the descriptors 3 and 4.
func pipes(t *testing.T, cmd *exec.Cmd) (to, from *os.File) {
	t.Helper()
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		to.Close()
		from.Close()
	})
	cmd.ExtraFiles = []*os.File{in, out}
	from.SetReadDeadline(time.Now().Add(2 * patience))
	return to, from
}

// do sends a command and waits for its answer, which it decodes into result.
func (b *devtools) do(t *testing.T, method string, params map[string]any, result any) {
	t.Helper()
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.commands.Write(append(text, 0))
	}
	for err == nil {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if text, err = b.answers.ReadBytes(0); err != nil {
			break
		}
		err = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &answer)
		switch {
		case err != nil || answer.ID != b.last: // an event, mostly
		case answer.Error != nil:
			t.Fatalf("%s: %s", method, answer.Error.Message)
		case result == nil:
			return
		default:
			if err = json.Unmarshal(answer.Result, result); err == nil {
				return
			}
		}
	}
	t.Fatalf("%s: %v", method, err)
}

// waitForDesktop takes screenshots until there is one with the whole desktop,
// and gives its upper left corner. The last one is kept with go test -artifacts.
func (b *devtools) waitForDesktop(t *testing.T) image.Point {
	t.Helper()
	var seen image.Rectangle
	var last []byte
	defer func() {
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "novnc.png"), last, 0o644); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "the browser shows the desktop", func() error {
		var shot struct{ Data []byte }
		b.do(t, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
		last = shot.Data
		picture, err := png.Decode(bytes.NewReader(shot.Data))
		if err != nil {
			return err
		}
		seen = whereItIs(picture, desktopColour)
		if seen.Dx() != desktopWidth || seen.Dy() != desktopHeight {
			return fmt.Errorf("its colour is in %v, want %d by %d", seen, desktopWidth, desktopHeight)
		}
		return nil
	})
	return seen.Min
}

// whereItIs gives the smallest rectangle that has all pixels of a colour.
func whereItIs(picture image.Image, c color.RGBA) (r image.Rectangle) {
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if color.RGBAModel.Convert(picture.At(x, y)) == c {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

func (b *devtools) click(t *testing.T, at image.Point) {
	t.Helper()
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		params := map[string]any{"type": kind, "x": at.X, "y": at.Y}
		if kind != "mouseMoved" {
			params["button"], params["clickCount"] = "left", 1
		}
		b.do(t, "Input.dispatchMouseEvent", params, nil)
	}
}

// typeKey presses and releases a key: what it types, its name and its code.
func (b *devtools) typeKey(t *testing.T, text, name string, code int) {
	t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.do(t, "Input.dispatchKeyEvent", map[string]any{"type": kind, "key": text, "text": text, "code": name, "windowsVirtualKeyCode": code}, nil)
	}
}

//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"httpmaster/config"
)

// certFolder makes a folder with one certificate for names.
func certFolder(t *testing.T, names ...string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: names[0]},
		DNSNames:     names,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	bundle := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "anything.txt"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// bannerService greets every connection as an SSH server would, then hangs up.
func bannerService(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "SSH-2.0-test\r\n")
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	return ln.Addr().String()
}

// banner opens a WebSocket and gives the first thing that arrives.
func banner(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: c.Transport}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	_, text, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// example is a config of examples/ with what keeps it from running anywhere
// replaced: its ports, its folders, and the services it leads to.
func example(t *testing.T, name string, replace ...string) *running {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../examples", name))
	if err != nil {
		t.Fatal(err)
	}
	_, text, commented := strings.Cut(string(content), "\nports:")
	if !commented {
		t.Fatalf("%s has no ports", name)
	}
	text = "ports:" + text
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return start(t, text)
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func TestExampleHTTPMaster(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host+r.RequestURI) })
	ports := freePorts(t, 2)
	example(t, "http-master.yaml", "  80:", "  "+quoted(ports[0])+":", "  443:", "  "+quoted(ports[1])+":",
		"/etc/http-master/certs", certFolder(t, "mywebsite.net", "myserver.com"),
		"8080", portOf(app), "websockify -> 22", "websockify -> "+portOf(bannerService(t)))

	plain, secure := client(t, ports[0]), client(t, ports[1])
	resp, _ := get(t, plain, "http://myserver.com/a/b?q=1")
	if got := resp.Header.Get("Location"); resp.StatusCode != 302 || got != "https://myserver.com/a/b?q=1" {
		t.Errorf("port 80: %d to %q", resp.StatusCode, got)
	}
	if resp, body := get(t, secure, "https://other.com/x?y"); resp.StatusCode != 200 || body != "other.com/x?y" || resp.ProtoMajor != 2 {
		t.Errorf("the app: %s, HTTP/%d, %q", resp.Status, resp.ProtoMajor, body)
	}
	if got := banner(t, secure, "wss://myserver.com/services/ssh"); got != "SSH-2.0-test\r\n" {
		t.Errorf("through the WebSocket came %q", got)
	}
	// A target that the request chose must not be this machine.
	wantStatus(t, secure, "https://myserver.com/ssh/127.0.0.1/22", http.StatusUpgradeRequired)
}

func TestExampleApp(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host+r.RequestURI) }
	app, api := backend(t, echo), backend(t, echo)
	ports := freePorts(t, 2)
	example(t, "app.yaml", "  80:", "  "+quoted(ports[0])+":", "  443:", "  "+quoted(ports[1])+":",
		"/etc/http-master/certs", certFolder(t, "example.com"), "8080", portOf(app), "127.0.0.1:3000", api)

	secure := client(t, ports[1])
	for url, want := range map[string]string{
		"https://example.com/page?x=1":        "example.com/page?x=1",
		"https://example.com/api/users?id=1":  "example.com/users?id=1",
		"https://example.com/api/a%20b/c%2Cd": "example.com/a%20b/c,d",
	} {
		if _, body := get(t, secure, url); body != want {
			t.Errorf("%s: the app saw %q, want %q", url, body, want)
		}
	}
	resp, _ := get(t, secure, "https://www.example.com/a?b")
	if got := resp.Header.Get("Location"); resp.StatusCode != 301 || got != "https://example.com/a?b" {
		t.Errorf("www: %d to %q", resp.StatusCode, got)
	}
	wantStatus(t, secure, "https://stranger.com/", 404)
	wantStatus(t, client(t, ports[0]), "http://example.com/", 301)
}

func TestExampleSSHGateway(t *testing.T) {
	ssh := bannerService(t)
	port := freePorts(t, 1)[0]
	passwords := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwords, []byte("me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"), 0o600); err != nil { // "secret"
		t.Fatal(err)
	}
	example(t, "ssh-gateway.yaml", "  443:", "  "+quoted(port)+":", "/etc/http-master/certs", certFolder(t, "gateway.example.com"),
		"/etc/http-master/passwd", passwords, "localhost:22", "localhost:"+portOf(ssh))
	c := client(t, port)
	if got := banner(t, c, "wss://me:secret@gateway.example.com/ssh/localhost/"+portOf(ssh)); got != "SSH-2.0-test\r\n" {
		t.Errorf("through the WebSocket came %q", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for url, status := range map[string]int{
		"wss://gateway.example.com/ssh/localhost/" + portOf(ssh):          http.StatusUnauthorized,
		"wss://me:wrong@gateway.example.com/ssh/localhost/" + portOf(ssh): http.StatusUnauthorized,
		"wss://me:secret@gateway.example.com/ssh/192.0.2.1/22":            http.StatusForbidden,
	} {
		_, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: c.Transport}})
		if err == nil || resp.StatusCode != status {
			t.Errorf("%s: %v, %v, want %d", url, resp, err, status)
		}
	}
	wantStatus(t, c, "https://gateway.example.com/", 404)
}

func TestExampleNoVNC(t *testing.T) {
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "vnc.html"), []byte("noVNC"), 0o644); err != nil {
		t.Fatal(err)
	}
	port := freePorts(t, 1)[0]
	example(t, "novnc.yaml", "  443:", "  "+quoted(port)+":", "/etc/http-master/certs", certFolder(t, "desktop.example.com"),
		"static -> /usr/share/novnc", "static -> "+files, "-> 5901", "-> "+portOf(bannerService(t)))
	c := client(t, port)
	if _, body := get(t, c, "https://desktop.example.com/vnc.html?path=websockify"); body != "noVNC" {
		t.Errorf("the page is %q", body)
	}
	if got := banner(t, c, "wss://desktop.example.com/websockify"); got == "" {
		t.Error("nothing came through the WebSocket")
	}
}

func TestExampleQuickstart(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	ports := freePorts(t, 2)
	example(t, "quickstart.yaml", "  8080:", "  "+quoted(ports[0])+":", "  8443:", "  "+quoted(ports[1])+":",
		"static -> quickstart", "static -> ../../examples/quickstart", "websockify -> 22", "websockify -> "+portOf(bannerService(t)))
	resp, _ := get(t, client(t, ports[0]), "http://localhost:8080/a?b=c")
	if got := resp.Header.Get("Location"); got != "https://localhost:8443/a?b=c" {
		t.Errorf("port 8080 leads to %q", got)
	}
	c := client(t, ports[1])
	if resp, body := get(t, c, "https://localhost:8443/"); resp.StatusCode != 200 || !strings.Contains(body, "http-master is running") {
		t.Errorf("the page: %s, %.60q", resp.Status, body)
	}
	if got := banner(t, c, "wss://localhost:8443/services/ssh"); got != "SSH-2.0-test\r\n" {
		t.Errorf("through the WebSocket came %q", got)
	}
}

// TestEveryExampleIsTested keeps examples from being added without a test.
func TestEveryExampleIsTested(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("examples_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.Contains(string(source), `"`+filepath.Base(file)+`"`) {
			t.Errorf("no test runs %s", file)
		}
		if cfg, faults := config.Load(file); faults.Err() != nil || len(cfg.Ports) == 0 {
			t.Errorf("%s: %v", file, faults.Err())
		}
	}
}

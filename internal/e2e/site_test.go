//go:build unix

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// site is http-master at work, with a config that has a plain and a TLS port,
// and the world as its clients see it: they use the names and ports of the
// real thing, and names knows where these are here.
type site struct {
	*process
	config      string // the file
	certDir     string
	plain, tls  int // the ports
	names       *names
	trustedRoot string // file
}

// setup is what the shipped example config is changed to for a test.
type setup struct {
	ssh   int    // port of the static rule's target; 0: a free one
	relay string // what stands for the target of the rule /ssh/*/*; "": as shipped
	app   int    // port of the app; 0: a free one, nothing listens there
}

// allowing is a target for setup.relay that lets clients reach the addresses.
func allowing(addresses ...string) string {
	return fmt.Sprintf(`{$: websockify, target: "[1]:[2]", allow: ["%s"]}`, strings.Join(addresses, `", "`))
}

// startSite runs examples/http-master.yaml with the ports, the certificate
// folder and what s names put in place of its own, and nothing else changed.
func startSite(t *testing.T, s setup) *site {
	t.Helper()
	st := &site{
		config:      filepath.Join(t.TempDir(), "http-master.yaml"),
		certDir:     certFolder(t),
		plain:       freePort(t),
		tls:         freePort(t),
		trustedRoot: testCA().rootFile(t),
	}
	if s.ssh == 0 {
		s.ssh = freePort(t)
	}
	if s.app == 0 {
		s.app = freePort(t)
	}
	changes := [][2]string{
		{"  80:\n", fmt.Sprintf("  %d:\n", st.plain)},
		{"  443:\n", fmt.Sprintf("  %d:\n", st.tls)},
		{"websockify -> 22", fmt.Sprintf("websockify -> %d", s.ssh)},
		{`"*": 8080`, fmt.Sprintf(`"*": %d`, s.app)},
		{"/etc/http-master/certs", st.certDir},
	}
	if s.relay != "" {
		changes = append(changes, [2]string{`"websockify -> [1]:[2]"`, s.relay})
	}
	writeFile(t, st.config, example(t, "http-master.yaml", changes...))

	addresses := make(map[string]string)
	for _, host := range []string{"myserver.com", "mywebsite.net", "www.mywebsite.net", "elsewhere.example"} {
		addresses[host+":80"] = st.address(st.plain)
		addresses[host+":443"] = st.address(st.tls)
	}
	st.names = newNames(t, addresses)
	st.process = startServer(t, st.config)
	return st
}

// example reads a shipped example and makes changes, each of which must find
// its place exactly once.
func example(t *testing.T, name string, changes ...[2]string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, change := range changes {
		if n := strings.Count(text, change[0]); n != 1 {
			t.Fatalf("examples/%s has %q %d times, this test expects it once", name, change[0], n)
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	return text
}

func (s *site) address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// httpClient speaks to the site by its real names, trusts the test's root, and
// follows no redirects.
func (s *site) httpClient(t *testing.T) *http.Client {
	return newHTTPClient(t, &tls.Config{RootCAs: testCA().pool()}, s.names.address)
}

// newHTTPClient gives a client for HTTP/1.1 and HTTP/2 whose connections go to
// where locate says that an address is.
func newHTTPClient(t *testing.T, config *tls.Config, locate func(address string) string) *http.Client {
	transport := &http.Transport{
		TLSClientConfig:   config,
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, locate(address))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get gives the response to a GET, and its body as text.
func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	response, body, err := tryGet(client, url)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func tryGet(client *http.Client, url string) (*http.Response, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// app is the web app behind http-master: it answers with the request it got.
func app(t *testing.T) int {
	t.Helper()
	return serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s\nHost: %s\n", r.Method, r.RequestURI, r.Host)
		r.Header.Write(w)
	}))
}

// serveHTTP runs an HTTP server on a free loopback port and gives the port.
func serveHTTP(t *testing.T, handler http.Handler) int {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr).Port
}

func readBody(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

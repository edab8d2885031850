//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// guardedSite is a config with an access log whose every path asks for a
// password: /echo leads to an echo service, the rest to a page. The port secure
// serves the same with TLS.
func guardedSite(t *testing.T, passwords string) (p *process, port, secure int, accessLog string) {
	t.Helper()
	dir := t.TempDir()
	port, secure = freePort(t), freePort(t)
	accessLog = filepath.Join(dir, "access.log")
	page := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %q", r.Header["Authorization"])
	}))
	writeFile(t, filepath.Join(dir, "passwords"), passwords)
	config := filepath.Join(dir, "config.yaml")
	writeFile(t, config, fmt.Sprintf(`
ports:
  %d:
    middleware: ["log -> access.log", "auth -> passwords"]
    router: &rules
      "/echo": "websockify -> %d"
      "*": %d
  %d:
    middleware: ["auth -> passwords"]
    router: *rules
    ssl: {certDir: %q}
`, port, listenTCP(t, echo), page, secure, certFolder(t)))
	return startServer(t, config), port, secure, accessLog
}

// TestPasswordsOfEveryKind takes htpasswd files as Apache's htpasswd, openssl
// and http-master itself make them.
func TestPasswordsOfEveryKind(t *testing.T) {
	t.Parallel()
	htpasswd := need(t, "apache2-utils", "htpasswd")
	openssl := need(t, "openssl", "openssl")
	// Each has its own password, so that no line can stand in for another.
	var file strings.Builder
	for _, kind := range [][2]string{{"bcrypt", "-B"}, {"md5", "-m"}, {"sha", "-s"}, {"crypt", "-d"}} {
		file.WriteString(strings.TrimSpace(mustRun(t, nil, htpasswd, "-nb", kind[1], kind[0], "pw-"+kind[0])) + "\n")
	}
	for _, kind := range [][2]string{{"apr1", "-apr1"}, {"sha256", "-5"}, {"sha512", "-6"}} {
		file.WriteString(kind[0] + ":" + mustRun(t, nil, openssl, "passwd", kind[1], "pw-"+kind[0]))
	}
	p, port, secure, _ := guardedSite(t, file.String())
	way := newNames(t, map[string]string{"myserver.com:443": fmt.Sprintf("127.0.0.1:%d", secure)})
	root := testCA().rootFile(t)
	own := filepath.Join(t.TempDir(), "own")
	if r := run(t, nil, strings.NewReader("pw-own\n"), serverProgram, "passwd", own, "own"); r.code != 0 {
		t.Fatalf("passwd: %+v", r)
	}

	for _, user := range []string{"bcrypt", "md5", "sha", "crypt", "apr1", "sha256", "sha512"} {
		t.Run(user, func(t *testing.T) {
			url := fmt.Sprintf("http://%s:pw-%s@127.0.0.1:%d/page", user, user, port)
			if response, body := get(t, http.DefaultClient, url); response.StatusCode != 200 || body != "hello []" {
				t.Errorf("with the password: %s, %q", response.Status, body)
			}
			if response, _ := get(t, http.DefaultClient, strings.Replace(url, "pw-", "wrong-", 1)); response.StatusCode != 401 {
				t.Errorf("with a wrong password: %s", response.Status)
			}
			tunnel := fmt.Sprintf("wss://%s:pw-%s@myserver.com/echo", user, user)
			_, address := startClient(t, way.env(), "--ca", root, tunnel)
			say(t, dial(t, address), "through the password")
			if r := run(t, way.env(), nil, clientProgram, "--ca", root, strings.Replace(tunnel, "pw-", "wrong-", 1), "-"); r.code != 4 || !strings.Contains(r.stderr, "401") {
				t.Errorf("a tunnel with a wrong password: %+v", r)
			}
		})
	}
	// What fail2ban looks for, as docs/reference.md gives it.
	failure := regexp.MustCompile(`auth failure client=127\.0\.0\.1 user=crypt `)
	p.waitFor(t, 0, "auth failure client=127.0.0.1 user=crypt ")
	if text := p.output.String(); !failure.MatchString(text) || strings.Contains(text, "wrong-") {
		t.Errorf("the log has no such failure, or it has a password:\n%s", text)
	}
}

// TestPasswordFileGoneAtReload keeps the old config, with the passwords that
// were read before.
func TestPasswordFileGoneAtReload(t *testing.T) {
	t.Parallel()
	p, port, _, accessLog := guardedSite(t, "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n") // "secret"
	url := fmt.Sprintf("http://me:secret@127.0.0.1:%d/", port)
	get(t, http.DefaultClient, url)
	if err := os.Remove(filepath.Join(filepath.Dir(accessLog), "passwords")); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGHUP)
	p.waitFor(t, 0, "config.yaml:4:48: auth: cannot read the password file ")
	p.waitFor(t, 0, "the config was not reloaded, the old one keeps running")
	if response, _ := get(t, http.DefaultClient, url); response.StatusCode != 200 {
		t.Errorf("with the password: %s", response.Status)
	}
	if response, _ := get(t, http.DefaultClient, strings.Replace(url, "me:secret@", "", 1)); response.StatusCode != 401 {
		t.Errorf("without a password: %s", response.Status)
	}
}

// TestAccessLogOfATunnel looks at the lines of its beginning and its end.
func TestAccessLogOfATunnel(t *testing.T) {
	t.Parallel()
	_, port, _, accessLog := guardedSite(t, "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
	client, address := startClient(t, nil, fmt.Sprintf("ws://me:secret@127.0.0.1:%d/echo", port))
	conn := dial(t, address)
	say(t, conn, "twelve bytes")
	line := regexp.MustCompile(`(?m)^127\.0\.0\.1 - me \[[^]]+\] "GET /echo HTTP/1\.1" 101 .*$`)
	eventually(t, "the line of the opening", func() error {
		if n := len(line.FindAllString(readFile(t, accessLog), -1)); n != 1 {
			return fmt.Errorf("%d lines", n)
		}
		return nil
	})
	conn.Close()
	eventually(t, "the line of the end", func() error {
		lines := line.FindAllString(readFile(t, accessLog), -1)
		if len(lines) != 2 || !strings.Contains(lines[1], "12") {
			return fmt.Errorf("the lines are %q", lines)
		}
		return nil
	})
	client.kill()
}

package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// basic is the header field of the user me with the password secret.
const basic = "\nAuthorization: Basic bWU6c2VjcmV0"

func TestAuthSentences(t *testing.T) {
	w := newWorld(t)
	w.write(t, "passwd", "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
	guarded := rule("*", `["auth -> DIR/passwd", "APP"]`)
	w.holds(t, []sentence{
		{"nobody", guarded, "GET a.com /", []string{"401 ", `Basic realm="Restricted"`}},
		{"a wrong password", guarded, "GET a.com /\nAuthorization: Basic bWU6d3Jvbmc=", []string{"401 "}},
		{"the right one, which is not passed on", guarded, "GET a.com /" + basic, []string{"200 ", "GET / HTTP/1.1", "!Authorization"}},
		{"an upgrade", guarded, "WS a.com /", []string{"401 "}},
		{"an upgrade with a password", guarded, "WS a.com /" + basic, []string{"101 ", "!Authorization"}},
		{"a tunnel", rule("*", `["auth -> DIR/passwd", "websockify -> ECHOPORT"]`), "WS a.com /", []string{"401 "}},
		{"a tunnel with a password", rule("*", `["auth -> DIR/passwd", "websockify -> ECHOPORT"]`), "WS a.com /" + basic, []string{"101 "}},
		{"a realm", rule("*", `[{$: auth, file: DIR/passwd, realm: Staff only}, "APP"]`), "GET a.com /", []string{"401 ", `Basic realm="Staff only"`}},
		{"the other spelling", rule("*", `["auth: DIR/passwd", "APP"]`), "GET a.com /", []string{"401 "}},
		{"no other spelling of a path gets past", rule("a.com/admin/*", `["auth -> DIR/passwd", "APP"], "a.com": "APP"`), "GET a.com /x/..//%61dmin/y", []string{"401 "}},
	})
}

func TestChainSentences(t *testing.T) {
	w := newWorld(t)
	w.write(t, "gone.html", "<h1>ours</h1>")
	w.holds(t, []sentence{
		{"gzip", rule("*", `[gzip, "APP"]`), "GET a.com /long\nAccept-Encoding: gzip", []string{"Content-Encoding: gzip\n", "Vary: Accept-Encoding"}},
		{"gzip at a level", rule("*", `["gzip -> 9", "APP"]`), "GET a.com /long\nAccept-Encoding: gzip", []string{"Content-Encoding: gzip\n"}},
		{"gzip only for who takes it", rule("*", `[gzip, "APP"]`), "GET a.com /long", []string{"200 ", "!Content-Encoding", "a long text a long"}},
		{"gzip not for what is short", rule("*", `[gzip, "APP"]`), "GET a.com /\nAccept-Encoding: gzip", []string{"!Content-Encoding"}},
		{"addHeader with macros", rule("*.a.com", `["addHeader -> X-Who=[1]", "APP"]`), "GET b.a.com /\nX-Who: me", []string{"X-Who: b\n", "!me\n"}},
		{"addHeader for upgrades", rule("*.a.com", `["addHeader -> X-Who=[1]", "APP"]`), "WS b.a.com /", []string{"101 ", "X-Who: b"}},
		{"addHeader sets Host", rule("*", `["addHeader -> Host=app.lan", "APP"]`), "GET a.com /", []string{"Host: app.lan\n", "X-Forwarded-Host: a.com\n"}},
		{"addHeader with a = in it", rule("*", `["addHeader -> X-A=b=c", "APP"]`), "GET a.com /", []string{"X-A: b=c\n"}},
		{"addHeaderToResponse", rule("*", `["addHeaderToResponse -> X-Who=[host]", "APP"]`), "GET a.com /", []string{"X-Who: a.com\n"}},
		{"addHeaderToResponse for upgrades", rule("*", `["addHeaderToResponse -> X-Who=[host]", "APP"]`), "WS a.com /", []string{"101 ", "X-Who: a.com\n"}},
		{"addHeaderToResponse for errors", rule("*", `["addHeaderToResponse -> X-Who=[host]", "reject -> 404"]`), "GET a.com /", []string{"404 ", "X-Who: a.com\n"}},
		{"allow lets in", rule("*", `["allow -> 10.0.0.0/8, 127.0.0.1", "APP"]`), "GET a.com /", []string{"200 "}},
		{"allow refuses", rule("*", `["allow -> 10.0.0.0/8", "APP"]`), "GET a.com /", []string{"403 "}},
		{"allow refuses upgrades", rule("*", `["allow -> 10.0.0.0/8", "APP"]`), "WS a.com /", []string{"403 "}},
		{"deny refuses", rule("*", `["deny -> 127.0.0.0/8", "APP"]`), "GET a.com /", []string{"403 "}},
		{"deny lets in", rule("*", `["deny: 10.0.0.0/8", "APP"]`), "GET a.com /", []string{"200 "}},
		{"allow knows the client behind a trusted proxy", "trustedProxies: 127.0.0.1\n" + rule("*", `["allow -> 192.0.2.1", "APP"]`), "GET a.com /\nX-Forwarded-For: 192.0.2.1", []string{"200 "}},
		{"reject is 403", rule("*", "reject"), "GET a.com /", []string{"403 "}},
		{"reject as text", rule("*", `"reject -> 410"`), "GET a.com /", []string{"410 ", "Content-Type: text/plain"}},
		{"reject as html", rule("*", `"reject -> 410"`), "GET a.com /\nAccept: text/html", []string{"410 ", "Content-Type: text/html"}},
		{"reject as JSON", rule("*", `"reject -> 410"`), "GET a.com /\nAccept: application/json", []string{"410 ", "Content-Type: application/json", `"status":410`}},
		{"reject ends upgrades", rule("*", `["reject -> 410"]`), "WS a.com /", []string{"410 "}},
		{"reject with a page", rule("*", `{$: reject, code: 410, htmlFile: DIR/gone.html}`), "GET a.com /\nAccept: text/html", []string{"410 ", "<h1>ours</h1>"}},
		{"a page for the port's errors", `ports: {"HERE": {router: {"a.com": 1}, errorHtmlFile: DIR/gone.html}}`, "GET b.com /\nAccept: text/html", []string{"404 ", "<h1>ours</h1>"}},
	})
}

func TestLimitSentence(t *testing.T) {
	w := newWorld(t)
	addr := freePorts(t, 1)[0]
	start(t, w.replacer.Replace(strings.ReplaceAll(rule("*", `["limit -> 1/h", "APP"]`), "HERE", addr)))
	wantAnswer(t, answerOf(t, addr, "GET a.com /"), []string{"200 "})
	wantAnswer(t, answerOf(t, addr, "WS a.com /"), []string{"429 ", "Retry-After: "})
}

func TestStaticSentences(t *testing.T) {
	w := newWorld(t)
	for name, text := range map[string]string{
		"www/index.html": "the index", "www/404.html": "our 404", "www/a.txt": "0123456789", "www/sites/b/index.html": "site b", "outside.txt": "secret",
		"www/style.css": "plain", "www/style.css.gz": "zipped",
	} {
		w.write(t, name, text)
	}
	if err := os.Symlink(filepath.Join(w.dir, "outside.txt"), filepath.Join(w.dir, "www", "link.txt")); err != nil {
		t.Fatal(err)
	}
	site := rule("*", `"static -> DIR/www"`)
	w.holds(t, []sentence{
		{"a file", site, "GET a.com /a.txt", []string{"200 ", "Etag: ", "0123456789"}},
		{"index.html", site, "GET a.com /", []string{"200 ", "text/html", "the index"}},
		{"a folder without its slash", site, "GET a.com /sites/b", []string{"Location: ", "/sites/b/\n"}},
		{"the other spelling", rule("*", `"static: DIR/www"`), "GET a.com /a.txt", []string{"200 "}},
		{"with settings", rule("*", `{$: static, dir: DIR/www}`), "GET a.com /a.txt", []string{"200 "}},
		{"a range", site, "GET a.com /a.txt\nRange: bytes=2-4", []string{"206 ", "Content-Range: bytes 2-4/10\n", "\n\n234"}},
		{"the .gz beside it", site, "GET a.com /style.css\nAccept-Encoding: gzip", []string{"Content-Encoding: gzip\n", "text/css", "zipped"}},
		{"only for who takes it", site, "GET a.com /style.css", []string{"!Content-Encoding", "plain"}},
		{"404.html", site, "GET a.com /none", []string{"404 ", "our 404"}},
		{"no link leads out", site, "GET a.com /link.txt", []string{"404 ", "!secret"}},
		{"nor dots", site, "GET a.com /../outside.txt", []string{"404 ", "!secret"}},
		{"nor encoded ones", site, "GET a.com /%2e%2e/outside.txt", []string{"400 ", "!secret"}},
		{"nor an encoded slash", site, "GET a.com /..%2foutside.txt", []string{"400 ", "!secret"}},
		{"a capture picks below the literal part", rule("*.a.com", `"static -> DIR/www/sites/[1]/[path]"`), "GET b.a.com /", []string{"200 ", "site b"}},
		{"and not above", rule("/x/*", `"static -> DIR/www/sites/[1]"`), "GET a.com /x/../a.txt", []string{"404 "}},
		{"reading only", site, "POST a.com /a.txt\nContent-Length: 0", []string{"405 "}},
	})
}

// TestLogSentences reads what is logged of a page and of a tunnel in each
// format.
func TestLogSentences(t *testing.T) {
	w := newWorld(t)
	for format, want := range map[string][]string{
		`"log -> DIR/access.log"`:                      {`127.0.0.1 - - [`, `"GET /x?y HTTP/1.1" 404 `, `"http://ref/" "agent \x22`, "tunnel=open", "tunnel=close"},
		`{$: log, file: DIR/access.log, type: common}`: {`127.0.0.1 - - [`, `"GET /x?y HTTP/1.1" 404 `, "!agent", "tunnel=open", "tunnel=close"},
		`{$: log, file: DIR/access.log, type: json}`:   {`"client":"127.0.0.1"`, `"uri":"/x?y"`, `"status":404`, `"userAgent":"agent `, `"tunnel":"open"`, `"tunnel":"close"`},
	} {
		t.Run(format, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			text := `ports: {"HERE": {middleware: [` + format + `], router: {"/ws": "websockify -> ECHOPORT", "*": "reject -> 404"}}}`
			file := filepath.Join(w.dir, "access.log")
			os.Remove(file)
			start(t, w.replacer.Replace(strings.ReplaceAll(text, "HERE", addr)))
			answerOf(t, addr, "GET a.com /x?y\nReferer: http://ref/\nUser-Agent: agent \"")
			wantAnswer(t, answerOf(t, addr, "WS a.com /ws"), []string{"101 "})
			wantAnswer(t, logWith(t, file, "close"), want)
		})
	}
}

// logWith waits until a file has text in it.
func logWith(t *testing.T, file, text string) string {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		content, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(content), text) {
			return string(content)
		}
		if time.Now().After(end) {
			t.Fatalf("no %q in %q, %v", text, content, err)
		}
	}
}

// write makes a file in the world's folder.
func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

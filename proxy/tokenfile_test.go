package proxy

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

func TestParseTokens(t *testing.T) {
	const content = "\ufeff# desktops\n\nsecret1: db.lan:5900\r\n  secret2:\t[fd00::1]:5901  \nsecret:3: 10.0.0.5:22\nsecret4: unix:/run/vnc.sock\nsecret5: 5904\n"
	file := filepath.Join(t.TempDir(), "tokens")
	writeTokens(t, file, content)
	f, err := OpenTokenFile(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"secret1": "db.lan:5900", "secret2": "[fd00::1]:5901", "secret:3": "10.0.0.5:22",
		"secret4": "unix:/run/vnc.sock", "secret5": "5904",
	}
	for token, text := range want {
		if got := f.target(token); got == nil || got.Text != text {
			t.Errorf("%s leads to %v, want %s", token, got, text)
		}
	}
	for _, token := range []string{"", "secret", "secret6", "SECRET1", "secret1 ", "#"} {
		if got := f.target(token); got != nil {
			t.Errorf("%q leads to %s", token, got.Text)
		}
	}
	if n := len(*f.file.Get()); n != len(want) {
		t.Errorf("there are %d targets", n)
	}
}

func TestTokenFaults(t *testing.T) {
	const form = "a line must be \"token: host:port\", with a space behind the first colon"
	for line, want := range map[string]string{
		"secret":                               form,
		"secret host:1":                        form,
		"secret:host:1":                        form,
		": host:1":                             form,
		"sec ret: host:1":                      "a token must be of visible ASCII characters, without spaces",
		"sécret: host:1":                       "a token must be of visible ASCII characters, without spaces",
		"secret: ":                             form,
		"secret: host":                         "target \"host\": the port is missing, write host:port",
		"secret: host:99999":                   "target \"host:99999\": ",
		"secret: http://host:1":                "target \"http://host:1\": a TCP connection has no scheme, write host:port",
		"secret: host:1/x":                     "target \"host:1/x\": a TCP connection has no path, write host:port",
		"secret: [host]:1":                     "target \"[host]:1\": macros have no meaning here",
		"secret: a:1\nother: b:1\nsecret: c:1": "the same token is on line 2 already; remove one of them",
	} {
		targets, err := parseTokens("tokens", []byte("# x\n"+line))
		if targets != nil || err == nil {
			t.Errorf("%q gives no fault", line)
			continue
		}
		at := "tokens:2: "
		if strings.Contains(line, "\n") {
			at = "tokens:4: "
		}
		if !strings.HasPrefix(err.Error(), at+want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q gives %v\nwant %s%s", line, err, at, want)
		}
	}
	if _, err := parseTokens("t", []byte("a\nb\n")); err == nil || strings.Count(err.Error(), form) != 2 {
		t.Errorf("not all faults are told: %v", err)
	}
}

// byToken makes a Websockify whose targets are in a token file.
func byToken(t *testing.T, pattern, token, content string) (h *Websockify, handler router.Handler, log *lockedBuffer, file string) {
	t.Helper()
	h, _, log = newWebsockify(t, pattern, "127.0.0.1:1")
	p, err := router.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		if h.Token, err = router.ParseTemplate(token, router.Scope{}.With(p)); err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(t.TempDir(), "tokens")
	writeTokens(t, file, content)
	if h.Tokens, err = OpenTokenFile(file, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	h.Target = nil
	return h, mounted{p}.mount(h), log, file
}

func writeTokens(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWebsockifyTokens(t *testing.T) {
	echo := echoServer(t)
	_, port, _ := net.SplitHostPort(echo)
	content := "s3cret: " + echo + "\nother: localhost:" + port + "\n"
	tests := []struct {
		name, pattern, token string
		allow                []string
		path                 string
		status               int // 0: a tunnel
		logURI               string
	}{
		{"query", "/vnc", "", nil, "/vnc?token=s3cret", 0, "/vnc?***"},
		{"query with more", "/vnc", "", nil, "/vnc?a=b&token=s3cret&c", 0, "/vnc?***"},
		{"query, encoded", "/vnc", "", nil, "/vnc?token=%733cret", 0, "/***"},
		{"the first counts", "/vnc", "", nil, "/vnc?token=wrong&token=s3cret", 404, "/vnc?***"},
		{"unknown", "/vnc", "", nil, "/vnc?token=wrong", 404, "/vnc?***"},
		{"none", "/vnc", "", nil, "/vnc", 404, ""},
		{"empty", "/vnc", "", nil, "/vnc?token=", 404, "/vnc?***"},
		{"path", "/vnc/*", "[1]", nil, "/vnc/s3cret", 0, "/vnc/***"},
		{"path, encoded", "/vnc/*", "[1]", nil, "/vnc/%733cret", 0, "/***"},
		{"path, unknown", "/vnc/*", "[1]", nil, "/vnc/wrong", 404, "/vnc/***"},
		{"path, the query does not count", "/vnc/*", "[1]", nil, "/vnc/wrong?token=s3cret", 404, "/vnc/***?***"},
		{"allowed", "/vnc", "", []string{"127.0.0.1:" + port}, "/vnc?token=s3cret", 0, "/vnc?***"},
		{"not allowed", "/vnc", "", []string{"10.0.0.0/8:*"}, "/vnc?token=s3cret", 403, "/vnc?***"},
		{"loopback without a list, by name", "/vnc", "", nil, "/vnc?token=other", 0, "/vnc?***"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, handler, log, _ := byToken(t, test.pattern, test.token, content)
			if test.allow != nil {
				var err error
				if h.Allow, err = ParseDestinations(test.allow); err != nil {
					t.Fatal(err)
				}
			}
			logged := make(chan string, 1)
			s := (&front{handler: router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
				handler.Serve(w, r, m)
				logged <- m.LogURI
			})}).start(t)
			local, err := openTunnel(t, s.URL+test.path, nil)
			refused, _ := errors.AsType[*tunnel.RefusedError](err)
			switch {
			case test.status == 0 && err != nil, test.status != 0 && (refused == nil || refused.Status != test.status):
				t.Fatalf("got %v, want status %d", err, test.status)
			case test.status == 404 && refused.Body != "404 Not Found\nnothing is served at this address\n":
				t.Errorf("the client is told %q", refused.Body)
			}
			if local != nil {
				_ = local.Close()
			}
			if got := mustReceive(t, logged); got != test.logURI {
				t.Errorf("an access log shows %q, want %q", got, test.logURI)
			}
			if strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), "wrong") {
				t.Errorf("the log has the token: %s", log)
			}
		})
	}
}

// A visit by a browser does not tell whether a token is right.
func TestWebsockifyTokensAndVisits(t *testing.T) {
	_, handler, _, _ := byToken(t, "/vnc/*", "[1]", "s3cret: 10.0.0.5:22\n")
	s := (&front{handler: handler}).start(t)
	right := exchangeRaw(t, s.URL, "GET /vnc/s3cret HTTP/1.1\nHost: a.example\nConnection: close\n\n")
	wrong := exchangeRaw(t, s.URL, "GET /vnc/wrong0 HTTP/1.1\nHost: a.example\nConnection: close\n\n")
	if strings.ReplaceAll(right, "s3cret", "wrong0") != wrong || !strings.HasPrefix(right, "HTTP/1.1 426 ") {
		t.Errorf("one gets\n%s\nthe other\n%s", right, wrong)
	}
}

func TestTokenFileChanges(t *testing.T) {
	now := time.Now()
	file := filepath.Join(t.TempDir(), "tokens")
	writeTokens(t, file, "a: h:1\n")
	log := new(lockedBuffer)
	f, err := openTokenFile(file, slog.New(slog.NewTextHandler(log, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	step := func(content string, wantA, wantB bool, wantLog string) {
		t.Helper()
		if content == "" {
			_ = os.Remove(file)
		} else {
			writeTokens(t, file, content)
		}
		now = now.Add(time.Second)
		if a, b := f.target("a") != nil, f.target("b") != nil; a != wantA || b != wantB || !strings.Contains(log.String(), wantLog) {
			t.Errorf("with %q: a %v, b %v, log %s", content, a, b, log)
		}
	}
	step("a: h:1\nb: h:2\n", true, true, `msg="the token file was read anew" file=`+file+" entries=2")
	step("a\n", true, true, `msg="the token file cannot be used; what it held before stays in force" error="`+file+":1: a line must be")
	step("b: h:2\n", false, true, "entries=1")
	step("", false, true, "cannot read the token file "+file+": no such file or directory")
}

func FuzzParseTokens(f *testing.F) {
	for _, seed := range []string{"a: b:1\n", "# c\n\na:\tb:1", "a: [::1]:1", "a: unix:/x", "a: [1]:2", "a:b:1", "a: a: b:1", "\ufeffa: 1\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		targets, err := parseTokens("f", []byte(content))
		if (targets == nil) == (err == nil) {
			t.Fatalf("%v and %v", targets, err)
		}
		if targets == nil {
			return
		}
		for _, target := range *targets {
			if target == nil || target.FromRequest() || CheckTunnelTarget(target) != nil {
				t.Fatalf("%q has the target %+v", content, target)
			}
		}
	})
}

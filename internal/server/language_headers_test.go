package server

import "testing"

// TestHeadersThroughTheServer sends what would confuse who is who through whole
// chains.
func TestHeadersThroughTheServer(t *testing.T) {
	w := newWorld(t)
	w.write(t, "passwd", "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
	guarded := rule("*", `["auth -> DIR/passwd", "APP"]`)
	named := rule("*.a.com", `["addHeader -> X-Who=[1]", "APP"]`)
	plain := rule("*", `"APP"`)
	w.holds(t, []sentence{
		{"Connection cannot take the password past auth", guarded, "GET a.com /\nConnection: Authorization" + basic, []string{"401 "}},
		{"nor in another letter case", guarded, "GET a.com /\nConnection: keep-alive, aUTHORIZATION" + basic, []string{"401 "}},
		{"Connection takes out the client's own", plain, "GET a.com /\nConnection: x-one\nX-One: 1\nX-Two: 2", []string{"200 ", "!X-One", "X-Two: 2\n"}},
		{"and not what a chain adds", named, "GET b.a.com /\nConnection: X-Who\nX-Who: me", []string{"200 ", "X-Who: b\n", "!me\n"}},
		{"nor what we add", plain, "GET a.com /\nConnection: X-Forwarded-For, X-Forwarded-Proto\nX-Forwarded-For: 6.6.6.6", []string{"200 ", "X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Proto: http\n", "!6.6.6.6"}},
		{"an alias of what a chain adds", named, "GET b.a.com /\nX_Who: me", []string{"200 ", "X-Who: b\n", "!me\n"}},
		{"an alias of what we add", plain, "GET a.com /\nX_Forwarded_For: 6.6.6.6\nX-Forwarded.For: 6.6.6.6", []string{"200 ", "!6.6.6.6"}},
		{"an alias although odd names are kept", `ports: {"HERE": {router: {"*": "APP"}, keepOddHeaders: true}}`, "GET a.com /\nX_Forwarded_For: 6.6.6.6\nX_Other: 7", []string{"200 ", "!6.6.6.6", ": 7\n"}},
		{"nothing is invented", plain, "GET a.com /", []string{"200 ", "!Accept", "!Te:", "!Via", "!Content-Length: 0\nX-Forwarded"}},
	})
}

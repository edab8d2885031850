package proxy

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// getWith sends a GET with cookies and gives the body and the Set-Cookie lines.
func getWith(t *testing.T, url string, cookies ...string) (string, []string) {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	for _, c := range cookies {
		req.Header.Add("Cookie", c)
	}
	resp, err := testClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body), resp.Header["Set-Cookie"]
}

var cookieForm = regexp.MustCompile(`^(hm-upstream=[0-9a-f]{4}); Path=/; HttpOnly; SameSite=Lax$`)

func TestSticky(t *testing.T) {
	nodes := abcNodes(t, 3)
	b := newBalanced(t, BalancerSettings{Policy: Sticky, Salt: "s"}, addresses(nodes)...)
	own := make(map[string]string) // node -> cookie
	for range 3 {
		name, set := getWith(t, b.url)
		if len(set) != 1 || !cookieForm.MatchString(set[0]) {
			t.Fatalf("Set-Cookie is %q", set)
		}
		own[name] = cookieForm.FindStringSubmatch(set[0])[1]
	}
	if len(own) != 3 {
		t.Fatalf("new clients came to %v", own)
	}
	for name, cookie := range own {
		for _, cookies := range [][]string{{cookie}, {"a=b; " + cookie + "; c=d"}, {"hm-upstream=old", cookie}} {
			for range 2 {
				got, set := getWith(t, b.url, cookies...)
				if got != name || set != nil {
					t.Errorf("%q: came to %s and got %q, belongs to %s", cookies, got, set, name)
				}
			}
		}
	}
	if _, set := getWith(t, b.url, "hm-upstream=nonsense"); len(set) != 1 {
		t.Errorf("a cookie that names nobody: got %q", set)
	}
	// The target dies: another one takes over and keeps the client.
	nodes[1].stop()
	b.Retries = 1
	name, set := getWith(t, b.url, own["B"])
	if name == "B" || len(set) != 1 || !strings.HasPrefix(set[0], own[name]+";") {
		t.Errorf("after B has gone: %s with %q", name, set)
	}
}

// An upgrade sets the cookie as well, an application's own cookies stay, and
// behind TLS it is sent over TLS only.
func TestStickyHeader(t *testing.T) {
	backend := rawServer(t, answering(crlf("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: x\nSet-Cookie: own=1\n\n"), nil))
	b := newBalanced(t, BalancerSettings{Policy: Sticky, Cookie: "node"}, backend)
	_, mount := parse(t, "*", backend)
	s := (&front{handler: mount.mount(b.Proxy), trusted: true, behindTLS: true}).start(t)
	conn, br := dialRaw(t, s.URL)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	head := readHead(br)
	want := "Set-Cookie: own=1\r\nSet-Cookie: node=" + b.Balancer.members[0].id + "; Path=/; HttpOnly; Secure; SameSite=Lax\r\n"
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, want) {
		t.Errorf("got %q", head)
	}
	conn.Close()
}

// The names in cookies stay the same, differ from config to config, and from
// each other even when there are many.
func TestCookieNames(t *testing.T) {
	ids := func(salt string, n int) (list []string) {
		for _, m := range NewBalancer(BalancerSettings{Salt: salt, Members: members(n)}, discard).members {
			list = append(list, m.id)
		}
		return list
	}
	if a, b := ids("/etc/a.yaml", 2), ids("/etc/b.yaml", 2); a[0] == b[0] || a[1] == b[1] || a[0] != "d79a" {
		t.Errorf("%q and %q", a, b)
	}
	seen := make(map[string]bool)
	many := ids("x", 2000)
	for _, id := range many {
		seen[id] = true
	}
	if len(seen) != len(many) {
		t.Errorf("%d targets share %d names", len(many), len(seen))
	}
	// The same target twice, with two paths.
	s := BalancerSettings{Members: append(members(1), members(1)...)}
	if m := NewBalancer(s, discard).members; m[0].id == m[1].id || m[0].seed == m[1].seed {
		t.Error("two targets of one address cannot be told apart")
	}
}

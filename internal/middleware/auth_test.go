package middleware

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"httpmaster/router"
)

// clock is a time that the test sets.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }
func newClock() *clock                   { c := new(clock); c.ns.Store(time.Now().UnixNano()); return c }
func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
func (c *clock) at(d time.Duration) time.Time { return c.now().Add(d) }

// passwordFile writes content to a file and opens it.
func passwordFile(t testing.TB, content string) (*PasswordFile, *clock, *logBuffer) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "passwords")
	writePasswords(t, name, content, time.Now().Add(-time.Hour))
	log, logged := newLog()
	c := newClock()
	f, err := openPasswordFile(name, log, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return f, c, logged
}

func writePasswords(t testing.TB, name, content string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// seen answers with what auth leaves of the credentials.
var seen = handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
	w.Write([]byte(m.User + " [" + r.Header.Get("Authorization") + "]"))
})

func TestAuthKinds(t *testing.T) {
	for _, k := range known {
		if k.password == "" {
			continue
		}
		t.Run(k.by, func(t *testing.T) {
			users, _, _ := passwordFile(t, "ann:"+k.hash)
			log, _ := newLog()
			a := &Auth{Users: users, Refuse: refuse, Log: log}
			a.Next = handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
				if r.Header.Get("Upgrade") != "" {
					upgrade(w, r, m)
					return
				}
				seen.Serve(w, r, m)
			})
			addr := serve(t, a)
			request(t, addr, "GET /", basic("ann", k.password)).want(t, 200, "ann []")
			request(t, addr, "GET /", basic("ann", "x"+k.password)).want(t, 401, "a user name and a password are needed\n")
			echo(t, addr, "through", basic("ann", k.password)).want(t, 101, "through")
			echo(t, addr, "through", basic("ann", "x"+k.password)).want(t, 401, "a user name and a password are needed\n")
			echo(t, addr, "through").want(t, 401, "a user name and a password are needed\n")
		})
	}
}

func TestAuthHeader(t *testing.T) {
	users, _, _ := passwordFile(t, "ann:"+shaOfSecret+"\nböb:"+shaOfSecret)
	log, logged := newLog()
	addr := serve(t, &Auth{Users: users, Realm: `the "inner"` + "\n" + ` c:\`, Refuse: refuse, Log: log, Next: seen})
	good := basic("ann", "secret")
	for _, c := range []struct {
		name   string
		header []string
		user   string // "" for 401
		log    bool   // a failure is logged
	}{
		{"none", nil, "", false},
		{"right", []string{good}, "ann", false},
		{"scheme in lower case", []string{strings.Replace(good, "Basic", "basic", 1)}, "ann", false},
		{"name is not ASCII", []string{basic("böb", "secret")}, "böb", false},
		{"wrong", []string{basic("ann", "Secret")}, "", true},
		{"empty password", []string{basic("ann", "")}, "", true},
		{"unknown", []string{basic("eve", "secret")}, "", true},
		{"no user", []string{basic("", "secret")}, "", true},
		{"name in other case", []string{basic("Ann", "secret")}, "", true},
		{"with more behind", []string{basic("ann", "secret\x00")}, "", true},
		{"long", []string{basic("ann", strings.Repeat("x", maxPassword+1))}, "", true},
		{"no colon", []string{"Authorization: Basic YW5u"}, "", true},
		{"no base64", []string{"Authorization: Basic ???"}, "", true},
		{"nothing behind the scheme", []string{"Authorization: Basic"}, "", true},
		{"other scheme", []string{"Authorization: Bearer x"}, "", false},
		{"only the first counts", []string{basic("ann", "wrong"), good}, "", true},
		{"the second goes too", []string{good, "Authorization: Bearer x"}, "ann", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			logged.reset()
			a := request(t, addr, "GET /", c.header...)
			if c.user != "" {
				a.want(t, 200, c.user+" []")
			} else {
				a.want(t, 401, "a user name and a password are needed\n")
				a.wantHeader(t, "WWW-Authenticate", `Basic realm="the \"inner\" c:\\", charset="UTF-8"`)
			}
			if got := strings.Contains(logged.String(), "auth failure"); got != c.log {
				t.Errorf("failure logged: %v, want %v: %s", got, c.log, logged)
			}
		})
	}
}

func TestAuthFailureLog(t *testing.T) {
	users, _, _ := passwordFile(t, "ann:"+shaOfSecret)
	log, logged := newLog()
	pattern, err := router.ParsePattern("a.com/private/*")
	if err != nil {
		t.Fatal(err)
	}
	a := &Auth{Users: users, Refuse: refuse, Log: log, Next: seen}
	addr := serve(t, router.NewTable([]*router.Rule{{Pattern: pattern, Line: 7, Handler: a}}, router.Scope{}).Handler(text("public")))
	const client = `level=WARN msg="auth failure" client=127.0.0.1 `
	const rule = ` rule="line 7 a.com/private/*"` + "\n"
	for _, c := range []struct{ user, want string }{
		{"eve", client + `user=eve` + rule},
		{`x client=9.9.9.9 "`, client + `user="x client=9.9.9.9 \""` + rule},
		{"line\nmsg=\"auth failure\" client=9.9.9.9", client + `user="line\nmsg=\"auth failure\" client=9.9.9.9"` + rule},
		{strings.Repeat("x", 100), client + "user=" + strings.Repeat("x", 64) + "..." + rule},
	} {
		logged.reset()
		request(t, addr, "GET /private/x", basic(c.user, "p")).want(t, 401, "a user name and a password are needed\n")
		if logged.String() != c.want {
			t.Errorf("got  %swant %s", logged, c.want)
		}
	}
}

func TestAuthTwice(t *testing.T) {
	outer, _, _ := passwordFile(t, "ann:"+shaOfSecret+"\nbob:"+shaOfSecret)
	inner, _, _ := passwordFile(t, "ann:"+shaOfSecret)
	log, _ := newLog()
	addr := serve(t, &Auth{Users: outer, Refuse: refuse, Log: log,
		Next: &Auth{Users: inner, Realm: "inner", Refuse: refuse, Log: log, Next: seen}})
	request(t, addr, "GET /", basic("ann", "secret")).want(t, 200, "ann []")
	a := request(t, addr, "GET /", basic("bob", "secret"))
	a.want(t, 401, "a user name and a password are needed\n")
	a.wantHeader(t, "WWW-Authenticate", `Basic realm="inner", charset="UTF-8"`)
}

func TestAuthBusy(t *testing.T) {
	users, _, _ := passwordFile(t, "ann:"+shaOfSecret)
	users.checker.waiting.Store(1 << 20)
	log, _ := newLog()
	addr := serve(t, &Auth{Users: users, Refuse: refuse, Log: log, Next: seen})
	a := request(t, addr, "GET /", basic("ann", "secret"))
	a.want(t, 503, "too many people are logging in at the moment\n")
	a.wantHeader(t, "Retry-After", "5")
}

func TestPasswordFileIsReadAnew(t *testing.T) {
	const ann, both = "ann:" + shaOfSecret + "\n", "ann:" + shaOfSecret + "\nbob:" + shaOfSecret + "\n"
	f, c, logged := passwordFile(t, ann)
	knows := func(user string) bool {
		t.Helper()
		_, known := f.passwords().users[user]
		return known
	}
	wantLog := func(want string) {
		t.Helper()
		if got := strings.ReplaceAll(logged.String(), f.name, "FILE"); got != want {
			t.Errorf("logged %q, want %q", got, want)
		}
		logged.reset()
	}
	writePasswords(t, f.name, both, c.at(-time.Minute))
	if knows("bob") {
		t.Error("the file was looked at within a second")
	}
	c.advance(time.Second)
	if !knows("bob") {
		t.Error("the change was not noticed")
	}
	wantLog("level=INFO msg=\"the password file was read anew\" file=FILE entries=2\n")

	const stays = `level=ERROR msg="the password file cannot be used; what it held before stays in force" error="`
	t.Run("deleted", func(t *testing.T) {
		if err := os.Remove(f.name); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.advance(time.Second)
			if !knows("bob") {
				t.Error("the passwords did not stay in force")
			}
		}
		wantLog(stays + "cannot read the password file FILE: no such file or directory\"\n")
	})
	t.Run("faulty", func(t *testing.T) {
		writePasswords(t, f.name, "ann:x\n", c.at(-time.Minute))
		for range 3 {
			c.advance(time.Second)
			if !knows("bob") {
				t.Error("the passwords did not stay in force")
			}
		}
		wantLog(stays + `FILE:1: user \"ann\": this is no password hash, perhaps a password in clear; make the entry anew with \"htpasswd -B\""` + "\n")
	})
	t.Run("a folder", func(t *testing.T) {
		if err := os.Remove(f.name); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(f.name, 0o700); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Second)
		if !knows("bob") {
			t.Error("the passwords did not stay in force")
		}
		wantLog(stays + "FILE: this is not a regular file\"\n")
		if err := os.Remove(f.name); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("mended", func(t *testing.T) {
		writePasswords(t, f.name, ann, c.at(-time.Minute))
		c.advance(time.Second)
		if knows("bob") {
			t.Error("the mended file is not in force")
		}
		wantLog("level=INFO msg=\"the password file was read anew\" file=FILE entries=1\n")
	})
	t.Run("changed within the same tick", func(t *testing.T) {
		now := c.now()
		writePasswords(t, f.name, both, now)
		c.advance(time.Second)
		if !knows("bob") {
			t.Error("the change was not noticed")
		}
		writePasswords(t, f.name, strings.Replace(both, "bob", "eve", 1), now) // same time, same length
		c.advance(time.Second)
		if knows("bob") || !knows("eve") {
			t.Error("the second change was not noticed")
		}
	})
	t.Run("emptied", func(t *testing.T) {
		writePasswords(t, f.name, "", c.at(-time.Minute))
		c.advance(time.Second)
		if knows("ann") {
			t.Error("a user who was removed is still known")
		}
	})
}

func TestOpenPasswordFileErrors(t *testing.T) {
	dir := t.TempDir()
	log, _ := newLog()
	faulty := filepath.Join(dir, "faulty")
	writePasswords(t, faulty, "ann:"+shaOfSecret+"\nbob:x\n", time.Now())
	for _, c := range []struct{ name, want string }{
		{dir + "/none", "cannot read the password file " + dir + "/none: no such file or directory"},
		{dir, dir + ": this is not a regular file"},
		{faulty, faulty + `:2: user "bob": this is no password hash, perhaps a password in clear; make the entry anew with "htpasswd -B"`},
	} {
		if f, err := OpenPasswordFile(c.name, log); f != nil || err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// FuzzAuthHeader holds that nothing but the right credentials get through.
func FuzzAuthHeader(f *testing.F) {
	users, _, _ := passwordFile(f, "ann:"+shaOfSecret)
	log, _ := newLog()
	for _, seed := range []string{basic("ann", "secret"), basic("ann", "x"), "Authorization: Basic", "Authorization: bAsIc  YW5u", ""} {
		f.Add(strings.TrimPrefix(seed, "Authorization: "))
	}
	f.Fuzz(func(t *testing.T, header string) {
		through := false
		a := &Auth{Users: users, Log: log,
			Refuse: func(_ http.ResponseWriter, _ *http.Request, status int, _ string) {
				if status != 401 {
					t.Errorf("status %d", status)
				}
			},
			Next: handle(func(_ http.ResponseWriter, r *http.Request, m *router.Match) {
				through = m.User == "ann" && r.Header.Get("Authorization") == ""
				if !through {
					t.Errorf("let in as %q with Authorization %q left", m.User, r.Header.Get("Authorization"))
				}
			})}
		r := &http.Request{Header: http.Header{"Authorization": {header}}}
		a.Serve(headerOnly{}, r, new(router.Match))
		scheme, rest, _ := strings.Cut(header, " ")
		decoded, err := base64.StdEncoding.DecodeString(rest)
		right := strings.EqualFold(scheme, "basic") && err == nil && string(decoded) == "ann:secret"
		if through != right {
			t.Errorf("%q: let in %v, want %v", header, through, right)
		}
	})
}

// headerOnly is a ResponseWriter for what only sets headers.
type headerOnly struct{ http.ResponseWriter }

func (headerOnly) Header() http.Header { return make(http.Header) }

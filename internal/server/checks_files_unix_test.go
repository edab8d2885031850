//go:build unix

package server

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// folder makes files below a folder that everybody may enter; a name that ends
// in "/" is a folder.
func folder(t *testing.T, modes map[string]os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name := range modes {
		full := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			full += "/x"
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(full, []byte("user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range modes { // when everything is there
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// nobody skips the test where there is no such user, one that owns nothing
// here, and gives its group.
func nobody(t *testing.T) (group string) {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("there is no user nobody: ", err)
	}
	return groupTitle(u.Gid)
}

func TestFilesOfTheUser(t *testing.T) {
	group := nobody(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]os.FileMode{
		"config.yaml": 0o600, "users": 0o600, "users.ok": 0o644,
		"closed/": 0o700, "closed/users": 0o644,
		"page.html": 0o640, "site/": 0o750, "site/a/": 0o755, "site.ok/": 0o755,
		"logs/": 0o755, "logs/there": 0o644, "logs.ok/": 0o777,
		"certs/": 0o755,
	})
	bundle, err := os.ReadFile(filepath.Join(certFolder(t, "a.com"), "anything.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "certs", "bundle"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	got := warnings(t, filepath.Join(dir, "config.yaml"), `
user: "nobody"
errorHtmlFile: page.html
middleware: ["log -> logs/new", "log -> logs.ok/new", "log -> logs/there", "log -> stdout"]
ports:
  80:
    router:
      "a.com": ["auth -> users", {"*": ["auth -> closed/users", "static -> site"]}]
      "b.com/*": ["auth -> users.ok", "static -> site/[1]"]
      "c.com/*": "static -> site.ok/[1]"
      "d.com": {$: reject, code: 404, htmlFile: page.html}
  443:
    router: {"a.com": 8080}
    ssl: {certDir: certs}
  444:
    router: {"a.com": 8080}
    ssl: {key: certs/bundle, cert: certs/bundle}
`)
	got = strings.NewReplacer(dir, "DIR", me.Username+" "+groupTitle(me.Gid), "ME GROUP").Replace(got)
	advice := func(file, bits string) string {
		return "`chgrp " + group + " " + file + " && chmod g+" + bits + " " + file + "` lets it\n"
	}
	want := "" +
		`DIR/config.yaml: warning: reload: user "nobody" will not be able to use DIR/config.yaml: DIR/config.yaml is -rw------- ME GROUP; ` + advice("DIR/config.yaml", "r") +
		`DIR/config.yaml:3:16: warning: errorHtmlFile: user "nobody" will not be able to use DIR/page.html: DIR/page.html is -rw-r----- ME GROUP; ` + advice("DIR/page.html", "r") +
		`DIR/config.yaml:4:22: warning: log: user "nobody" will not be able to use DIR/logs/new: DIR/logs is drwxr-xr-x ME GROUP, so it cannot make the file there; name one in a folder of its own, as ` + "`install -d -o nobody FOLDER` makes it\n" +
		`DIR/config.yaml:4:63: warning: log: user "nobody" will not be able to use DIR/logs/there: DIR/logs/there is -rw-r--r-- ME GROUP; ` + advice("DIR/logs/there", "w") +
		`DIR/config.yaml:8:26: warning: auth: user "nobody" will not be able to use DIR/users: DIR/users is -rw------- ME GROUP; ` + advice("DIR/users", "r") +
		`DIR/config.yaml:8:50: warning: auth: user "nobody" will not be able to use DIR/closed/users: DIR/closed is drwx------ ME GROUP; ` + strings.TrimSpace(advice("DIR/closed", "x")) + " pass, or move what it needs elsewhere\n" +
		`DIR/config.yaml:8:76: warning: static: user "nobody" will not be able to use DIR/site: DIR/site is drwxr-x--- ME GROUP; ` + advice("DIR/site", "rx") +
		`DIR/config.yaml:9:50: warning: static: user "nobody" will not be able to use DIR/site: DIR/site is drwxr-x--- ME GROUP; ` + advice("DIR/site", "rx") +
		`DIR/config.yaml:11:49: warning: htmlFile: user "nobody" will not be able to use DIR/page.html: DIR/page.html is -rw-r----- ME GROUP; ` + advice("DIR/page.html", "r") +
		`DIR/config.yaml:14:20: warning: certDir: user "nobody" will not be able to use DIR/certs: DIR/certs/bundle is -rw------- ME GROUP; ` +
		"`chgrp -R " + group + " DIR/certs && chmod -R g+rX DIR/certs` lets it read all of them, certificates that are renewed included\n" +
		`DIR/config.yaml:17:16: warning: key: user "nobody" will not be able to use DIR/certs/bundle: DIR/certs/bundle is -rw------- ME GROUP; ` + advice("DIR/certs/bundle", "r") +
		`DIR/config.yaml:17:36: warning: cert: user "nobody" will not be able to use DIR/certs/bundle: DIR/certs/bundle is -rw------- ME GROUP; ` + advice("DIR/certs/bundle", "r")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestFilesThroughLinks looks behind a link, into a folder that is closed.
func TestFilesThroughLinks(t *testing.T) {
	nobody(t)
	dir := folder(t, map[string]os.FileMode{"config.yaml": 0o644, "closed/": 0o700, "closed/users": 0o644})
	if err := os.Symlink(filepath.Join(dir, "closed", "users"), filepath.Join(dir, "users")); err != nil {
		t.Fatal(err)
	}
	got := warnings(t, filepath.Join(dir, "config.yaml"), "user: nobody\nports: {80: {router: {'*': ['auth -> users', 8080]}}}\n")
	if want := dir + "/closed is drwx------"; strings.Count(got, "\n") != 1 || !strings.Contains(got, want) {
		t.Errorf("got %q, want one line with %q", got, want)
	}
}

func TestGroupAndOwnerCount(t *testing.T) {
	dir := folder(t, map[string]os.FileMode{"owner": 0o400, "group": 0o040, "other": 0o004})
	info := func(name string) os.FileInfo {
		i, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	for _, test := range []struct {
		name                string
		id                  identity
		owner, group, other bool
	}{
		{"root", identity{uid: 0, gid: 1}, true, true, true},
		{"of the group", identity{uid: 54321, gid: gid}, false, true, false},
		{"another", identity{uid: 54321, gid: 54321}, false, false, true},
		{"the owner", identity{uid: uid, gid: gid}, true, uid == 0, uid == 0},
	} {
		for name, want := range map[string]bool{"owner": test.owner, "group": test.group, "other": test.other} {
			if got := test.id.may(info(name), mayRead); got != want {
				t.Errorf("%s may read what is for %s: %v", test.name, name, got)
			}
		}
	}
}

func TestUnknownUser(t *testing.T) {
	got := warnings(t, "config.yaml", "user: no-such-user\nports: {80: 8080}\n")
	if want := "config.yaml:1:7: warning: there is no user \"no-such-user\" on this machine; make the user, or name another one\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

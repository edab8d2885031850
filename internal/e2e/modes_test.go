//go:build unix

package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreNotForOthers: whatever the umask, nobody but its owner and group
// can read what the programs write, and secrets nobody but its owner.
func TestFilesAreNotForOthers(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"022", "000"} {
		t.Run("umask "+umask, func(t *testing.T) {
			t.Parallel()
			dir, port := t.TempDir(), freePort(t)
			config := filepath.Join(dir, "config.yaml")
			writeFile(t, config, fmt.Sprintf(`
middleware: ["log -> made/access.log"]
modules:
  appLog: made/app.log
  admin: {socket: made/admin.sock}
  letsencrypt: {configDir: made/acme, email: a@a.example, agreeTos: true, server: "https://localhost:%d/dir"}
ports:
  "127.0.0.1:%d": "reject -> 410"
  "127.0.0.1:%d": {router: {"*": "reject -> 410"}, ssl: {selfSigned: true}}
  "127.0.0.1:%d": {router: {"a.example": "reject -> 410"}, ssl: {letsencrypt: true}}
`, freePort(t), port, freePort(t), freePort(t)))
			made := filepath.Join(dir, "made")
			under := func(text string, args ...string) *process {
				cmd := command(t, context.Background(), []string{"XDG_CONFIG_HOME=" + made},
					"/bin/sh", append([]string{"-c", "umask " + umask + "; " + text, "sh"}, args...)...)
				return startCommand(t, cmd)
			}
			under(`mkdir "$1" && echo "a password" | "$2" passwd "$1/passwd" joe`, made, serverProgram).exitCode(t)
			p := under(`exec "$1" --config "$2"`, serverProgram, config)
			eventually(t, "the server answers", func() error {
				if r := run(t, nil, nil, serverProgram, "status", "--socket", filepath.Join(made, "admin.sock")); r.code != 0 {
					return fmt.Errorf("%+v", r)
				}
				return nil
			})
			if got := statusOf(t, port); got != 410 {
				t.Errorf("status %d", got)
			}
			checkModes(t, made, p)
		})
	}
}

// checkModes looks at all below dir, which has everything that is to be there.
func checkModes(t *testing.T, dir string, p *process) {
	t.Helper()
	missing := map[string]bool{"passwd": true, "access.log": true, "app.log": true, "admin.sock": true, "acme": true, "http-master/ca/root-key.pem": true}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		delete(missing, name)
		most := fs.FileMode(0o700)
		if name == "passwd" || strings.HasSuffix(name, ".log") {
			most = 0o640 // for whoever else reads it: its group
		}
		if mode := info.Mode().Perm(); mode&^most != 0 {
			t.Errorf("%s has the mode %v", name, mode)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for name := range missing {
		t.Errorf("there is no %s\n%s", name, p.output.String())
	}
}

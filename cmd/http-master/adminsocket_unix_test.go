//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// socketPlaces makes folders for admin sockets that are the test's own.
func socketPlaces(t *testing.T) (systemd, session, temporary string) {
	t.Helper()
	dir := t.TempDir()
	systemd, session, temporary = filepath.Join(dir, "systemd"), filepath.Join(dir, "session"), filepath.Join(dir, "tmp")
	for _, name := range []string{systemd, session, temporary} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("RUNTIME_DIRECTORY", systemd+":"+filepath.Join(dir, "other"))
	t.Setenv("XDG_RUNTIME_DIR", session)
	t.Setenv("TMPDIR", temporary)
	return systemd, session, temporary
}

func TestSocketPlaces(t *testing.T) {
	systemd, session, temporary := socketPlaces(t)
	prepare := func(config, in string) string {
		t.Helper()
		path, err := prepareSocket(config)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(path, in) || filepath.Base(path) != "admin.sock" {
			t.Errorf("the socket is %s, want one in %s", path, in)
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("its folder has mode %v, error %v", info.Mode(), err)
		}
		return path
	}
	first := prepare("/etc/a/config.yaml", systemd+"/config-")
	if again := prepare("/etc/a/config.yaml", systemd); again != first {
		t.Errorf("then it is %s", again)
	}
	if other := prepare("/etc/b/config.yaml", systemd+"/config-"); other == first {
		t.Error("two configs have the same socket")
	}
	t.Setenv("RUNTIME_DIRECTORY", "")
	prepare("/etc/a/config.yaml", session+"/http-master/config-")
	prepare("strange name!.yaml", session+"/http-master/strangename-")
	if os.Getuid() != 0 { // root has a folder that is not the test's
		t.Setenv("XDG_RUNTIME_DIR", "")
		prepare("/etc/a/config.yaml", temporary+"/http-master-")
	}
}

// TestSocketFolderOfOthers: where anybody may have made the folder, it is only
// used when nobody else can put something there.
func TestSocketFolderOfOthers(t *testing.T) {
	_, session, _ := socketPlaces(t)
	t.Setenv("RUNTIME_DIRECTORY", "")
	outer := filepath.Join(session, "http-master")
	for name, make := range map[string]func() error{
		"others can write to ": func() error {
			if err := os.Mkdir(outer, 0o700); err != nil {
				return err
			}
			return os.Chmod(outer, 0o777)
		},
		" is not a folder": func() error { return os.Symlink(session, outer) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if path, err := prepareSocket("config.yaml"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %s, %v, want %q", path, err, name)
		}
		if err := os.RemoveAll(outer); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindSocket(t *testing.T) {
	_, session, _ := socketPlaces(t)
	t.Setenv("RUNTIME_DIRECTORY", "") // the server has none, ...
	made, err := prepareSocket("config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(made, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RUNTIME_DIRECTORY", session+"/elsewhere") // ... the command has
	if found, err := findSocket("config.yaml"); found != made || err != nil {
		t.Errorf("found %s, %v, want %s", found, err, made)
	}
	if all := allSockets(); !slices.Contains(all, made) {
		t.Errorf("all are %q", all)
	}
}

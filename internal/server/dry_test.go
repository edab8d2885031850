package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"httpmaster/config"
)

// TestDryBuildMakesNoFile builds what makes files when it is for serving: an
// access log and a local authority.
func TestDryBuildMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "home"))
	t.Setenv("HOME", filepath.Join(dir, "home"))
	file := filepath.Join(dir, "config.yaml")
	build := func(s *Server) *Generation {
		cfg, faults := config.Parse(file, []byte(`
middleware: ["log -> access.log"]
ports:
  8443:
    router: {"a.com": 8080}
    ssl: {selfSigned: true}
`))
		gen := s.Build(cfg, faults)
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		return gen
	}
	names := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}

	dry := NewDry(slog.New(slog.DiscardHandler))
	build(dry).Discard()
	if got := names(); got != nil {
		t.Errorf("the dry build made %q", got)
	}
	if err := dry.Apply(build(dry)); err != errDry {
		t.Errorf("applying it: %v", err)
	}
	build(New(slog.New(slog.DiscardHandler))).Discard()
	if got := names(); len(got) != 2 {
		t.Errorf("a build for serving made only %q: the test has lost its point", got)
	}
}

// TestDryBuildChecksAppLog: that file is opened by the program and not by the
// server, so nothing else would find it wrong before the start.
func TestDryBuildChecksAppLog(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none", "app.log")
	for _, c := range []struct{ name, log, want string }{
		{"could be made", filepath.Join(dir, "app.log"), ""},
		{"no folder", missing, "c.yaml:1:19: modules.appLog: cannot open the log file " + missing + ": no such file or directory"},
		{"a folder", dir, "c.yaml:1:19: modules.appLog: cannot open the log file " + dir + ": is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, faults := config.Parse("c.yaml", []byte("modules: {appLog: "+c.log+"}\nports: {80: 8080}\n"))
			NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults).Discard()
			got := ""
			if err := faults.Err(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

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

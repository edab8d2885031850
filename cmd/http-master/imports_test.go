package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says which packages of ours, and which libraries that belong to one
// place, each folder may import. What is not here may import neither.
var arrows = map[string][]string{
	"cmd/http-master":     {"config", "internal/server", "internal/certs", "internal/status", "internal/version", "internal/command"},
	"cmd/dewebsockify":    {"internal/tunnel", "internal/version", "internal/command", "gopkg.in/yaml.v3"},
	"config":              {"gopkg.in/yaml.v3"},
	"router":              {},
	"proxy":               {"internal/socket", "router", "internal/tunnel", "internal/livefile"},
	"internal/tunnel":     {"nhooyr.io/websocket"},
	"internal/certs":      {"golang.org/x/crypto/acme/autocert"},
	"internal/livefile":   {},
	"internal/middleware": {"router", "internal/livefile"},
	"internal/version":    {},
	"internal/command":    {},
	"internal/guard":      {},
	"internal/socket":     {},
	"internal/front":      {"internal/guard", "router"},
	"internal/status":     {},
	"internal/statuspage": {"internal/status", "router"},
	"internal/metrics":    {"internal/status", prometheus, prometheus + "/collectors", prometheus + "/promhttp"},
	"internal/server":     {"config", "router", "proxy", "internal/tunnel", "internal/certs", "internal/middleware", "internal/status", "internal/metrics", "internal/statuspage", "internal/front", "internal/guard", "internal/socket"},
}

// guarded are the libraries that only the packages above that name them use.
var guarded = []string{"gopkg.in/yaml.v3", "nhooyr.io/websocket", "golang.org/x/crypto/acme/autocert",
	prometheus, prometheus + "/collectors", prometheus + "/promhttp"}

const prometheus = "github.com/prometheus/client_golang/prometheus"

func TestImportsGoOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		rel, _ := filepath.Rel(root, filepath.Dir(path))
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			ours, own := strings.CutPrefix(name, "httpmaster/")
			if (own || slices.Contains(guarded, name)) && !slices.Contains(arrows[filepath.ToSlash(rel)], ours) {
				t.Errorf("%s imports %s, which packages of %s must not", path, name, rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files were looked at", files)
	}
}

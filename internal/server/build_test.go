package server

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/config"
)

var update = flag.Bool("update", false, "write what was found into testdata/*.txt")

// TestBuildReportsFaults builds each testdata/*.bad.yaml and *.good.yaml and
// compares everything that is reported with the text beside it.
func TestBuildReportsFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cfg, faults := config.Load(file)
			gen := New(slog.New(slog.DiscardHandler)).Build(cfg, faults)
			gen.Discard()
			var lines strings.Builder
			for _, f := range append(faults.Errors(), faults.Warnings()...) {
				lines.WriteString(strings.ReplaceAll(f.String(), here+"/", "") + "\n")
			}
			if good := strings.HasSuffix(file, ".good.yaml"); good != (faults.Err() == nil) {
				t.Errorf("the name says good %v, the errors are:\n%v", good, faults.Err())
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(lines.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if lines.String() != string(want) {
				t.Errorf("reported:\n%s\nwant:\n%s", lines.String(), want)
			}
		})
	}
}

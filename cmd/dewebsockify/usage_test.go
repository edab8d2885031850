package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the manual page and the completions anew")

// What is made from the table of commands is what the repository has.
func TestGeneratedFiles(t *testing.T) {
	files := map[string]string{"man/dewebsockify.1": commands.Man()}
	for shell, name := range map[string]string{"bash": "dewebsockify", "zsh": "_dewebsockify", "fish": "dewebsockify.fish"} {
		script, err := commands.Completion(shell)
		if err != nil {
			t.Fatal(err)
		}
		files["completions/"+name] = script
	}
	for name, want := range files {
		file := filepath.Join("../../docs", name)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not what the table of commands says (%v); run go test ./cmd/... -update", file, err)
		}
	}
}

// Every command of the table is one of the program, and says its part of the
// table.
func TestCommandHelp(t *testing.T) {
	for _, c := range commands.Commands[1:] {
		if code, stdout, stderr := runOnce(t, c.Name, "--help"); code != exitOK || stdout != commands.Help(c.Name) || stderr != "" {
			t.Errorf("%s: exit code %d, %s%s", c.Name, code, stdout, stderr)
		}
	}
}

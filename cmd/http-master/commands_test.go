package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the manual page and the completions anew")

// What is made from the table of commands is what the repository has.
func TestGeneratedFiles(t *testing.T) {
	files := map[string]string{"man/http-master.1": commands.Man()}
	for shell, name := range map[string]string{"bash": "http-master", "zsh": "_http-master", "fish": "http-master.fish"} {
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
	for _, c := range commands.Commands {
		args := []string{"--help"}
		if c.Name != "" {
			args = []string{c.Name, "--help"}
		}
		var stdout, stderr strings.Builder
		if code := run(args, &stdout, &stderr); code != exitOK || stdout.String() != commands.Help(c.Name) || stderr.Len() > 0 {
			t.Errorf("%q: exit code %d, %s%s", args, code, &stdout, &stderr)
		}
	}
	for line := range strings.SplitSeq(commands.Usage(), "\n") {
		if len(line) > 85 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
}

func TestCompletionErrors(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"completion"}, "http-master: completion: for which shell? completion bash, zsh or fish (--help shows how it is used)\n"},
		{[]string{"completion", "csh"}, "http-master: completion: \"csh\" is no shell with completions; there are bash, zsh, fish (--help shows how it is used)\n"},
	} {
		var stdout, stderr strings.Builder
		if code := run(test.args, &stdout, &stderr); code != exitUsage || stdout.Len() > 0 || stderr.String() != test.want {
			t.Errorf("%q: exit code %d, %q, %q", test.args, code, &stdout, &stderr)
		}
	}
}

// The example of the manual page of the config file is one.
func TestConfigPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/man/http-master-config.5")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), ".nf\n")
	example, _, found := strings.Cut(example, ".fi\n")
	example = strings.ReplaceAll(strings.ReplaceAll(example, `\-`, "-"), "/etc/http-master/certs", t.TempDir())
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	if code := run([]string{"explain", "--config", file, "wss://myserver.com/services/ssh"}, &stdout, &stderr); !found || code != exitOK {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompletion has real shells complete command lines.
func TestCompletion(t *testing.T) {
	t.Parallel()
	bash, zsh, fish := need(t, "bash", "bash"), need(t, "zsh", "zsh"), need(t, "fish", "fish")
	docs, err := filepath.Abs("../../docs/completions")
	if err != nil {
		t.Fatal(err)
	}
	const inBash = `source "$1"; shift; complete -p "$1" >/dev/null || exit 1
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_${1//-/_}"; printf '%s\n' "${COMPREPLY[@]}"`
	for _, test := range []struct{ line, want string }{
		{"http-master ch", "check"},
		{"http-master --sh", "--show-rules"},
		{"http-master completion ", "bash fish zsh"},
		{"http-master explain --method P", "PATCH POST PUT"},
		{"http-master tunnels --s", "--socket"},
		{"http-master tunnels c", "close"},
		{"dewebsockify ssh-config --us", "--user"},
		{"dewebsockify --verb", "--verbose"},
	} {
		words := strings.Split(test.line, " ")
		got := run(t, nil, nil, bash, append([]string{"-c", inBash, "bash", filepath.Join(docs, words[0])}, words...)...)
		if sorted(got.stdout) != test.want || got.stderr != "" {
			t.Errorf("bash: %q is completed to %q, want %q; %s", test.line, got.stdout, test.want, got.stderr)
		}
		got = run(t, []string{"HOME=" + t.TempDir()}, nil, fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' ''`, filepath.Join(docs, words[0]+".fish"), test.line)
		if sorted(got.stdout) != test.want {
			t.Errorf("fish: %q is completed to %q, want %q; %s", test.line, got.stdout, test.want, got.stderr)
		}
	}
	for _, name := range []string{"http-master", "dewebsockify"} {
		const inZsh = `autoload -U compinit && compinit -u -D && source "$1" && print -r -- $_comps[$2]`
		got := run(t, nil, nil, zsh, "-fc", inZsh, "zsh", filepath.Join(docs, "_"+name), name)
		if want := "_" + strings.ReplaceAll(name, "-", "_") + "\n"; got.stdout != want || got.stderr != "" {
			t.Errorf("zsh: %s is completed by %q, want %q; %s", name, got.stdout, want, got.stderr)
		}
	}
}

func sorted(lines string) string {
	list := strings.Fields(lines)
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestManualPages has mandoc look for mistakes. The pages have no date, which is
// the only thing it may miss: they are those of the release that they come with.
func TestManualPages(t *testing.T) {
	t.Parallel()
	mandoc := need(t, "mandoc", "mandoc")
	pages, err := filepath.Glob("../../docs/man/*.[15]")
	if err != nil || len(pages) != 3 {
		t.Fatalf("the pages are %q, %v", pages, err)
	}
	for _, page := range pages {
		got := run(t, nil, nil, mandoc, "-T", "lint", "-W", "warning", page)
		for line := range strings.Lines(got.stdout + got.stderr) {
			if !strings.Contains(line, `missing date, using "": TH`) {
				t.Error(line)
			}
		}
	}
}

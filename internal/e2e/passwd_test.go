//go:build linux

package e2e

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// TestPasswdOnATerminal types at a real terminal: nothing of a password is
// shown, and the terminal shows again what is typed when the program has ended,
// also when Ctrl-C has ended it.
func TestPasswdOnATerminal(t *testing.T) {
	t.Parallel()
	script := need(t, "bsdutils", "script")
	stty := need(t, "coreutils", "stty")
	// The shell lives on to show the state of the terminal. It must not ignore
	// Ctrl-C, as the program would then ignore it too.
	const session = `trap : INT; echo "terminal $(tty)."; "$SERVER" passwd "$FILE" joe; echo "exit code $?"; stty -a`
	for _, test := range []struct{ name, first, second, want, not string }{
		{"typed twice", "pw-first\n", "pw-first\n", "exit code 0", "pw-first"},
		{"typed differently", "pw-first\n", "pw-second\n", "two different passwords", "pw-"},
		{"Ctrl-C", "pw-\x03", "", "exit code 1", "pw-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "passwords")
			cmd := command(t, context.Background(), []string{"SERVER=" + serverProgram, "FILE=" + file, "SESSION=" + session, "SHELL=/bin/sh"},
				"/bin/sh", "-c", script+` -qec "$SESSION" /dev/null >&2`)
			keyboard, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			p := startCommand(t, cmd)
			_, terminal, _ := strings.Cut(p.lineWith(t, "terminal "), "terminal ")
			terminal, _, _ = strings.Cut(terminal, ".")
			wantHidden := func() {
				if r := run(t, nil, nil, stty, "-F", terminal, "-a"); !strings.Contains(r.stdout, " -echo ") {
					t.Errorf("the terminal echoes behind a prompt: %+v", r)
				}
			}
			p.waitFor(t, 0, "New password for joe: ")
			wantHidden()
			io.WriteString(keyboard, test.first)
			if test.second != "" {
				p.waitFor(t, 0, "The same once more: ")
				wantHidden()
				io.WriteString(keyboard, test.second)
			}
			p.waitFor(t, 0, test.want)
			p.waitFor(t, 0, "iexten")
			keyboard.Close()
			p.exitCode(t)
			screen := p.output.String()
			if strings.Contains(screen, test.not) {
				t.Errorf("the screen shows the password:\n%s", screen)
			}
			if !strings.Contains(screen, " echo ") {
				t.Errorf("the terminal is left without echo:\n%s", screen)
			}
		})
	}
}

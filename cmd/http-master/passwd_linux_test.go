package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to keyboard has been typed,
// and screen holds what has been shown once the terminal is closed.
type terminal struct {
	keyboard, tty *os.File
	screen        bytes.Buffer
	reader        sync.WaitGroup
}

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here:", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{keyboard: keyboard, tty: tty}
	p.reader.Go(func() { io.Copy(&p.screen, keyboard) }) // until the tty is closed
	return p
}

// close ends the terminal and gives all that it has shown.
func (p *terminal) close() string {
	p.tty.Close()
	p.reader.Wait()
	return p.screen.String()
}

func (p *terminal) echoes(t *testing.T) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// typist types the next of its lines as soon as it sees a prompt.
type typist struct {
	t        *testing.T
	terminal *terminal
	lines    []string
}

func (y *typist) Write(prompt []byte) (int, error) {
	if strings.HasSuffix(string(prompt), ": ") {
		if y.terminal.echoes(y.t) {
			y.t.Errorf("%q is shown while the terminal echoes", prompt)
		}
		if len(y.lines) > 0 {
			io.WriteString(y.terminal.keyboard, y.lines[0])
			y.lines = y.lines[1:]
		}
	}
	return y.terminal.tty.Write(prompt)
}

// TestPasswdHidesAFastTypist has the password typed before the prompt is out.
func TestPasswdHidesAFastTypist(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		code  int
		says  string
	}{
		{"the same twice", []string{"pw-first\n", "pw-first\n"}, exitOK, "added joe to "},
		{"both lines at once", []string{"pw-first\npw-first\n"}, exitOK, "added joe to "},
		{"two different ones", []string{"pw-first\n", "pw-second\n"}, exitFault, "two different passwords"},
		{"none", []string{"\n"}, exitFault, "the password is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := openTerminal(t)
			y := &typist{t: t, terminal: p, lines: tt.lines}
			code := passwd([]string{filepath.Join(t.TempDir(), "passwd"), "joe"}, p.tty, p.tty, y)
			if !p.echoes(t) {
				t.Error("the terminal is left without echo")
			}
			screen := p.close()
			if code != tt.code || !strings.Contains(screen, tt.says) {
				t.Errorf("exit code %d, want %d with %q", code, tt.code, tt.says)
			}
			if strings.Contains(screen, "pw-") || t.Failed() {
				t.Errorf("the screen shows:\n%s", screen)
			}
		})
	}
}

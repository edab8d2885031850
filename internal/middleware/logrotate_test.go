package middleware

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience ends a test that would hang.
const patience = 20 * time.Second

// TestLogrotate has the real one rotate while many write.
func TestLogrotate(t *testing.T) {
	program, err := exec.LookPath("logrotate")
	if err != nil {
		program = "/usr/sbin/logrotate"
		if _, err := os.Stat(program); err != nil {
			missing(t, "logrotate")
		}
	}
	for _, mode := range []string{"create", "nocreate"} {
		t.Run(mode, func(t *testing.T) { rotateUnderLoad(t, program, mode) })
	}
}

// rotateUnderLoad writes less than what is kept while the file cannot be
// written, so that a slow disk loses nothing.
func rotateUnderLoad(t *testing.T, program, mode string) {
	const writers, rotations, each = 20, 4, 50
	dir := t.TempDir()
	name := filepath.Join(dir, "log")
	config := filepath.Join(dir, "rotate.conf")
	if err := os.WriteFile(config, []byte(name+" {\n rotate 10\n missingok\n "+mode+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, f, logged := openLog(t, name)
	padding := strings.Repeat("x", 500)
	write := func(line string) { f.WriteLine([]byte(line + "-" + padding + "\n")) }
	write("first")
	waitUntilWritten(t, name)
	for round := range rotations {
		var load sync.WaitGroup
		for w := range writers {
			load.Go(func() {
				for i := range each {
					write(fmt.Sprint(round, w, i))
				}
			})
		}
		if out, err := exec.Command(program, "-f", "-s", dir+"/state", config).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		load.Wait()
	}
	write("last")
	closeLog(t, f)
	const want = 2 + rotations*writers*each
	if used, lines := rotatedLines(t, name, padding); used < 2 || lines != want {
		t.Errorf("%d files have %d lines, want at least 2 with %d", used, lines, want)
	}
	if logged.String() != "" {
		t.Errorf("trouble: %s", logged)
	}
}

// waitUntilWritten waits for the first line in a file that is rotated.
func waitUntilWritten(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nothing is written to %s", name)
		}
	}
}

// rotatedLines counts the parts of a log that have lines, and these; each must
// be whole and there once.
func rotatedLines(t *testing.T, name, padding string) (used, total int) {
	t.Helper()
	parts, err := filepath.Glob(name + "*")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]bool)
	for _, part := range parts {
		content, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(content)) {
			n++
			if lines[line] || !strings.HasSuffix(line, "-"+padding+"\n") {
				t.Fatalf("a line is doubled or damaged: %.20q", line)
			}
			lines[line] = true
		}
		t.Logf("%s: %d lines", filepath.Base(part), n)
		if n > 0 {
			used++
		}
	}
	return used, len(lines)
}

//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for anything before it gives up.
const patience = 30 * time.Second

// builtVersion is what the programs are told to call their version.
const builtVersion = "1.2.3-e2e"

// The programs under test; TestMain builds them.
var (
	serverProgram string // http-master
	clientProgram string // dewebsockify
)

// runtimeDir is where the programs put their sockets: the path of one has few
// bytes.
var runtimeDir string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "http-master-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	serverProgram = filepath.Join(dir, "http-master")
	clientProgram = filepath.Join(dir, "dewebsockify")
	runtimeDir = filepath.Join(dir, "run")
	if err := os.Mkdir(runtimeDir, 0o700); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}

	args := []string{"build", "-buildvcs=false", "-ldflags=-X httpmaster/internal/version.release=" + builtVersion, "-o", dir}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "httpmaster/cmd/http-master", "httpmaster/cmd/dewebsockify")...)
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the programs do not build: %v\n%s", err, output)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "the tests leave goroutines behind:", err)
			return 1
		}
	}
	return code
}

// need gives the path of a program that the test runs, the first of names that
// is installed. Without one the test is skipped, or fails where the
// environment has REAL_PARTS=required. pkg is the Debian package to install.
func need(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, candidate := range []string{name, "/usr/sbin/" + name} {
			if path, err := exec.LookPath(candidate); err == nil {
				return path
			}
		}
	}
	message := fmt.Sprintf("%s is not installed: apt-get install %s", names[0], pkg)
	if os.Getenv("REAL_PARTS") == "required" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

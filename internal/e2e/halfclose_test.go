//go:build unix

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHalfCloseExchange asks a target that answers only behind the end of the
// question, as "printf … | nc" does, through both forms of dewebsockify.
func TestHalfCloseExchange(t *testing.T) {
	t.Parallel()
	target := listenTCP(t, func(conn net.Conn) {
		question, err := io.ReadAll(conn)
		fmt.Fprintf(conn, "%d bytes, %q, error %v", len(question), question, err)
	})
	r := startRules(t, tunnelRule(target))
	const question, want = "who is there?\n", `14 bytes, "who is there?\n", error <nil>`

	got := run(t, nil, strings.NewReader(question), clientProgram, "ws://"+r.address()+"/t", "-")
	if got.code != 0 || got.stdout != want || got.stderr != "" {
		t.Errorf("through stdin and stdout: %+v, want %q", got, want)
	}
	_, local := startClient(t, nil, "ws://"+r.address()+"/t")
	conn := dial(t, local)
	io.WriteString(conn, question)
	conn.CloseWrite()
	if answer, err := io.ReadAll(conn); string(answer) != want || err != nil {
		t.Errorf("through a port: %q, error %v", answer, err)
	}
}

// TestClosedStdin: ssh without a stdin gets all of a command's output.
func TestClosedStdin(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	ssh := need(t, "openssh-client", "ssh")
	_, _, _, local := resumable(t, d.port)
	_, port, _ := net.SplitHostPort(local)
	config := d.clientConfig(t, "HostName 127.0.0.1", "Port "+port)
	const size = 8 << 20
	got := mustRun(t, nil, ssh, "-n", "-F", config, "server", fmt.Sprintf("cat; head -c %d /dev/zero; echo end", size))
	if len(got) != size+len("end\n") || !strings.HasSuffix(got, "end\n") {
		t.Errorf("%d bytes came, want %d and \"end\"", len(got), size)
	}
}

// TestRsyncDaemon copies to and from rsync's own protocol, which half-closes.
func TestRsyncDaemon(t *testing.T) {
	t.Parallel()
	rsync := need(t, "rsync", "rsync")
	dir, port := t.TempDir(), freePort(t)
	module := filepath.Join(dir, "module")
	if err := os.Mkdir(module, 0o777); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "rsyncd.conf")
	writeFile(t, config, fmt.Sprintf("use chroot = no\nlog file = %s/log\n[files]\npath = %s\nread only = no\nuid = %d\ngid = %d\n",
		dir, module, os.Getuid(), os.Getgid()))
	start(t, nil, rsync, "--daemon", "--no-detach", "--address=127.0.0.1", fmt.Sprintf("--port=%d", port), "--config="+config)
	eventually(t, "rsync listens", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err
	})
	_, _, _, local := resumable(t, port)
	source, back := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(source, "deep", "file"), strings.Repeat("over the wire\n", 100_000))
	writeFile(t, filepath.Join(source, "empty"), "")
	url := "rsync://" + local + "/files/"
	mustRun(t, nil, rsync, "-a", source+"/", url)
	sameTree(t, source, module)
	mustRun(t, nil, rsync, "-a", url, back+"/")
	sameTree(t, source, back)
}

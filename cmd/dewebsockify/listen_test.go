package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Several forwards, one of them a Unix socket, in one process.
func TestSeveralForwards(t *testing.T) {
	url := start(t, newTunnels(t, echo))
	socket := filepath.Join(t.TempDir(), "echo.sock")
	p := runProgram(t, "-L", "0="+url+"/a", "-L", "unix:"+socket+"="+url+"/b")
	local, _ := p.port()
	if got, want := p.line(), "dewebsockify: listening on unix:"+socket+", forwarding to "+url+"/b\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	info, err := os.Lstat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has the mode %v, %v", info.Mode(), err)
	}
	tcp := p.connect(local)
	throughEcho(t, tcp, tcp, noise(1<<20))
	unix, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	throughEcho(t, unix, unix, noise(1<<20))
	if code, _, stderr := runOnce(t, url, "unix:"+socket); code != 6 || stderr != "dewebsockify: cannot listen on unix:"+socket+": another program uses the socket\n" {
		t.Errorf("a second one: exit code %d, %q", code, stderr)
	}
	p.stop()
	if code, rest := p.exit(); code != 0 || rest != "" {
		t.Errorf("exit code %d, %q", code, rest)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is left behind")
	}
}

// With several forwards, what goes wrong says with which.
func TestWhichForward(t *testing.T) {
	url := start(t, answers(403, "", "not you"))
	p := runProgram(t, "-L", "0="+url, "-L", "0="+url)
	p.line()
	second, _ := p.port()
	p.connect(second)
	if got, want := p.line(), "dewebsockify: "+second+": the server refused the tunnel: 403 Forbidden: not you\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	p.stop()
	p.exit()
}

// If one local side cannot be opened, none is.
func TestAllOrNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	socket := filepath.Join(t.TempDir(), "s")
	code, _, stderr := runOnce(t, "-L", "unix:"+socket+"=ws://a.example", "-L", taken.Addr().String()+"=ws://a.example")
	want := "dewebsockify: cannot listen on " + taken.Addr().String() + ": another program uses the port; choose another, or 0 for a free one\n"
	if code != 6 || stderr != want {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the first one was opened, and its socket is left behind")
	}
}

// The socket of a program that was killed is replaced; a file is not.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	listener, err := listenUnix(socket)
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	_ = listener.Close()

	for name, test := range map[string]struct{ path, want string }{
		"a file":    {writeFile(t, "precious"), "the file is there already, and is no socket"},
		"a folder":  {dir, "the file is there already, and is no socket"},
		"no folder": {filepath.Join(dir, "no", "s"), "bind: no such file or directory"},
	} {
		if l, err := listenUnix(test.path); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, %v", name, l, err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(writeFile(t, "precious"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(link); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a link: %v", err)
	}
}

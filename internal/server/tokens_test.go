package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A token file that cannot be used is a fault at start, and a reload with one
// leaves what was.
func TestTokenFileAtLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := freePorts(t, 1)[0]
	text := func(more string) string {
		return "ports: {" + quoted(addr) + ": {router: {'/vnc': {$: websockify, tokens: " + quoted(file) + more + "}}}}"
	}
	s := start(t, site(addr, "404"))
	wantFault := func(text, want string) {
		t.Helper()
		err := s.apply(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	wantFault(text(""), "tokens: cannot read the token file "+file+": no such file or directory")
	write("a: h:1\nb\n")
	wantFault(text(""), "tokens: "+file+":2: a line must be")
	write("a: " + echoService(t) + "\n")
	wantFault(text(", token: '[1]'"), "token \"[1]\": [1] is used, but the pattern has no captures")
	wantFault(text(", token: secret"), `token: every request has the token "secret"; write a macro such as "[1]"`)
	if err := s.apply(text("")); err != nil {
		t.Fatal(err)
	}
	write("b\n")
	wantFault(text(""), "tokens: "+file+":1: a line must be")
	wantStatus(t, client(t, addr), "http://a.com/vnc?token=a", 426) // as before
}

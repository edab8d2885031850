package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSSHConfig(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	password := writeFile(t, "s\n")
	for _, test := range []struct {
		args string
		want string
	}{
		{"my wss://myserver.com/services/ssh", "Host my\n    ProxyCommand OWN wss://myserver.com/services/ssh -\n"},
		{"--user me *.lan wss://gw.example/ssh/%h/%p", "Host *.lan\n    User me\n    ProxyCommand OWN wss://gw.example/ssh/%h/%p -\n"},
		{"my wss://gw.example/a%2Fb?c=d&e='f", "Host my\n    ProxyCommand OWN 'wss://gw.example/a%%2Fb?c=d&e='\\''f' -\n"},
		{"my --password-file " + password + " wss://me@gw.example/", "Host my\n    ProxyCommand OWN --password-file " + password + " wss://me@gw.example/ -\n"},
		{"my --header X:%h wss://gw.example/ --insecure", "Host my\n    ProxyCommand OWN --header X:%%h --insecure=true wss://gw.example/ -\n"},
		{"my --header-file progress.go wss://gw.example/", ""},
	} {
		code, stdout, stderr := runOnce(t, append([]string{"ssh-config"}, strings.Fields(test.args)...)...)
		if test.want == "" {
			if code != 2 || !strings.HasPrefix(stderr, "dewebsockify: --header-file: progress.go:1: ") {
				t.Errorf("%s: exit code %d, %q", test.args, code, stderr)
			}
			continue
		}
		if want := strings.ReplaceAll(test.want, "OWN", own); code != 0 || stdout != want {
			t.Errorf("%s: exit code %d, %q\n%s\nwant\n%s", test.args, code, stderr, stdout, want)
		}
	}
	code, stdout, stderr := runOnce(t, "ssh-config", "my", "wss://me:secret@gw.example/")
	if code != 0 || !strings.Contains(stdout, "wss://me:secret@gw.example/") || stderr != "dewebsockify: warning: other users can see the password in the list of processes: use --password-file\n" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	// ssh runs the command in another folder.
	relative, err := filepath.Rel(dir, password)
	if err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := runOnce(t, "ssh-config", "my", "--password-file", relative, "wss://me@gw.example/"); !strings.Contains(stdout, " --password-file "+password+" ") {
		t.Errorf("a relative name gives %q", stdout)
	}
}

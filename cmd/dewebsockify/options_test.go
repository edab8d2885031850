package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/internal/version"
)

func TestUsageErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const noURL = "the first argument is no URL: it begins with wss:// or ws://"
	const badURL = "the URL cannot be read: write characters such as @ : / # in user or password as %40 %3A %2F %23, and an IPv6 address in brackets"
	const badHeader = `invalid value "X" for flag -header: write it as 'Name: value'`
	tests := []struct {
		args []string
		want string
	}{
		{nil, "it takes a URL and a PORT (or HOST:PORT, or -), not 0 arguments"},
		{[]string{"wss://a.example"}, "it takes a URL and a PORT (or HOST:PORT, or -), not 1 arguments"},
		{[]string{"wss://a.example", "1", "2"}, "it takes a URL and a PORT (or HOST:PORT, or -), not 3 arguments"},
		{[]string{"a.example", "1"}, noURL},
		{[]string{"a.example:443/x", "1"}, noURL},
		{[]string{"ftp://a.example", "1"}, noURL},
		{[]string{"1", "wss://a.example"}, noURL},
		{[]string{"wss://user:sec ret@a.example", "1"}, badURL},
		{[]string{"wss://user:sec:ret", "1"}, badURL},
		{[]string{"wss://user:sec/ret@a.example", "1"}, badURL},
		{[]string{"wss://user:secret#x@a.example", "1"}, badURL},
		{[]string{"wss://a.example/#x", "1"}, "the URL has a #, which means nothing to a server: write %23 if it belongs to the path, user or password"},
		{[]string{"wss:///x", "1"}, "the URL names no host"},
		{[]string{"wss://:443/x", "1"}, "the URL names no host"},
		{[]string{"wss://a.example", "ssh"}, `"ssh" is no port: it is a number from 0 to 65535`},
		{[]string{"wss://a.example", "65536"}, `"65536" is no port: it is a number from 0 to 65535`},
		{[]string{"wss://a.example", "::1:22"}, `"::1:22" is no PORT and no HOST:PORT; an IPv6 address stands in brackets`},
		{[]string{"wss://a.example", "1", "--header", "X"}, badHeader},
		{[]string{"wss://a.example", "1", "--header", "Upgrade: x"}, `invalid value "Upgrade: x" for flag -header: the WebSocket handshake sets that itself`},
		{[]string{"wss://a.example", "1", "--header", "sec-websocket-key: x"}, `invalid value "sec-websocket-key: x" for flag -header: the WebSocket handshake sets that itself`},
		{[]string{"wss://a.example", "1", "--header", "A b: x"}, `invalid value "A b: x" for flag -header: write it as 'Name: value'`},
		{[]string{"wss://a.example", "1", "--header", "A: x\ny"}, `invalid value "A: x\ny" for flag -header: write it as 'Name: value'`},
		{[]string{"wss://a.example", "1", "--hedaer", "A: x"}, "flag provided but not defined: -hedaer"},
		{[]string{"--", "wss://a.example", "--insecure"}, `"--insecure" is no port: it is a number from 0 to 65535`},
		{[]string{"wss://a.example", "1", "--ca", "nowhere.pem"}, "--ca: open nowhere.pem: no such file or directory"},
		{[]string{"wss://a.example", "1", "--ca", empty}, "--ca: " + empty + " holds no certificate in PEM form"},
		{[]string{"wss://a.example", "1", "--ca", empty, "--insecure"}, "--ca and --insecure contradict each other"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, stdout, stderr := runOnce(t, test.args...)
			if want := "dewebsockify: " + test.want + "\nTry: dewebsockify --help\n"; code != 2 || stdout != "" || stderr != want {
				t.Errorf("exit code %d, %q\nwant %q", code, stderr, want)
			}
		})
	}
}

func TestParseOptions(t *testing.T) {
	tests := []struct {
		args        string
		url, listen string
		insecure    bool
	}{
		{"ws://a.example 2222", "ws://a.example", "127.0.0.1:2222", false},
		{"http://a.example/x?y=%20z 0", "ws://a.example/x?y=%20z", "127.0.0.1:0", false},
		{"HTTPS://A.example:8443/%2F -", "wss://A.example:8443/%2F", "", false},
		{"wss://[::1]/ [::1]:22", "wss://[::1]/", "[::1]:22", false},
		{"wss://a.example :22", "wss://a.example", ":22", false},
		{"wss://a.example 192.0.2.1:22 --insecure", "wss://a.example", "192.0.2.1:22", true},
		{"wss://a.example --insecure -", "wss://a.example", "", true},
		{"-insecure wss://a.example localhost:1", "wss://a.example", "localhost:1", true},
		{"--insecure -- wss://a.example -", "wss://a.example", "", true},
	}
	for _, test := range tests {
		o, err := parseOptions(strings.Fields(test.args))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if o.url.String() != test.url || o.listen != test.listen || o.insecure != test.insecure || o.dialer.TLS.InsecureSkipVerify != test.insecure {
			t.Errorf("%s: %s, %q, insecure %v", test.args, o.url, o.listen, o.insecure)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, arg := range []string{"-h", "--help", "-help"} {
		if code, stdout, stderr := runOnce(t, "wss://a.example", arg); code != 0 || stdout != usage || stderr != "" {
			t.Errorf("%s: exit code %d, %q", arg, code, stderr)
		}
	}
	for _, arg := range []string{"-v", "--version"} {
		if code, stdout, stderr := runOnce(t, arg); code != 0 || stdout != "dewebsockify "+version.Text()+"\n" || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q", arg, code, stdout, stderr)
		}
	}
	for _, line := range strings.Split(usage, "\n") {
		if len(line) > 85 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
}

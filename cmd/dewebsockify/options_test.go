package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/internal/version"
)

const (
	noURL  = "that is no URL: it begins with wss:// or ws://"
	badURL = "the URL cannot be read: write characters such as @ : / # in user or password as %40 %3A %2F %23, and an IPv6 address in brackets"
)

// usageError is a command line that is not understood, and why.
type usageError struct {
	args []string
	want string
}

func testUsageErrors(t *testing.T, tests []usageError) {
	t.Helper()
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, stdout, stderr := runOnce(t, test.args...)
			if want := "dewebsockify: " + test.want + "\nTry: dewebsockify --help\n"; code != 2 || stdout != "" || stderr != want {
				t.Errorf("exit code %d, %q\nwant %q", code, stderr, want)
			}
		})
	}
}

func TestUsageErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ca := writeCertificate(t, certificate(t, func(*x509.Certificate) {}))
	const badHeader = `--header: write it as 'Name: value'`
	tests := []usageError{
		{nil, "it takes a URL and a PORT (or HOST:PORT, unix:PATH, or -), not 0 arguments"},
		{[]string{"wss://a.example"}, "it takes a URL and a PORT (or HOST:PORT, unix:PATH, or -), not 1 arguments"},
		{[]string{"wss://a.example", "1", "2"}, "it takes a URL and a PORT (or HOST:PORT, unix:PATH, or -), not 3 arguments"},
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
		{[]string{"wss://a.example", "1", "--header", "Upgrade: x"}, `--header: the WebSocket handshake sets that itself`},
		{[]string{"wss://a.example", "1", "--header", "sec-websocket-key: x"}, `--header: the WebSocket handshake sets that itself`},
		{[]string{"wss://a.example", "1", "--header", "A b: x"}, `--header: write it as 'Name: value'`},
		{[]string{"wss://a.example", "1", "--header", "A: x\ny"}, `--header: write it as 'Name: value'`},
		{[]string{"wss://a.example", "1", "--hedaer", "A: x"}, "flag provided but not defined: -hedaer"},
		{[]string{"--", "wss://a.example", "--insecure"}, `"--insecure" is no port: it is a number from 0 to 65535`},
		{[]string{"wss://a.example", "1", "--ca", "nowhere.pem"}, "--ca: open nowhere.pem: no such file or directory"},
		{[]string{"wss://a.example", "1", "--ca", empty}, "--ca: " + empty + " holds no certificate in PEM form"},
		{[]string{"wss://a.example", "1", "--ca", ca, "--insecure"}, "--insecure: it contradicts ca: with one the certificate is verified, with the other it is not"},
	}
	testUsageErrors(t, tests)
}

func TestOptionErrors(t *testing.T) {
	ca := writeCertificate(t, certificate(t, func(*x509.Certificate) {}))
	empty, password := writeFile(t, ""), writeFile(t, "s\n")
	headers := writeFile(t, "# mine\n\nX-One: 1\nX Two: 2\n")
	testUsageErrors(t, []usageError{
		{[]string{"wss://a.example", "unix:"}, "unix: is followed by the path of a socket"},
		{[]string{"wss://a.example", "1", "--proxy", "ftp://x"}, "--proxy: it begins with http://, https://, socks5:// or socks5h://"},
		{[]string{"wss://a.example", "1", "--proxy", "http://u:sec#ret@x"}, "--proxy: write it as http://user:password@host:port, with characters such as @ : / # in user or password as %40 %3A %2F %23"},
		{[]string{"wss://a.example", "1", "--proxy", "http://x/path"}, "--proxy: write it as http://user:password@host:port, with characters such as @ : / # in user or password as %40 %3A %2F %23"},
		{[]string{"wss://a.example", "1", "--host", "a.example:443"}, "--host: it takes a name such as www.example.com, without a port"},
		{[]string{"wss://a.example", "1", "--host", "192.0.2.1"}, "--host: it takes a name such as www.example.com, and no address"},
		{[]string{"wss://a.example", "1", "--key", ca}, "--key: a key needs its certificate: add cert"},
		{[]string{"wss://a.example", "1", "--cert", ca}, "--cert: found a certificate rather than a key in the PEM for the private key"},
		{[]string{"wss://a.example", "1", "--password-file", password}, "--password-file: the URL names no user to go with the password: write it before the host, as in wss://me@myserver.com/"},
		{[]string{"wss://me:x@a.example", "1", "--password-file", password}, "--password-file: the URL has a password already"},
		{[]string{"wss://me@a.example", "1", "--password-file", empty}, "--password-file: the first line of " + empty + " is empty"},
		{[]string{"wss://me@a.example", "1", "--password-file", "nowhere"}, "--password-file: open nowhere: no such file or directory"},
		{[]string{"wss://a.example", "1", "--header-file", headers}, "--header-file: " + headers + ":4: write it as 'Name: value'"},
		{[]string{"-L", "1"}, "write -L as PORT=URL, HOST:PORT=URL or unix:PATH=URL"},
		{[]string{"-L", "-=wss://a.example"}, "write -L as PORT=URL, HOST:PORT=URL or unix:PATH=URL"},
		{[]string{"-L", "x=wss://a.example"}, `-L x: "x" is no port: it is a number from 0 to 65535`},
		{[]string{"-L", "1=wss://me:secret#@a.example"}, "-L 1: " + badURL},
		{[]string{"-L", "1=wss://a.example", "--host", "a:1"}, "-L 1: --host: it takes a name such as www.example.com, without a port"},
		{[]string{"-L", "1=wss://a.example", "2"}, `with -L, the URL and the PORT stand behind it, as in -L 2222=wss://myserver.com/: "2" is too much`},
		{[]string{"--config", "f.yaml", "--host", "a"}, "with --config, every forward and its options stand in the file; only --verbose goes with it"},
		{[]string{"--config", "nowhere.yaml"}, "--config: open nowhere.yaml: no such file or directory"},
		{[]string{"completion"}, "completion takes a shell: bash, zsh or fish"},
		{[]string{"completion", "csh"}, `"csh" is no shell with completions; there are bash, zsh, fish`},
		{[]string{"ssh-config", "a"}, "ssh-config takes a NAME, to call the host by, and a URL, not 1 arguments"},
		{[]string{"ssh-config", "a b", "wss://a.example"}, "NAME is the word that ssh is called with: no spaces, quotes or #"},
		{[]string{"ssh-config", "a", "a.example"}, noURL},
		{[]string{"ssh-config", "--user", "a b", "a", "wss://a.example"}, "--user is one word: no spaces, quotes or #"},
		{[]string{"ssh-config", "a", "wss://a.example", "--header", "A: x\ny"}, "--header: write it as 'Name: value'"},
		{[]string{"ssh-config", "-L", "1=ws://x", "a", "wss://a.example"}, "flag provided but not defined: -L"},
	})
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
		{"wss://a.example unix:/run/x", "wss://a.example", "unix:/run/x", false},
		{"-L [::1]:22=wss://a.example/?a=b", "wss://a.example/?a=b", "[::1]:22", false},
		{"-L unix:x=ws://a.example", "ws://a.example", "unix:x", false},
	}
	for _, test := range tests {
		parsed, err := parseOptions(strings.Fields(test.args))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		o, insecure := parsed.forwards[0], false
		if o.dialer.TLS.InsecureSkipVerify {
			insecure = len(o.warnings) == 1
		}
		if o.url.String() != test.url || o.listen != test.listen || insecure != test.insecure {
			t.Errorf("%s: %s, %q, insecure %v", test.args, o.url, o.listen, insecure)
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

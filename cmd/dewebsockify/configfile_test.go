package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"password": "s:cret\n",
		"headers":  "X-Two: 2\n",
		"forwards.yaml": `# two of them
- listen: 2222
  url: wss://me@myserver.com/services/ssh
  headers: {X-One: 1}
  headerFile: headers
  passwordFile: password
  proxy: proxy.lan:3128
  host: www.example.com
- {listen: unix:vnc.sock, url: "http://other.example/vnc", insecure: true}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err := parseOptions([]string{"--verbose", "--config", filepath.Join(dir, "forwards.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.forwards) != 2 || !o.verbose {
		t.Fatalf("%d forwards, verbose %v", len(o.forwards), o.verbose)
	}
	ssh, vnc := o.forwards[0], o.forwards[1]
	if ssh.listen != "127.0.0.1:2222" || ssh.url.String() != "wss://me:s%3Acret@myserver.com/services/ssh" || len(ssh.warnings) != 0 {
		t.Errorf("%s, %s, warnings %q", ssh.listen, ssh.url, ssh.warnings)
	}
	header := ssh.dialer.Header
	if header.Get("X-One") != "1" || header.Get("X-Two") != "2" || header.Get("Host") != "www.example.com" || ssh.dialer.TLS.ServerName != "www.example.com" {
		t.Errorf("headers %v, SNI %q", header, ssh.dialer.TLS.ServerName)
	}
	if via, err := ssh.dialer.Proxy(nil); err != nil || via.String() != "http://proxy.lan:3128" {
		t.Errorf("proxy %v, %v", via, err)
	}
	if vnc.listen != "unix:"+filepath.Join(dir, "vnc.sock") || vnc.url.String() != "ws://other.example/vnc" || !vnc.dialer.TLS.InsecureSkipVerify || len(vnc.dialer.Header) != 2 {
		t.Errorf("%s, %s, %v", vnc.listen, vnc.url, vnc.dialer)
	}
}

func TestConfigFileSecret(t *testing.T) {
	for content, want := range map[string]int{
		"- {listen: 1, url: 'wss://me:secret@a.example'}":               1,
		"- {listen: 1, url: 'wss://a.example', headers: {X: y}}":        1,
		"- {listen: 1, url: 'wss://a.example', proxy: 'http://u:p@x'}":  1,
		"- {listen: 1, url: 'wss://me@a.example', proxy: 'http://p:1'}": 0,
	} {
		file := writeFile(t, content)
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		forwards, err := readConfig(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := forwards[0].warnings; len(got) != want {
			t.Errorf("%s: warnings %q", content, got)
		} else if want == 1 && got[0] != "other users can read "+file+", which holds a secret: chmod 600 "+file {
			t.Errorf("warning %q", got[0])
		}
	}
}

const noList = "a config is a list of forwards, each of them - listen: PORT and url: wss://..."

var badConfigs = []struct {
	content string
	want    []string
}{
	{"", []string{"1:1: " + noList}},
	{"# nothing", []string{"1:1: " + noList}},
	{"[]", []string{"1:1: " + noList}},
	{"listen: 1", []string{"1:1: " + noList}},
	{"- 2222", []string{"1:3: a forward is a map with listen and url"}},
	{"- {}", []string{"1:3: listen is missing", "1:3: url is missing"}},
	{"- listen: 1\n  ulr: wss://a.example", []string{
		`2:3: unknown key "ulr"; there are listen, url, headers, headerFile, passwordFile, proxy, host, ca, cert, key, insecure`,
		"1:3: url is missing",
	}},
	{"- listen: 1\n  listen: 2\n  url: wss://a.example", []string{"2:3: listen is there twice"}},
	{"- listen: [1]\n  url: ", []string{"1:11: listen takes one value", "2:7: url takes one value"}},
	{"- listen: '-'\n  url: wss://a.example", []string{"1:11: stdin and stdout are for the command line; listen takes a PORT, HOST:PORT or unix:PATH"}},
	{"- listen: ssh\n  url: wss://a.example\n- listen: 1\n  url: a.example", []string{
		`1:11: "ssh" is no port: it is a number from 0 to 65535`,
		"4:8: that is no URL: it begins with wss:// or ws://",
	}},
	{"- listen: 1\n  url: wss://me:sec#ret@a.example", []string{"2:8: the URL cannot be read: write characters such as @ : / # in user or password as %40 %3A %2F %23, and an IPv6 address in brackets"}},
	{"- listen: 1\n  url: wss://a.example\n  insecure: maybe", []string{"3:13: insecure is true or false"}},
	{"- listen: 1\n  url: wss://a.example\n  headers: [a]", []string{"3:12: headers is a map, each line of it Name: value"}},
	{"- listen: 1\n  url: wss://a.example\n  headers:\n    A: [b]\n    B C: d\n    Upgrade: e", []string{
		"4:5: a header is one line, Name: value", "5:5: write it as 'Name: value'", "6:5: the WebSocket handshake sets that itself",
	}},
	{"- listen: 1\n  url: wss://a.example\n  ca: /nowhere.pem", []string{"3:7: open /nowhere.pem: no such file or directory"}},
	{"- listen: 1\n  url: wss://a.example\n  key: /nowhere.pem", []string{"3:8: a key needs its certificate: add cert"}},
	{"- listen: &p 1\n  url: wss://a.example\n- listen: *p\n  url: wss://a.example", []string{"3:11: listen takes one value"}},
	{"- listen: 1\n url: x", []string{"1:1: did not find expected '-' indicator"}},
	{"- listen: \"1", []string{" found unexpected end of stream"}},
	{"- listen: 1\n  url: ws://a\n---\n- listen: 2\n  url: ws://a", []string{"3:1: a second document begins here"}},
}

func TestConfigFaults(t *testing.T) {
	for _, test := range badConfigs {
		t.Run(test.content, func(t *testing.T) {
			file := writeFile(t, test.content)
			var want strings.Builder
			for _, line := range test.want {
				want.WriteString(file + ":" + line + "\n")
			}
			code, stdout, stderr := runOnce(t, "--config", file)
			if code != 2 || stdout != "" || stderr != want.String() {
				t.Errorf("exit code %d\n%swant\n%s", code, stderr, want.String())
			}
		})
	}
}

func FuzzConfigFile(f *testing.F) {
	for _, test := range badConfigs {
		f.Add([]byte(test.content))
	}
	f.Add([]byte("- {listen: 1, url: 'wss://a.example', headers: {X: y}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := &configReader{file: "f.yaml"}
		forwards := r.read(content)
		if len(r.faults) == 0 && len(forwards) == 0 {
			t.Error("neither a forward nor a fault")
		}
		for _, fault := range r.faults {
			if !strings.HasPrefix(fault, "f.yaml:") || strings.Contains(fault, "\n") {
				t.Errorf("a fault reads %q", fault)
			}
		}
	})
}

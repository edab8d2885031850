package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleQuestions are asked about each example.
var exampleQuestions = map[string][]string{
	"app.yaml": {
		"http://example.com/a?b=c",
		"https://example.com/api/users?id=1",
		"https://example.com/api",
		"https://example.com/page?x=1 from 192.0.2.7",
		"https://WWW.Example.com./a/../b?c",
		"https://stranger.com/",
		"wss://example.com/socket",
		"https://example.com/a%2fb",
	},
	"http-master.yaml": {
		"http://myserver.com/a/b?q=1",
		"ws://myserver.com/",
		"wss://myserver.com/services/ssh",
		"https://myserver.com/services/ssh",
		"wss://myserver.com/ssh/db1.lan/22",
		"wss://myserver.com/ssh/127.0.0.1/22",
		"wss://myserver.com/ssh/loop.lan/22",
		"wss://myserver.com/ssh/nowhere.lan/22",
		"wss://myserver.com/ssh/db1.lan/ssh",
		"https://other.com/x?y",
	},
	"novnc.yaml": {
		"https://desktop.example.com/vnc.html?path=websockify",
		"https://desktop.example.com/none",
		"https://desktop.example.com/vnc.html method POST",
		"wss://desktop.example.com/websockify",
		"https://other.com/",
	},
	"quickstart.yaml": {
		"http://localhost:8080/a?b=c",
		"https://localhost:8443/",
		"wss://localhost:8443/services/ssh",
		"https://192.0.2.1:8443/",
		"https://localhost/",
		"http://localhost:8443/",
		"https://localhost:8080/",
	},
	"ssh-gateway.yaml": {
		"wss://gateway.example.com/ssh/db1.lan/22",
		"https://gateway.example.com/ssh/db1.lan/22",
		"wss://gateway.example.com/ssh/10.1.2.3/22",
		"wss://gateway.example.com/ssh/localhost/22",
		"wss://gateway.example.com/ssh/192.0.2.1/22",
		"wss://gateway.example.com/ssh/db1.lan/80",
		"https://gateway.example.com/",
	},
}

func TestExplainExamples(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	certFolder := certFolder(t, "example.com", "www.example.com", "myserver.com", "mywebsite.net", "desktop.example.com", "gateway.example.com")
	novnc := t.TempDir()
	if err := os.WriteFile(filepath.Join(novnc, "vnc.html"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	passwords := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwords, []byte("me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			if exampleQuestions[name] == nil {
				t.Fatal("nothing is asked about this example")
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("/etc/http-master/certs", certFolder, "/usr/share/novnc", novnc, "/etc/http-master/passwd", passwords).Replace(string(content))
			got := answers(t, explained(t, file, text), exampleQuestions[name], novnc, "/usr/share/novnc", passwords, "/etc/http-master/passwd")
			wantGolden(t, "testdata/explain/"+strings.TrimSuffix(name, ".yaml")+".txt", got)
		})
	}
}

// TestExplainLetsEncrypt asks nobody for a certificate.
func TestExplainLetsEncrypt(t *testing.T) {
	dir := t.TempDir()
	gen := explained(t, filepath.Join(dir, "config.yaml"), `
modules: {letsencrypt: {configDir: acme, agreeTos: true}}
ports:
  80: {router: {"*": "redirect -> https://[1]/[path]"}}
  443: {router: {"a.com": "reject -> 410"}, ssl: {letsencrypt: true}}
`)
	wantGolden(t, "testdata/explain/letsencrypt.txt", answers(t, gen, []string{
		"http://a.com/.well-known/acme-challenge/token", "http://a.com/", "https://a.com/", "https://b.com/",
	}))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("there are files now: %v, %v", entries, err)
	}
}

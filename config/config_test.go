package config

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "config.yaml")
	content := []byte("ports: {80: 8080}\n")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, faults := Load(name)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	if len(cfg.Ports) != 1 || cfg.File != name || cfg.Hash != sha256.Sum256(content) {
		t.Errorf("got %+v", cfg)
	}

	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "cannot be read: no such file or directory",
		dir:                             "cannot be read: is a directory",
		large:                           "is larger than 16 MiB",
	} {
		cfg, faults := Load(name)
		if err := faults.Err(); err == nil || err.Error() != name+": "+want {
			t.Errorf("got %v, want %s: %s", err, name, want)
		}
		if cfg == nil || cfg.File != name {
			t.Errorf("%s: config is %+v", name, cfg)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ file, path, want string }{
		{"/etc/hm/config.yaml", "passwd", "/etc/hm/passwd"},
		{"/etc/hm/config.yaml", "../passwd", "/etc/passwd"},
		{"/etc/hm/config.yaml", "/srv/passwd", "/srv/passwd"},
		{"/etc/hm/config.yaml", "", ""},
		{"conf/config.yaml", "passwd", "conf/passwd"},
		{"config.yaml", "passwd", "passwd"},
	} {
		cfg := &Config{File: test.file}
		if got := cfg.Resolve(test.path); got != test.want {
			t.Errorf("%s in %s: got %s, want %s", test.path, test.file, got, test.want)
		}
	}
	cfg, _ := Parse("/etc/hm/config.yaml", []byte(`ports: {"unix:hm.sock": 8080}`))
	if got := cfg.Ports[0].Address.Path; got != "/etc/hm/hm.sock" {
		t.Errorf("socket: got %s", got)
	}
}

// TestSpellings holds that YAML's block and flow style and JSON are three ways
// to write the same Config.
func TestSpellings(t *testing.T) {
	for _, test := range []struct{ name, block, flow, json string }{
		{
			"the main job",
			fileText(t, "testdata/quickstart.good.yaml"),
			`{ports: {80: {router: {"*": "redirect -> https://[1]/[path]"}}, 443: {
				router: {myserver.com/services/ssh: websockify -> 22, 'myserver.com/ssh/*/*': 'websockify -> [1]:[2]', '*': 8080},
				ssl: {primaryDomain: mywebsite.net, certDir: /etc/http-master/certs}}}}`,
			`{"ports": {"80": {"router": {"*": "redirect -> https:\/\/[1]/[path]"}}, "443": {
				"router": {"myserver.com/services/ssh": "websockify -> 22", "myserver.com/ssh/*/*": "websockify -> [1]:[2]", "*": 8080},
				"ssl": {"primaryDomain": "mywebsite.net", "certDir": "/etc/http-master/certs"}}}}`,
		},
		{
			"the language's first example",
			"watchConfig: true            # reload when this file changes\nports:\n  80:\n    router:\n      \"*\": \"redirect -> https://[1]/[path]\"\n  443:\n    router:\n      \"*\": 8080\n    ssl:\n      certDir: certs\n",
			`{watchConfig: true, ports: {80: {router: {'*': 'redirect -> https://[1]/[path]'}}, 443: {router: {'*': 8080}, ssl: {certDir: certs}}}}`,
			"{\n\t\"watchConfig\": true,\n\t\"ports\": {\n\t\t\"80\": {\"router\": {\"*\": \"redirect -> https://[1]/[path]\"}},\n\t\t\"443\": {\"router\": {\"*\": \"8080\"}, \"ssl\": {\"certDir\": \"certs\"}}\n\t}\n}\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dumps := make([]string, 3)
			for i, content := range []string{test.block, test.flow, test.json} {
				cfg, faults := Parse("f.yaml", []byte(content))
				if err := faults.Err(); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				dumps[i] = dump(cfg, false)
			}
			if dumps[0] == "" || dumps[1] != dumps[0] || dumps[2] != dumps[0] {
				t.Errorf("block:\n%s\nflow:\n%s\nJSON:\n%s", dumps[0], dumps[1], dumps[2])
			}
		})
	}
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTextAt(t *testing.T) {
	cfg, faults := Parse("f.yaml", []byte("ports:\n  80: {'źdź.pl': \"websockify -> ab:cd\", plain.pl: a:b, esc.pl: \"\\x61:b\"}\n"))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	rules := cfg.Ports[0].Target.Router.Rules
	socket := rules[0].Target.Verb.(*Websockify).Target
	plain := rules[1].Target.Verb.(*Proxy).Target
	escaped := rules[2].Target.Verb.(*Proxy).Target
	for _, test := range []struct {
		name   string
		text   Text
		offset int
		want   Pos
	}{
		{"first letter, behind the quote", rules[0].Pattern, 0, Pos{2, 9}},
		{"behind letters of two bytes", rules[0].Pattern, len("źdź"), Pos{2, 12}},
		{"inside an argument", socket, len("ab:"), Pos{2, 36}},
		{"at the end", socket, len("ab:cd"), Pos{2, 38}},
		{"not in quotes", plain, 2, Pos{2, 53}},
		{"written with an escape", escaped, 1, escaped.Pos},
		{"outside", plain, 9, plain.Pos},
	} {
		if got := test.text.At(test.offset); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"router", "ssl", "middleware", "errorHtmlFile", "agentSettings"}
	for word, want := range map[string]string{
		"routr": "router", "rotuer": "router", "route": "router", "routers": "router", "Router": "router",
		"SSL": "ssl", "sssl": "ssl", "errorHTMLFile": "errorHtmlFile", "midlewares": "middleware",
		"ssh": "", "sl": "", "app": "", "mail": "", "rooster": "", "": "", "agent": "",
		strings.Repeat("router", 50): "",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

// TestTables holds what the reference and the editors' schema are made from:
// every key has a kind, a line that explains it, and what holds without it.
func TestTables(t *testing.T) {
	var faulty []string
	check := func(object, name, kind, def, doc string) {
		ignored := kind == "ignored" || kind == "refused"
		if name == "" || kind == "" || doc == "" || def == "" && !ignored && name != "crt" {
			faulty = append(faulty, object+"."+name)
		}
	}
	checkTable(check, "config", &topTable)
	checkTable(check, "modules", &modulesTable)
	checkTable(check, "letsencrypt", &letsEncryptTable)
	checkTable(check, "agentSettings", &agentTable)
	checkTable(check, "port", &portTable)
	checkTable(check, "ssl", &sslTable)
	checkTable(check, "SNI", &pairTable)
	checkTable(check, "clientAuth", &clientAuthTable)
	checkTable(check, "proxy", &proxyTable)
	checkTable(check, "targets", &weightedTable)
	checkTable(check, "health", &healthTable)
	checkTable(check, "eject", &ejectTable)
	checkTable(check, "maxTunnels", &maxTunnelsTable)
	checkTable(check, "lockout", &lockoutTable)
	checkTable(check, "redirect", &redirectTable)
	checkTable(check, "websockify", &websockifyTable)
	checkTable(check, "reject", &rejectTable)
	checkTable(check, "static", &staticTable)
	checkTable(check, "auth", &authTable)
	checkTable(check, "log", &logTable)
	checkTable(check, "gzip", &gzipTable)
	checkTable(check, "limit", &limitTable)
	checkTable(check, "addHeader", &headerTable)
	checkTable(check, "allow", &filterTable)
	for _, v := range verbs {
		check("verb", v.name, cmp.Or(v.argument, "none"), "none", v.doc)
	}
	if len(faulty) > 0 {
		t.Errorf("incomplete: %v", faulty)
	}
}

func checkTable[T any](check func(object, name, kind, def, doc string), object string, table *table[T]) {
	for _, k := range table.keys {
		check(object, k.name, k.kind, k.def, k.doc)
	}
}

// FuzzParse looks for panics, for places outside of the file, and for results
// that differ between two runs.
func FuzzParse(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, test := range syntaxTests {
		if len(test.content) < 1000 {
			f.Add([]byte(test.content))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		cfg, faults := Parse("f.yaml", content)
		again, faultsAgain := Parse("f.yaml", content)
		if dump(cfg, true) != dump(again, true) || fmt.Sprint(faults.list) != fmt.Sprint(faultsAgain.list) {
			t.Fatal("two runs differ")
		}
		src := newSource([]byte(strings.TrimPrefix(string(content), "\uFEFF")))
		for _, fault := range faults.list {
			if fault.Pos == (Pos{}) {
				continue
			}
			if fault.Pos.Line < 1 || fault.Pos.Line > len(src.lines) || fault.Pos.Col < 1 {
				t.Fatalf("no such place: %v", fault)
			}
			if line := src.lines[fault.Pos.Line-1]; fault.Pos.Col > line.end-line.start+1 {
				t.Fatalf("no such column: %v", fault)
			}
		}
	})
}

func BenchmarkParse10kRules(b *testing.B) {
	var s strings.Builder
	s.WriteString("ports:\n  80:\n    router:\n")
	for i := range 10_000 {
		fmt.Fprintf(&s, "      \"host%d.example.com/path/*\": \"10.0.0.%d:8080/[1]\"\n", i, i%250)
	}
	b.SetBytes(int64(s.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := Parse("f.yaml", []byte(s.String())); faults.Err() != nil {
			b.Fatal(faults.Err())
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("good.yaml", `
ports:
  80:
    router:
      "a.com": "redirect -> https://[host]/[path]"
      "b.com": ["allow -> 10.0.0.0/8", "reject -> 410"]
`)
	bad := write("bad.yaml", "ports: {80: {router: {\"a.com\": \"redirect -> https://[1]/\"}}}")
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string // has this
		stderr string // has this
	}{
		{"a rule answers", []string{"--config", good, "http://a.com/x"}, exitOK, "line 5: answer: 302 Found to https://a.com/x\n", ""},
		{"the URL first", []string{"http://a.com/x", "-c", good}, exitOK, "answer: 302", ""},
		{"a rule refuses", []string{"--config", good, "http://b.com/", "--from", "192.0.2.1"}, exitOK, "403 Forbidden, 192.0.2.1 is not allowed", ""},
		{"the address decides", []string{"--config", good, "--from=10.0.0.1", "http://b.com/"}, exitOK, "410 Gone", ""},
		{"no rule", []string{"--config", good, "http://c.com/"}, exitFault, "answer: 404 Not Found", ""},
		{"no port", []string{"--config", good, "https://a.com/"}, exitFault, "nothing listens on port 443", ""},
		{"a port by its key", []string{"--config", good, "--port", "80", "http://a.com:8080/"}, exitOK, "to https://a.com/", ""},
		{"a method", []string{"--config", good, "--method", "TRACE", "http://a.com/"}, exitFault, "TRACE is not served", ""},
		{"a faulty config", []string{"--config", bad, "http://a.com/"}, exitFault, "", "bad.yaml:1:53: target \"https://[1]/\""},
		{"no config", []string{"http://a.com/"}, exitUsage, "", "which config?"},
		{"no URL", []string{"--config", good}, exitUsage, "", "which one URL?"},
		{"two URLs", []string{"--config", good, "http://a.com/", "http://b.com/"}, exitUsage, "", "which one URL?"},
		{"no scheme", []string{"--config", good, "a.com"}, exitUsage, "", "\"a.com\" is no URL that can be asked for"},
		{"no address", []string{"--config", good, "--from", "me", "http://a.com/"}, exitUsage, "", "--from \"me\" is no IP address"},
		{"an unknown flag", []string{"--confg", good, "http://a.com/"}, exitUsage, "", "http-master: explain: flag provided but not defined: -confg (--help shows how it is used)"},
		{"help", []string{"--help"}, exitOK, "Usage:\n  http-master explain", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"explain"}, test.args...), &stdout, &stderr)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || (test.stdout == "") != (stdout.Len() == 0) {
				t.Errorf("stdout:\n%s", &stdout)
			}
			if !strings.Contains(stderr.String(), test.stderr) || (test.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stderr:\n%s", &stderr)
			}
		})
	}
}

func TestExplainJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(`ports: {80: {router: {"a.com/*": "redirect 301 -> https://b.com/[1]?a=b&c"}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"explain", "--json", "--config", file, "http://a.com/x"}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	var got struct {
		Answer struct {
			By       string
			Status   int
			Location string
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Answer.By != "redirect" || got.Answer.Status != 301 || got.Answer.Location != "https://b.com/x?a=b&c" {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(stdout.String(), "?a=b&c") {
		t.Error("a URL is hard to read in it")
	}
}

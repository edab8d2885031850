//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLog has everything happen that the log tells of where secrets are about,
// and then reads it: each line is one event, told once, with its rule, and
// without the secrets.
func TestLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "passwd"), "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n") // secret
	port := freePort(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	config := filepath.Join(dir, "config.yaml")
	write := func(more string) {
		writeFile(t, config, fmt.Sprintf(`
modules: {appLog: {type: json}}
middleware: ["log -> access.log"]
ports:
  "%s":
    router:
      "/t": ["auth -> passwd", "websockify -> %d"]
      "/away": "websockify -> %d"
      "/down": %d
%s`, address, listenTCP(t, echo), freePort(t), freePort(t), more))
	}
	write("")
	p := startServer(t, config)
	cutter := startCutter(t, address)
	client, local := startClient(t, nil, "ws://me:secret@"+cutter.address()+"/t?ticket=hush-1")
	tunnel := dial(t, local)
	say(t, tunnel, "before")
	cutter.cut(false)
	client.waitFor(t, 0, "resumed")
	say(t, tunnel, "after")
	tunnel.Close()
	p.waitFor(t, 0, `"msg":"tunnel closed"`)
	run(t, nil, nil, clientProgram, "ws://me:hush-2@"+address+"/t?ticket=hush-3", "-")
	mustGet(t, "http://"+address+"/down?key=open")
	run(t, nil, nil, clientProgram, "ws://"+address+"/away?ticket=hush-4", "-")
	write("      \"/x\": \"websockify: -> me:hush-5@\"\n")
	if got := admin(t, config, "reload"); got.code != 1 || strings.Contains(got.stderr, "hush") {
		t.Errorf("reload: %+v", got)
	}
	p.waitFor(t, 0, "was not reloaded")
	if got := admin(t, config, "stop"); got.code != 0 {
		t.Errorf("stop: %+v", got)
	}
	p.exitCode(t)

	accessLog, err := os.ReadFile(filepath.Join(dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	text := p.output.String()
	for _, log := range []string{text, string(accessLog), client.output.String()} {
		for _, secret := range []string{"hush", "secret", "c2VjcmV0", "bWU6"} { // as text, as credentials in base64
			if strings.Contains(log, secret) {
				t.Errorf("the log has %q:\n%s", secret, log)
			}
		}
	}
	if !strings.Contains(string(accessLog), "/t?***") || !strings.Contains(string(accessLog), "/away?***") || !strings.Contains(string(accessLog), "/down?key=open") {
		t.Errorf("the access log is\n%s", accessLog)
	}
	wantEvents(t, text)
}

// wantEvents checks the lines of a log in JSON.
func wantEvents(t *testing.T, text string) {
	t.Helper()
	// By message: the line of the config that the rule of the event stands on.
	rules := map[string]string{
		"tunnel open": "line 7 ", "tunnel lost": "line 7 ", "tunnel resumed": "line 7 ", "tunnel closed": "line 7 ",
		"auth failure": "line 7 ", "tunnel refused": "line 8 ", "cannot forward a request": "line 9 ",
	}
	seen := make(map[string]string)
	for line := range strings.Lines(text) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%v in %s", err, line)
			continue
		}
		message, _ := event["msg"].(string)
		if event["time"] == nil || event["level"] == nil || message == "" {
			t.Errorf("a part is missing: %s", line)
		}
		if before := seen[message]; before != "" {
			t.Errorf("told twice:\n%s%s", before, line)
		}
		seen[message] = line
		if d, ok := event["duration"]; ok && !strings.HasSuffix(fmt.Sprint(d), "s") {
			t.Errorf("the duration is %v: %s", d, line)
		}
		if rule, _ := event["rule"].(string); rules[message] != "" && !strings.HasPrefix(rule, rules[message]) {
			t.Errorf("the rule is missing or another one: %s", line)
		}
	}
	for message := range rules {
		if seen[message] == "" {
			t.Errorf("the log does not tell of %q:\n%s", message, text)
		}
	}
}

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

// FuzzHeaderFile holds that each line of a file of headers is one field, and
// none of those that the handshake sets.
func FuzzHeaderFile(f *testing.F) {
	for _, content := range []string{"X-A: b\n# no\n\nCookie: c=d; e=f\r\n", "Host: a\nHost: b", "A : b", ": b", "Sec-WebSocket-Key: x", "upgrade: h2c", "A: b\rC: d", "A"} {
		f.Add(content)
	}
	file := filepath.Join(f.TempDir(), "headers")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var fw forward
		fw.dialer.Header = make(http.Header)
		err := fw.addHeaderFile(file)
		fields, lines := 0, 0
		for name, values := range fw.dialer.Header {
			for _, value := range values {
				fields++
				if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
					t.Errorf("%q has the field %q: %q", content, name, value)
				}
			}
			if lower := strings.ToLower(name); lower == "connection" || lower == "upgrade" || strings.HasPrefix(lower, "sec-websocket-") {
				t.Errorf("%q sets %s", content, name)
			}
			if name == "Host" || name == "User-Agent" || name == "Accept" {
				return // of these the last one counts
			}
		}
		for line := range strings.SplitSeq(content, "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				lines++
			}
		}
		if err == nil && fields != lines {
			t.Errorf("%q: %d fields of %d lines", content, fields, lines)
		}
	})
}

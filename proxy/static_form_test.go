package proxy

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestStaticRanges(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "0123456789"})
	tag := s.get("GET /a.txt").header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		t.Fatalf("the ETag of an old file is %q, not strong", tag)
	}
	a := s.get("GET /a.txt", "Range: bytes=2-4")
	a.want(t, 206, "234")
	a.wantHeader(t, "Content-Range", "bytes 2-4/10")
	a.wantHeader(t, "Accept-Ranges", "bytes")
	s.get("GET /a.txt", "Range: bytes=-2").want(t, 206, "89")
	s.get("GET /a.txt", "Range: bytes=2-4", "If-Range: "+tag).want(t, 206, "234")
	s.get("GET /a.txt", "Range: bytes=2-4", `If-Range: "other"`).want(t, 200, "0123456789")
	a = s.get("GET /a.txt", "Range: bytes=10-")
	a.wantHeader(t, "Content-Range", "bytes */10")
	if a.status != 416 {
		t.Errorf("a range behind the end gets %d, want 416", a.status)
	}
	a = s.get("GET /a.txt", "Range: bytes=0-0,9-9")
	if a.status != 206 || !strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges") || strings.Count(a.body, "Content-Range") != 2 {
		t.Errorf("two ranges get %d %q %q", a.status, a.header.Get("Content-Type"), a.body)
	}
}

func TestStaticConditions(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "text", "new.txt": "new", "epoch.txt": "epoch"})
	s.setTime("new.txt", time.Now().Add(time.Minute)) // as new as can be, at any speed of the test
	s.setTime("epoch.txt", time.Unix(1, 0))
	first := s.get("GET /a.txt")
	tag, modified := first.header.Get("ETag"), first.header.Get("Last-Modified")
	if tag == "" || modified == "" {
		t.Fatalf("ETag %q, Last-Modified %q", tag, modified)
	}
	cases := []struct {
		name, header string
		status       int
		body         string
	}{
		{"same tag", "If-None-Match: " + tag, 304, ""},
		{"same tag made weak", "If-None-Match: W/" + tag, 304, ""},
		{"among others", `If-None-Match: "x", ` + tag, 304, ""},
		{"other tag", `If-None-Match: "x"`, 200, "text"},
		{"not modified", "If-Modified-Since: " + modified, 304, ""},
		{"modified", "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 200, "text"},
		{"match", "If-Match: " + tag, 200, "text"},
		{"no match", `If-Match: "x"`, 412, ""},
		{"unmodified", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 412, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { s.get("GET /a.txt", c.header).want(t, c.status, c.body) })
	}
	if tag := s.get("GET /new.txt").header.Get("ETag"); !strings.HasPrefix(tag, `W/"`) {
		t.Errorf("the ETag of a file that may still change is %q, not weak", tag)
	}
	epoch := s.get("GET /epoch.txt")
	epoch.wantHeader(t, "ETag", "")
	epoch.wantHeader(t, "Last-Modified", "")
}

func TestStaticChangedFileHasOtherETag(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "one"})
	first := s.get("GET /a.txt").header.Get("ETag")
	s.write("a.txt", "two")
	s.setTime("a.txt", time.Now().Add(-30*time.Minute))
	if a := s.get("GET /a.txt", "If-None-Match: "+first); a.status != 200 || a.body != "two" {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStaticPrecompressed(t *testing.T) {
	plain := strings.Repeat("console.log(1);\n", 100)
	packed := zip(t, plain)
	s := newSite(t, "a.com", "DIR", map[string]string{
		"app.js": plain, "app.js.gz": packed,
		"index.html": "<p>home", "index.html.gz": zip(t, "<p>home"),
		"NOTES": "plain text", "NOTES.gz": zip(t, "plain text"),
		"stale.js": "fresh", "stale.js.gz": zip(t, "stale"),
		"only.js.gz": packed,
		"alone.js":   "alone",
		"dir.js":     "dir", "dir.js.gz/x": "x",
	})
	s.setTime("stale.js.gz", time.Now().Add(-2*time.Hour))
	s.setTime("app.js.gz", time.Now().Add(-time.Hour-time.Second)) // copied in the other order
	plainTag := s.get("GET /app.js").header.Get("ETag")

	t.Run("for who does not take it", func(t *testing.T) {
		for _, accept := range []string{"Accept-Encoding: br", "Accept-Encoding: gzip;q=0", "Accept-Encoding: *;q=0", "Accept-Encoding: identity, gzip; q=0.0, *", "X: y"} {
			a := s.get("GET /app.js", accept)
			a.want(t, 200, plain)
			a.wantHeader(t, "Content-Encoding", "")
			a.wantHeader(t, "Vary", "Accept-Encoding")
		}
	})
	t.Run("for who does", func(t *testing.T) {
		for _, accept := range []string{"gzip", "br, gzip", "GZIP;q=0.5", "*", "x-gzip", "identity;q=1, *;q=0.1"} {
			a := s.get("GET /app.js", "Accept-Encoding: "+accept)
			a.want(t, 200, packed)
			a.wantHeader(t, "Content-Encoding", "gzip")
			a.wantHeader(t, "Content-Type", "text/javascript; charset=utf-8")
			a.wantHeader(t, "Vary", "Accept-Encoding")
			a.wantHeader(t, "Content-Length", strconv.Itoa(len(packed)))
			if tag := a.header.Get("ETag"); tag == plainTag || tag == "" {
				t.Errorf("the ETag is %q, that of the plain file %q", tag, plainTag)
			}
		}
	})
	const gz = "Accept-Encoding: gzip"
	t.Run("HEAD", func(t *testing.T) {
		a := s.get("HEAD /app.js", gz)
		a.want(t, 200, "")
		a.wantHeader(t, "Content-Length", strconv.Itoa(len(packed)))
		a.wantHeader(t, "Content-Encoding", "gzip")
	})
	t.Run("range of the compressed bytes", func(t *testing.T) {
		a := s.get("GET /app.js", gz, "Range: bytes=5-14")
		a.want(t, 206, packed[5:15])
		a.wantHeader(t, "Content-Encoding", "gzip")
		a.wantHeader(t, "Content-Range", "bytes 5-14/"+strconv.Itoa(len(packed)))
	})
	t.Run("range on the other form's ETag", func(t *testing.T) {
		s.get("GET /app.js", gz, "Range: bytes=5-14", "If-Range: "+plainTag).want(t, 200, packed)
	})
	t.Run("range behind its end", func(t *testing.T) {
		a := s.get("GET /app.js", gz, "Range: bytes="+strconv.Itoa(len(packed))+"-")
		a.wantHeader(t, "Content-Encoding", "")
		if a.status != 416 {
			t.Errorf("got %d, want 416", a.status)
		}
	})
	t.Run("conditions", func(t *testing.T) {
		tag := s.get("GET /app.js", gz).header.Get("ETag")
		s.get("GET /app.js", gz, "If-None-Match: "+tag).want(t, 304, "")
		s.get("GET /app.js", gz, "If-None-Match: "+plainTag).want(t, 200, packed)
		s.get("GET /app.js", gz, "If-Match: "+plainTag).want(t, 412, "")
		s.get("GET /app.js", gz, "If-Match: "+tag).want(t, 200, packed)
	})
	t.Run("index.html", func(t *testing.T) {
		a := s.get("GET /", gz)
		a.wantHeader(t, "Content-Encoding", "gzip")
		a.wantHeader(t, "Content-Type", "text/html; charset=utf-8")
	})
	t.Run("type by the plain bytes", func(t *testing.T) {
		s.get("GET /NOTES", gz).wantHeader(t, "Content-Type", "text/plain; charset=utf-8")
	})
	t.Run("older than the file", func(t *testing.T) {
		a := s.get("GET /stale.js", gz)
		a.want(t, 200, "fresh")
		a.wantHeader(t, "Vary", "")
	})
	t.Run("no plain file", func(t *testing.T) { s.get("GET /only.js", gz).want(t, 404, noSuchFile) })
	t.Run("asked for by its name", func(t *testing.T) {
		a := s.get("GET /only.js.gz", gz)
		a.want(t, 200, packed)
		a.wantHeader(t, "Content-Encoding", "")
	})
	t.Run("no sibling", func(t *testing.T) { s.get("GET /alone.js", gz).wantHeader(t, "Vary", "") })
	t.Run("sibling is a folder", func(t *testing.T) { s.get("GET /dir.js", gz).want(t, 200, "dir") })
}

package middleware

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"httpmaster/router"
)

// gzipMinSize is the length of an answer that is worth compressing: a shorter
// one fits into a packet either way.
const gzipMinSize = 1024

// Gzip compresses answers for clients that take it: text and what is like it,
// of 1,024 bytes or more, or of a length that is not known beforehand. It is
// decided by the header alone, so nothing is ever held back: a Flush sends all
// that was written before it.
//
// Left as they are: what has an encoding already, parts of something (206) and
// answers without a body, what is marked no-transform, event streams, and
// upgrades. The ETag of a compressed answer is weak (RFC 9110, 8.8.3.3: the
// bytes are others, what they say is the same), so a client's If-None-Match
// works with the upstream's own ETag, and a range is never taken from the wrong
// form.
type Gzip struct {
	Level int // 1 (fast) to 9 (small); 0 is the library's default
	Next  router.Handler

	writers sync.Pool // *gzip.Writer of that level
}

// Serve has the request answered, and compresses what is worth it.
func (g *Gzip) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	c := &compressor{
		Recorder: NewRecorder(w),
		gzip:     g,
		accepted: acceptsGzip(r.Header),
		head:     r.Method == http.MethodHead,
	}
	c.BeforeHeader = c.decide
	g.Next.Serve(c, r, m)
	c.close()
}

// writer gives a compressor that writes to w.
func (g *Gzip) writer(w io.Writer) *gzip.Writer {
	if zip, ok := g.writers.Get().(*gzip.Writer); ok {
		zip.Reset(w)
		return zip
	}
	level := g.Level
	if level == 0 {
		level = gzip.DefaultCompression
	}
	zip, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		panic("gzip: " + err.Error()) // the level is checked when the config is read
	}
	return zip
}

// decide looks at the header that is about to be sent, and changes it for a
// compressed body.
func (c *compressor) decide(h http.Header, status int) {
	if !worthCompressing(h, status) {
		return
	}
	addVary(h, "Accept-Encoding")
	if !c.accepted {
		return
	}
	c.chosen = true
	c.unsized = h.Get("Content-Length") == ""
	h.Set("Content-Encoding", "gzip")
	h.Del("Content-Length")
	h.Del("Accept-Ranges")
	h.Del("Content-Digest") // of other bytes (RFC 9530)
	h.Del("Content-Md5")
	if tag := h.Get("Etag"); strings.HasPrefix(tag, `"`) {
		h.Set("Etag", "W/"+tag)
	}
}

func worthCompressing(h http.Header, status int) bool {
	switch status {
	case http.StatusSwitchingProtocols, http.StatusNoContent, http.StatusResetContent, http.StatusPartialContent, http.StatusNotModified:
		return false
	}
	if h.Get("Content-Encoding") != "" || h.Get("Content-Range") != "" {
		return false
	}
	if strings.Contains(strings.ToLower(h.Get("Cache-Control")), "no-transform") {
		return false
	}
	if length := h.Get("Content-Length"); length != "" {
		if n, err := strconv.ParseInt(length, 10, 64); err != nil || n < gzipMinSize {
			return false
		}
	}
	return compressible(h.Get("Content-Type"))
}

// compressible says whether a type is text or like it. Event streams are text,
// but of messages too short to gain by it, for which a compressor would be held
// for hours.
func compressible(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "text/event-stream":
		return false
	case "application/javascript", "application/x-javascript", "application/json", "application/ld+json",
		"application/xml", "application/wasm", "application/manifest+json", "application/x-ndjson",
		"application/vnd.ms-fontobject", "application/graphql-response+json",
		"font/ttf", "font/otf", "image/bmp", "image/svg+xml", "image/x-icon", "image/vnd.microsoft.icon":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}

// addVary adds a field's name to Vary, unless it is there.
func addVary(h http.Header, name string) {
	for _, field := range h["Vary"] {
		for item := range strings.SplitSeq(field, ",") {
			if item = strings.TrimSpace(item); item == "*" || strings.EqualFold(item, name) {
				return
			}
		}
	}
	h.Add("Vary", name)
}

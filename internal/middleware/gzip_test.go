package middleware

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"

	"httpmaster/router"
)

const acceptsIt = "Accept-Encoding: gzip"

func unzip(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v in %.60q", err, body)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// page answers with a body and header lines.
func page(status int, body string, header ...string) router.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

var (
	long       = strings.Repeat("All work and no play makes Jack a dull boy. ", 100)
	longLength = "Content-Length: " + strconv.Itoa(len(long))
)

func TestGzipWhat(t *testing.T) {
	const html = "Content-Type: text/html; charset=utf-8"
	for _, c := range []struct {
		name   string
		status int
		body   string
		header []string
		want   bool
	}{
		{"page", 200, long, []string{html, longLength}, true},
		{"length not known", 200, long, []string{html}, true},
		{"error page", 404, long, []string{html, longLength}, true},
		{"exactly long enough", 200, long[:1024], []string{html, "Content-Length: 1024"}, true},
		{"too short", 200, long[:1023], []string{html, "Content-Length: 1023"}, false},
		{"JSON", 200, long, []string{"Content-Type: application/json"}, true},
		{"some +json", 200, long, []string{"Content-Type: application/problem+json"}, true},
		{"SVG", 200, long, []string{"Content-Type: image/svg+xml"}, true},
		{"JavaScript", 200, long, []string{"Content-Type: text/javascript"}, true},
		{"type in capitals", 200, long, []string{"Content-Type: TEXT/HTML"}, true},
		{"picture", 200, long, []string{"Content-Type: image/png", longLength}, false},
		{"no type", 200, long, []string{"Content-Type: "}, false},
		{"type that cannot be read", 200, long, []string{"Content-Type: ;"}, false},
		{"event stream", 200, long, []string{"Content-Type: text/event-stream"}, false},
		{"gRPC", 200, long, []string{"Content-Type: application/grpc+proto"}, false},
		{"compressed already", 200, long, []string{html, "Content-Encoding: br"}, false},
		{"not to be changed", 200, long, []string{html, "Cache-Control: public, No-Transform"}, false},
		{"part", 206, long, []string{html, longLength, "Content-Range: bytes 0-4399/9999"}, false},
		{"part of another status", 200, long, []string{html, "Content-Range: bytes 0-4399/9999"}, false},
		{"no content", 204, "", []string{html}, false},
		{"not modified", 304, "", []string{html}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serve(t, &Gzip{Next: page(c.status, c.body, c.header...)})
			a := request(t, addr, "GET /", acceptsIt)
			if !c.want {
				a.want(t, c.status, c.body)
				a.wantHeader(t, "Vary")
				if got := a.header.Get("Content-Encoding"); got == "gzip" {
					t.Error("compressed")
				}
				return
			}
			a.wantHeader(t, "Content-Encoding", "gzip")
			a.wantHeader(t, "Vary", "Accept-Encoding")
			if got := unzip(t, a.body); a.status != c.status || got != c.body || len(a.body) >= len(c.body) {
				t.Errorf("%d, %d bytes for %d, %.50q", a.status, len(a.body), len(got), got)
			}
			plain := request(t, addr, "GET /")
			plain.want(t, c.status, c.body)
			plain.wantHeader(t, "Content-Encoding")
			plain.wantHeader(t, "Vary", "Accept-Encoding")
		})
	}
}

func TestGzipAcceptEncoding(t *testing.T) {
	addr := serve(t, &Gzip{Next: page(200, long, "Content-Type: text/plain")})
	for accept, want := range map[string]bool{
		"gzip":                   true,
		"GZip":                   true,
		"x-gzip":                 true,
		"br;q=1.0, gzip;q=0.2":   true,
		"gzip;q=0.001":           true,
		"*":                      true,
		"*;q=0.5, identity":      true,
		"deflate, br":            false,
		"":                       false,
		"gzip;q=0":               false,
		"gzip; q=0.000, *":       false,
		"*, gzip;q=0":            false,
		"*;q=0":                  false,
		"gzippy":                 false,
		"identity;q=0.5, *;q=0 ": false,
	} {
		t.Run(accept, func(t *testing.T) {
			if got := request(t, addr, "GET /", "Accept-Encoding: "+accept).header.Get("Content-Encoding") == "gzip"; got != want {
				t.Errorf("compressed %v, want %v", got, want)
			}
		})
	}
}

func TestGzipHeader(t *testing.T) {
	header := []string{
		"Content-Type: text/plain", longLength, `Etag: "abc"`, "Accept-Ranges: bytes",
		"Content-Digest: sha-256=:x:", "Content-Md5: x", "Vary: Origin, accept-encoding", "X-Other: kept",
	}
	addr := serve(t, &Gzip{Next: page(200, long, header...)})
	get := request(t, addr, "GET /", acceptsIt)
	head := request(t, addr, "HEAD /", acceptsIt)
	head.want(t, 200, "")
	for _, a := range []answer{get, head} {
		a.wantHeader(t, "Content-Encoding", "gzip")
		a.wantHeader(t, "Etag", `W/"abc"`)
		a.wantHeader(t, "Accept-Ranges")
		a.wantHeader(t, "Content-Digest")
		a.wantHeader(t, "Content-Md5")
		a.wantHeader(t, "Vary", "Origin, accept-encoding")
		a.wantHeader(t, "X-Other", "kept")
	}
	head.wantHeader(t, "Content-Length")
	plain := request(t, addr, "HEAD /")
	plain.wantHeader(t, "Content-Length", strconv.Itoa(len(long)))
	plain.wantHeader(t, "Etag", `"abc"`)
	plain.wantHeader(t, "Accept-Ranges", "bytes")

	weak := serve(t, &Gzip{Next: page(200, long, "Content-Type: text/plain", `Etag: W/"abc"`)})
	request(t, weak, "GET /", acceptsIt).wantHeader(t, "Etag", `W/"abc"`)
}

// TestGzipBeforeFiles has what static does behind it: ranges and conditions
// meant for the one form never get the other.
func TestGzipBeforeFiles(t *testing.T) {
	addr := serve(t, &Gzip{Next: handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		w.Header().Set("Etag", `"abc"`)
		http.ServeContent(w, r, "x.txt", time.Unix(1e9, 0), strings.NewReader(long))
	})})
	first := request(t, addr, "GET /", acceptsIt)
	if unzip(t, first.body) != long {
		t.Error("the body is damaged")
	}
	tag := first.header.Get("Etag")
	request(t, addr, "GET /", acceptsIt, "If-None-Match: "+tag).want(t, 304, "")
	part := request(t, addr, "GET /", acceptsIt, "Range: bytes=4-8")
	part.want(t, 206, long[4:9])
	part.wantHeader(t, "Content-Encoding")
	part.wantHeader(t, "Etag", `"abc"`)
	whole := request(t, addr, "GET /", acceptsIt, "Range: bytes=4-8", "If-Range: "+tag)
	if whole.status != 200 || unzip(t, whole.body) != long {
		t.Errorf("a range on the weak ETag gets %d", whole.status)
	}
}

// TestGzipDoesNotDelay reads each part of a stream before the next one is made.
func TestGzipDoesNotDelay(t *testing.T) {
	parts := []string{"one", "two", "three"}
	for name, write := range map[string]func(w http.ResponseWriter, part string){
		"Write and Flush": func(w http.ResponseWriter, part string) {
			io.WriteString(w, part)
			w.(http.Flusher).Flush()
		},
		"ReadFrom": func(w http.ResponseWriter, part string) {
			w.(io.ReaderFrom).ReadFrom(strings.NewReader(part))
		},
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			addr := serve(t, &Gzip{Next: handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
				w.Header().Set("Content-Type", "text/plain")
				w.(http.Flusher).Flush() // the header alone
				for _, part := range parts {
					<-next
					write(w, part)
				}
				<-next
			})})
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send(t, conn, "GET /", acceptsIt)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
			body, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			for i, part := range parts {
				got := make([]byte, len(part))
				if _, err := io.ReadFull(body, got); err != nil || string(got) != part {
					t.Fatalf("got %q, %v, want %q", got, err, part)
				}
				if i < len(parts)-1 {
					next <- struct{}{}
				}
			}
			next <- struct{}{}
			if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
				t.Errorf("then %q, %v", rest, err)
			}
		})
	}
}

func TestGzipEmptyBody(t *testing.T) {
	addr := serve(t, &Gzip{Next: page(200, "", "Content-Type: text/plain")})
	a := request(t, addr, "GET /", acceptsIt)
	a.wantHeader(t, "Content-Encoding", "gzip")
	if got := unzip(t, a.body); got != "" {
		t.Errorf("got %q", got)
	}
	nothing := serve(t, &Gzip{Next: text("")})
	request(t, nothing, "GET /", acceptsIt).want(t, 200, "")
}

func TestGzipBrokenOff(t *testing.T) {
	addr := serve(t, &Gzip{Next: handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "part")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})})
	a := request(t, addr, "GET /", acceptsIt)
	if a.err == nil {
		t.Error("the client does not see that the body was broken off")
	}
	r, err := gzip.NewReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "part" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestGzipReadFromError(t *testing.T) {
	failed := make(chan error, 1)
	addr := serve(t, &Gzip{Next: handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		w.Header().Set("Content-Type", "text/plain")
		_, err := w.(io.ReaderFrom).ReadFrom(io.MultiReader(strings.NewReader("part"), iotest.ErrReader(iotest.ErrTimeout)))
		failed <- err
	})})
	if a := request(t, addr, "GET /", acceptsIt); unzip(t, a.body) != "part" {
		t.Errorf("got %q", a.body)
	}
	if err := <-failed; err != iotest.ErrTimeout {
		t.Errorf("got %v", err)
	}
}

func TestGzipTunnel(t *testing.T) {
	addr := serve(t, &Gzip{Next: router.HandlerFunc(upgrade)})
	a := echo(t, addr, long, acceptsIt)
	a.want(t, 101, long)
	a.wantHeader(t, "Vary")
}

func TestGzipLevels(t *testing.T) {
	size := make(map[int]int)
	var numbers strings.Builder
	for i := range 5000 {
		numbers.WriteString(strconv.Itoa(i*i*7919%100003) + " ")
	}
	for level := range 10 {
		g := &Gzip{Level: level, Next: page(200, numbers.String(), "Content-Type: text/plain")}
		addr := serve(t, g)
		for range 2 { // the second time with a compressor used before
			a := request(t, addr, "GET /", acceptsIt)
			if unzip(t, a.body) != numbers.String() {
				t.Errorf("level %d damages the body", level)
			}
			size[level] = len(a.body)
		}
	}
	if size[9] >= size[1] {
		t.Errorf("level 9 makes %d bytes, level 1 %d", size[9], size[1])
	}
}

func BenchmarkGzip(b *testing.B) {
	body := []byte(long)
	g := &Gzip{Next: handle(func(w http.ResponseWriter, _ *http.Request, _ *router.Match) { w.Write(body) })}
	r := &http.Request{Method: "GET", Header: http.Header{"Accept-Encoding": {"gzip"}}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		g.Serve(&discard{header: http.Header{"Content-Type": {"text/plain"}}}, r, nil)
	}
}

type discard struct {
	header http.Header
	bytes.Buffer
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

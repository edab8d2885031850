package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"httpmaster/router"
)

// recorded is a server whose handler gets a Recorder, about which after says
// what it found.
func recorded(t *testing.T, h func(*Recorder, *http.Request), after func(*Recorder)) string {
	t.Helper()
	done := make(chan struct{}, 1)
	addr := serve(t, handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		rec := NewRecorder(w)
		h(rec, r)
		after(rec)
		rec.Release()
		done <- struct{}{}
	}))
	t.Cleanup(func() { <-done })
	return addr
}

func TestRecorder(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      func(*Recorder, *http.Request)
		status int
		bytes  int64
		body   string
	}{
		{"Write", func(r *Recorder, _ *http.Request) { r.Write([]byte("12")); r.Write([]byte("3")) }, 200, 3, "123"},
		{"WriteString", func(r *Recorder, _ *http.Request) { io.WriteString(r, "123") }, 200, 3, "123"},
		{"ReadFrom", func(r *Recorder, _ *http.Request) { io.Copy(r, io.LimitReader(strings.NewReader("12345"), 3)) }, 200, 3, "123"},
		{"status", func(r *Recorder, _ *http.Request) { r.WriteHeader(404); r.Write([]byte("no")) }, 404, 2, "no"},
		{"first status", func(r *Recorder, _ *http.Request) { r.WriteHeader(404); r.begin(500) }, 404, 0, ""},
		{"Flush", func(r *Recorder, _ *http.Request) { r.Flush() }, 200, 0, ""},
		{"nothing", func(r *Recorder, _ *http.Request) { r.finish() }, 200, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var hooks []int
			addr := recorded(t, func(r *Recorder, req *http.Request) {
				r.BeforeHeader = func(h http.Header, status int) {
					hooks = append(hooks, status)
					h.Set("Hook", "was here")
				}
				c.h(r, req)
			}, func(r *Recorder) {
				if r.Status != c.status || r.Bytes != c.bytes || r.Hijacked || r.Began.IsZero() {
					t.Errorf("status %d, %d bytes, hijacked %v, began %v", r.Status, r.Bytes, r.Hijacked, r.Began)
				}
				if len(hooks) != 1 || hooks[0] != c.status {
					t.Errorf("the hook was called with %v", hooks)
				}
			})
			a := request(t, addr, "GET /")
			a.want(t, c.status, c.body)
			a.wantHeader(t, "Hook", "was here")
		})
	}
}

func TestRecorderPassesInterimResponses(t *testing.T) {
	addr := recorded(t, func(r *Recorder, _ *http.Request) {
		r.BeforeHeader = func(h http.Header, _ int) { h.Set("Hook", "final") }
		r.Header().Set("Link", "</style.css>")
		r.WriteHeader(http.StatusEarlyHints)
		r.Write([]byte("body"))
	}, func(r *Recorder) {})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(t, conn, "GET /")
	br := bufio.NewReader(conn)
	tp := textproto.NewReader(br)
	line, err := tp.ReadLine()
	if err != nil || line != "HTTP/1.1 103 Early Hints" {
		t.Fatalf("got %q, %v", line, err)
	}
	hints, err := tp.ReadMIMEHeader()
	if err != nil || hints.Get("Link") != "</style.css>" || hints.Get("Hook") != "" {
		t.Errorf("got %v, %v", hints, err)
	}
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Hook") != "final" {
		t.Errorf("got %v, %v", res, err)
	}
}

func TestRecorderHijack(t *testing.T) {
	for name, writesHeader := range map[string]bool{"after the header": true, "instead of a header": false} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			addr := recorded(t, func(r *Recorder, _ *http.Request) {
				r.BeforeHeader = func(http.Header, int) { calls = append(calls, "before") }
				r.AfterHijack = func() { calls = append(calls, "after") }
				if writesHeader {
					r.WriteHeader(http.StatusSwitchingProtocols)
				}
				conn, _, err := r.Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(conn, "raw")
				conn.Close()
			}, func(r *Recorder) {
				if r.Status != 101 || !r.Hijacked || strings.Join(calls, " ") != "before after" {
					t.Errorf("status %d, hijacked %v, calls %v", r.Status, r.Hijacked, calls)
				}
			})
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send(t, conn, "GET /")
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasSuffix(string(got), "raw") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestRecorderHijackThatFails(t *testing.T) {
	below := httptest.NewRecorder() // cannot be hijacked, like a stream of HTTP/2
	r := NewRecorder(below)
	defer r.Release()
	if _, _, err := r.Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("got %v", err)
	}
	r.WriteHeader(501)
	if r.Status != 501 || r.Hijacked || below.Code != 501 {
		t.Errorf("status %d, hijacked %v, sent %d", r.Status, r.Hijacked, below.Code)
	}
}

// taker is a writer that takes a body as a whole, as net/http's does.
type taker struct {
	http.ResponseWriter
	took io.Reader
}

func (t *taker) Header() http.Header { return http.Header{} }

func (t *taker) ReadFrom(src io.Reader) (int64, error) {
	t.took = src
	return 7, nil
}

func TestRecorderHandsTheSourceDown(t *testing.T) {
	below, src := new(taker), strings.NewReader("x")
	r := NewRecorder(below)
	defer r.Release()
	n, err := r.ReadFrom(src)
	if n != 7 || err != nil || r.Bytes != 7 || below.took != src {
		t.Errorf("got %d, %v, %d bytes; the writer below got the source itself: %v", n, err, r.Bytes, below.took == src)
	}
}

func BenchmarkRecorder(b *testing.B) {
	var w http.ResponseWriter = headerOnce{}
	b.ReportAllocs()
	for b.Loop() {
		r := NewRecorder(w)
		r.WriteHeader(200)
		r.Release()
	}
}

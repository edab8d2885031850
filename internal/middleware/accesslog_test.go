package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"httpmaster/router"
)

// logged is a server with an access log, which is kept in memory.
type logged struct {
	addr    string
	file    *LogFile
	serving sync.WaitGroup
}

func newLogged(t *testing.T, format LogFormat, h router.Handler) *logged {
	t.Helper()
	l := &logged{file: newLogFile("", new(LogFiles))} // nobody writes it
	a := &AccessLog{File: l.file, Format: format, Next: h}
	l.addr = serve(t, handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		l.serving.Add(1)
		defer l.serving.Done()
		a.Serve(w, r, m)
	}))
	return l
}

// lines gives what was logged so far, without what no test can know: the time.
func (l *logged) lines() string {
	l.file.mu.Lock()
	defer l.file.mu.Unlock()
	text := regexp.MustCompile(`\[[^\]]*\]|"time":"[^"]*"`).ReplaceAllString(string(l.file.pending), "[]")
	return regexp.MustCompile(`(seconds=|[mM]s":)[0-9.]+`).ReplaceAllString(text, "${1}N")
}

func (l *logged) want(t *testing.T, want string) {
	t.Helper()
	if got := l.lines(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAccessLog(t *testing.T) {
	const start = `127.0.0.1 - - [] "GET `
	for _, c := range []struct {
		name    string
		handler router.HandlerFunc
		request string
		header  []string
		want    string
	}{
		{"text", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			io.WriteString(w, "hello")
		}, "GET /x?y", []string{"Referer: r", "User-Agent: u"}, start + `/x?y HTTP/1.1" 200 5 "r" "u"`},
		{"the target as it was written", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			r.URL.Path = "/other"
		}, "GET //%61/../b", nil, start + `//%61/../b HTTP/1.1" 200 - "-" "-"`},
		{"error", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			refuse(w, r, 404, "not here")
		}, "GET /", nil, start + `/ HTTP/1.1" 404 9 "-" "-"`},
		{"the first final status counts", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		}, "GET /", nil, start + `/ HTTP/1.1" 204 - "-" "-"`},
		{"who came in, and what came with it", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			m.User = "ann b"
			r.Header.Set("User-Agent", "changed on the way")
			r.Header.Set("Referer", "changed on the way")
		}, "GET /", nil, `127.0.0.1 - ann\x20b [] "GET / HTTP/1.1" 200 - "-" "-"`},
		{"every way to write", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			w.Write([]byte("12"))
			io.WriteString(w, "345")
			w.(io.ReaderFrom).ReadFrom(strings.NewReader("6789"))
			w.(http.Flusher).Flush()
		}, "GET /", nil, start + `/ HTTP/1.1" 200 9 "-" "-"`},
		{"HEAD", func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			w.Header().Set("Content-Length", "5")
		}, "HEAD /", nil, `127.0.0.1 - - [] "HEAD / HTTP/1.1" 200 - "-" "-"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLogged(t, Combined, c.handler)
			if a := request(t, l.addr, c.request, c.header...); a.err != nil {
				t.Error(a.err)
			}
			l.serving.Wait()
			l.want(t, c.want+"\n")
		})
	}
}

func TestAccessLogBrokenOff(t *testing.T) {
	t.Run("after its beginning", func(t *testing.T) {
		l := newLogged(t, Common, handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "part")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		if a := request(t, l.addr, "GET /"); a.err == nil || a.body != "part" {
			t.Errorf("got %q, %v", a.body, a.err)
		}
		l.serving.Wait()
		l.want(t, `127.0.0.1 - - [] "GET / HTTP/1.1" 200 4`+"\n")
	})
	t.Run("by the server before its beginning", func(t *testing.T) {
		l := newLogged(t, Common, handle(func(http.ResponseWriter, *http.Request, *router.Match) { panic(http.ErrAbortHandler) }))
		conn, err := net.Dial("tcp", l.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		send(t, conn, "GET /")
		if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
			t.Errorf("got %q, %v", got, err)
		}
		l.serving.Wait()
		l.want(t, `127.0.0.1 - - [] "GET / HTTP/1.1" 500 -`+"\n")
	})
	t.Run("by the client", func(t *testing.T) {
		came := make(chan struct{})
		l := newLogged(t, Common, handle(func(_ http.ResponseWriter, r *http.Request, _ *router.Match) {
			close(came)
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}))
		conn, err := net.Dial("tcp", l.addr)
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, "GET /")
		<-came
		conn.Close()
		l.serving.Wait()
		l.want(t, `127.0.0.1 - - [] "GET / HTTP/1.1" 499 -`+"\n")
	})
}

func TestAccessLogOfTunnel(t *testing.T) {
	l := newLogged(t, JSON, router.HandlerFunc(upgrade))
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(t, conn, "GET /tunnel?ticket=s3cret", "Connection: Upgrade", "Upgrade: echo")
	br := bufio.NewReader(conn)
	if _, err := http.ReadResponse(br, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := br.ReadByte(); err != nil { // the tunnel stands
		t.Fatal(err)
	}
	const both = `{[],"client":"127.0.0.1","user":"","host":"a.com","method":"GET","uri":"/tunnel?***","proto":"HTTP/1.1","status":101,"bytes":`
	const end = `,"ms":N,"firstByteMs":N,"referer":"","userAgent":"","rule":0,"tunnel":`
	open := both + "0" + end + `"open"}` + "\n"
	l.want(t, open)
	if _, err := io.WriteString(conn, "yz"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(br); err != nil {
		t.Fatal(err)
	}
	l.serving.Wait()
	l.want(t, open+both+"3"+end+`"close","in":3,"out":3}`+"\n")
}

func BenchmarkAccessLog(b *testing.B) {
	file := newLogFile("", new(LogFiles))
	a := &AccessLog{File: file, Next: handle(func(w http.ResponseWriter, _ *http.Request, _ *router.Match) { w.WriteHeader(200) })}
	r := &http.Request{Method: "GET", RequestURI: "/", Proto: "HTTP/1.1", Header: http.Header{"User-Agent": {"curl"}}}
	var w http.ResponseWriter = headerOnce{}
	m := new(router.Match)
	b.ReportAllocs()
	for b.Loop() {
		a.Serve(w, r, m)
		file.pending = file.pending[:0]
	}
}

// headerOnce is a ResponseWriter that does nothing.
type headerOnce struct{ http.ResponseWriter }

func (headerOnce) WriteHeader(int) {}

package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// rawCase is what a client sends, byte for byte, and what comes of it.
type rawCase struct {
	name string
	send string
	want string // the statuses of the answers, in order
	open bool   // the connection can be used for another request afterwards
	seen string // the requests that the backend saw, "METHOD target host body" each; its own address is BACKEND
}

// runRaw sends each case, through a server of its own, to a backend that
// records what it gets.
func runRaw(t *testing.T, cases []rawCase) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			app := recordingBackend(t)
			addr := freePorts(t, 1)[0]
			start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(app.addr)+"}}}")
			got, open := exchangeRaw(t, addr, tt)
			if got != tt.want || open != tt.open {
				t.Errorf("answers %q, open %v; want %q, %v", got, open, tt.want, tt.open)
			}
			if seen := app.saw(); seen != tt.seen && !cutEarlier(seen, tt.seen) {
				t.Errorf("the backend saw %q, want %q", seen, tt.seen)
			}
		})
	}
}

// cutEarlier says whether seen is what a backend may see of want, a request that
// is cut off: less of it, or nothing, when the cut overtakes what was sent.
func cutEarlier(seen, want string) bool {
	const cut = " (cut off)"
	whole, isCut := strings.CutSuffix(want, cut)
	part, ok := strings.CutSuffix(seen, cut)
	return isCut && (seen == "" || ok && strings.HasPrefix(whole, part))
}

// exchangeRaw gives the statuses of the answers, and whether a further request
// on the connection is answered.
func exchangeRaw(t *testing.T, addr string, tt rawCase) (statuses string, open bool) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, tt.send) // it may be refused half way
	in := bufio.NewReader(conn)
	var got []string
	for range strings.Fields(tt.want) {
		got = append(got, readRaw(t, in))
	}
	if tt.open {
		io.WriteString(conn, "OPTIONS /probe HTTP/1.1\r\nHost: probe\r\n\r\n")
	}
	if next := readRaw(t, in); tt.open && next == "200" {
		return strings.Join(got, " "), true
	} else if next != "EOF" {
		got = append(got, "then "+next)
	}
	return strings.Join(got, " "), false
}

// readRaw gives the status of the next answer, or what there is instead.
func readRaw(t *testing.T, in *bufio.Reader) string {
	// An answer to HEAD would be read wrongly; no case has one.
	resp, err := http.ReadResponse(in, nil)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF) && in.Buffered() == 0:
		return "EOF" // or with bytes that the server did not want to read
	case err != nil:
		return err.Error()
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Sprintf("%d cut off (%v)", resp.StatusCode, err)
	}
	if resp.StatusCode >= 400 && !resp.Close {
		t.Errorf("%s does not say that the connection is closed", resp.Status)
	}
	return fmt.Sprint(resp.StatusCode)
}

// recorder is a backend that answers 200 to everything.
type recorder struct {
	addr  string
	ln    net.Listener
	conns sync.WaitGroup

	mu   sync.Mutex
	seen []string
}

func recordingBackend(t *testing.T) *recorder {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{addr: ln.Addr().String(), ln: ln}
	r.conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			r.conns.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() { ln.Close() })
	return r
}

// serve answers the one request of a connection.
func (r *recorder) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, err := io.ReadAll(req.Body)
	text := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", req.Method, req.RequestURI, req.Host, body))
	if err != nil {
		text += " (cut off)"
	}
	if req.RequestURI != "/probe" {
		r.mu.Lock()
		r.seen = append(r.seen, text)
		r.mu.Unlock()
	}
	if err == nil {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	}
}

// saw ends the recording and tells what was seen.
func (r *recorder) saw() string {
	r.ln.Close()
	r.conns.Wait()
	return strings.ReplaceAll(strings.Join(r.seen, "; "), r.addr, "BACKEND")
}

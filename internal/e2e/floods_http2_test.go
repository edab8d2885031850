//go:build unix

package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// flooder is a connection of HTTP/2 that floods.
type flooder struct {
	*http2.Framer
	stream uint32 // of the last request
	head   []byte // of a GET
}

// advance goes on to the next stream.
func (f *flooder) advance() { f.stream = (f.stream + 1) | 1 }

// request begins the next request.
func (f *flooder) request(end bool) error {
	f.advance()
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.stream, BlockFragment: f.head, EndStream: end, EndHeaders: true})
}

// The floods: what one round of each sends, and whether the server must put an
// end to it. What need not be ended costs the server no more than the client.
var floods = []struct {
	name   string
	deaf   bool // the client reads nothing
	ended  bool
	before func(*flooder) error
	round  func(*flooder) error
}{
	{name: "rapid reset", round: func(f *flooder) error {
		return errors.Join(f.request(true), f.WriteRSTStream(f.stream, http2.ErrCodeCancel))
	}},
	{name: "made to reset", round: func(f *flooder) error { // CVE-2025-8671
		return errors.Join(f.request(false), f.WriteWindowUpdate(f.stream, 1<<31-1))
	}},
	{name: "CONTINUATION", ended: true,
		before: func(f *flooder) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head})
		},
		round: func(f *flooder) error { return f.WriteContinuation(1, false, manyFields) },
	},
	{name: "empty CONTINUATION",
		before: func(f *flooder) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head})
		},
		round: func(f *flooder) error { return f.WriteContinuation(1, false, nil) },
	},
	{name: "PING", round: func(f *flooder) error { return f.WritePing(false, [8]byte{1}) }},
	// Sockets keep some 100,000 answers before the server has to.
	{name: "PING, answers not read", deaf: true, round: func(f *flooder) error { return f.WritePing(false, [8]byte{1}) }},
	{name: "SETTINGS", round: func(f *flooder) error { return f.WriteSettings() }},
	{name: "SETTINGS, answers not read", deaf: true, round: func(f *flooder) error { return f.WriteSettings() }}, // one answer is for all
	{name: "WINDOW_UPDATE",
		before: func(f *flooder) error { return f.request(false) },
		round:  func(f *flooder) error { return f.WriteWindowUpdate(1, 1) },
	},
	{name: "PRIORITY", round: func(f *flooder) error {
		f.advance()
		return f.WritePriority(f.stream, http2.PriorityParam{StreamDep: 0, Weight: 1})
	}},
	{name: "empty DATA",
		before: func(f *flooder) error { return f.request(false) },
		round:  func(f *flooder) error { return f.WriteData(1, false, nil) },
	},
	{name: "frame that is announced and not sent", ended: true, deaf: true, round: func(f *flooder) error {
		return f.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20))
	}},
}

// manyFields is a piece of a head that stands for 256 times its size when it is
// unpacked: one long field, and then references to it.
var manyFields = func() []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for range 2048 {
		e.WriteField(hpack.HeaderField{Name: "x-field", Value: string(bytes.Repeat([]byte("v"), 2048))})
	}
	return b.Bytes()
}()

const (
	floodConns  = 4
	floodLength = time.Second // of a flood that need not be ended
	floodBound  = 300         // MiB
)

// TestHTTP2Floods: no flood takes the memory, none keeps others from being
// served, and those that would pile something up end with their connection.
func TestHTTP2Floods(t *testing.T) {
	t.Parallel()
	app := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	for _, test := range floods {
		t.Run(test.name, func(t *testing.T) {
			plain, secure, dir := freePort(t), freePort(t), t.TempDir()
			testCA().writeLeaf(t, dir, "a", "a.example")
			p := startLean(t, fmt.Sprintf("ports: {\"127.0.0.1:%d\": %d, \"127.0.0.1:%d\": {router: {\"*\": %d}, ssl: {certDir: %q}}}\n",
				plain, app, secure, app, dir), 0)
			v := visit(t, fmt.Sprintf("http://127.0.0.1:%d/", plain))
			var all sync.WaitGroup
			var rounds, ended atomic.Int64
			for range floodConns {
				conn := dialHTTP2(t, secure, test.deaf)
				all.Go(func() {
					length := floodLength
					if test.ended {
						length = patience
					}
					n, err := flood(conn, length, test.deaf, test.before, test.round)
					rounds.Add(n)
					if err != nil {
						ended.Add(1)
					}
				})
			}
			all.Wait()
			v.leave(t)
			_, peak := p.memory(t)
			t.Logf("%d rounds, %d of %d connections ended by the server, %d MiB at most", rounds.Load(), ended.Load(), floodConns, peak)
			if test.ended && ended.Load() != floodConns {
				t.Errorf("the server has ended %d of %d connections", ended.Load(), floodConns)
			}
			if peak > floodBound {
				t.Errorf("it took %d MiB, more than %d", peak, floodBound)
			}
		})
	}
}

// dialHTTP2 opens a connection of HTTP/2 and sends the preface. For a deaf
// client its socket keeps little of what is not read.
func dialHTTP2(t *testing.T, port int, deaf bool) net.Conn {
	t.Helper()
	socket := dial(t, fmt.Sprintf("127.0.0.1:%d", port))
	if deaf {
		socket.SetReadBuffer(4 << 10)
	}
	conn := tls.Client(socket, &tls.Config{
		ServerName: "a.example", InsecureSkipVerify: true, NextProtos: []string{"h2"},
	})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	return conn
}

// flood sends rounds until its time is over, or the server has ended the
// connection, which is an error.
func flood(conn net.Conn, length time.Duration, deaf bool, before, round func(*flooder) error) (rounds int64, err error) {
	var reading sync.WaitGroup
	defer reading.Wait()
	defer conn.Close()
	f := &flooder{Framer: http2.NewFramer(conn, conn), head: requestHead()}

	f.AllowIllegalWrites = true
	if !deaf {
		reading.Go(func() { io.Copy(io.Discard, conn) })
	}
	if err := f.WriteSettings(); err != nil {
		return 0, err
	}
	if before != nil {
		if err := before(f); err != nil {
			return 0, err
		}
	}
	end := time.Now().Add(length)
	conn.SetWriteDeadline(end)
	for ; time.Now().Before(end); rounds++ {
		err := round(f)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break // the server does not read on, which ends a flood as well
		}
		if err != nil {
			return rounds, err
		}
	}
	return rounds, nil
}

// requestHead is the head of a GET without references to what went before.
func requestHead() []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "a.example"}, {Name: ":path", Value: "/"},
	} {
		e.WriteField(f)
	}
	return b.Bytes()
}

package server

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawStream is a request as a client of HTTP/2 may send it and what comes of
// it.
type rawStream struct {
	name   string
	fields []string // "name: value" each
	body   string   // the request ends with its header where there is none; see empty
	want   string   // the status of the answer, or the error its stream or connection ends with
	seen   string   // by the backend, as for rawCase; see cutOff
}

const (
	empty  = "(empty)" // a body without a byte, in a frame of its own
	cutOff = "..."     // not the whole request, whatever part of it
)

// stream is the header of a GET with these changes: "name: value" takes the
// place of the field of that name or comes behind all, "-name" takes it out.
func stream(changes ...string) []string {
	list := []string{":method: GET", ":scheme: https", ":authority: a.com", ":path: /g"}
	for _, change := range changes {
		name, out := strings.CutPrefix(change, "-")
		i := slices.IndexFunc(list, func(f string) bool { return fieldOf(f).Name == fieldOf(name).Name })
		switch {
		case out:
			list = slices.Delete(list, i, i+1)
		case i >= 0 && change[0] == ':':
			list[i] = change
		default:
			list = append(list, change)
		}
	}
	return list
}

// fieldOf reads "name: value", or a name alone.
func fieldOf(text string) hpack.HeaderField {
	colon := ""
	if strings.HasPrefix(text, ":") {
		colon, text = ":", text[1:]
	}
	name, value, _ := strings.Cut(text, ": ")
	return hpack.HeaderField{Name: colon + name, Value: value}
}

// runRawHTTP2 sends each case on a connection of its own, through one server, to
// a backend that records what it gets.
func runRawHTTP2(t *testing.T, cases []rawStream) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			app := recordingBackend(t)
			addr := freePorts(t, 1)[0]
			start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(app.addr)+"}, ssl: {selfSigned: true}}}")
			c := dialHTTP2(t, addr)
			c.ask(1, tt.fields, tt.body)
			if got := c.answer(1); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if seen := app.saw(); seen != tt.seen && !(tt.seen == cutOff && (seen == "" || strings.HasSuffix(seen, "(cut off)"))) {
				t.Errorf("the backend saw %q, want %q", seen, tt.seen)
			}
		})
	}
}

// http2Conn is a client that sends what it is told to.
type http2Conn struct {
	t  *testing.T
	fr *http2.Framer
}

func dialHTTP2(t *testing.T, addr string, settings ...http2.Setting) *http2Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c := &http2Conn{t, http2.NewFramer(conn, conn)}
	c.fr.AllowIllegalWrites = true
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	c.check(c.fr.WriteSettings(settings...))
	return c
}

func (c *http2Conn) check(err error) {
	if err != nil {
		c.t.Fatal(err)
	}
}

// ask sends a request in as few frames as it fits into.
func (c *http2Conn) ask(id uint32, fields []string, body string) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range fields {
		c.check(enc.WriteField(fieldOf(f)))
	}
	first := block.Next(http2Frame)
	c.check(c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndHeaders: block.Len() == 0, EndStream: body == ""}))
	for block.Len() > 0 {
		next := block.Next(http2Frame)
		c.check(c.fr.WriteContinuation(id, block.Len() == 0, next))
	}
	if body != "" {
		c.check(c.fr.WriteData(id, true, []byte(strings.TrimPrefix(body, empty))))
	}
}

// answer waits for the end of a stream and tells the status it had, or the
// error that it or the connection has ended with.
func (c *http2Conn) answer(id uint32) string {
	status := "no status"
	for {
		frame, err := c.fr.ReadFrame()
		if err != nil {
			return status + ", " + err.Error()
		}
		if f, ok := frame.(*http2.GoAwayFrame); ok && f.ErrCode != http2.ErrCodeNo {
			return fmt.Sprint("GOAWAY ", f.ErrCode)
		}
		if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
			c.check(c.fr.WritePing(true, ping.Data))
		}
		if frame.Header().StreamID != id {
			continue
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			status = f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			if status != "no status" && f.ErrCode == http2.ErrCodeNo { // the rest of the body is not wanted
				return status
			}
			return strings.TrimPrefix(status+" RESET ", "no status ") + f.ErrCode.String()
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) {
			return status
		}
	}
}

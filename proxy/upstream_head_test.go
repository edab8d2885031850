package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// What parseHead takes, net/http's parser takes as well, and reads the same in
// it: status, fields and the length of the body.
func FuzzResponseHead(f *testing.F) {
	for _, group := range [][]fault{framingFaults, chunkFaults, headFaults, bodyFaults} {
		for _, tt := range group {
			head, _, _ := strings.Cut(crlf(strings.ReplaceAll(tt.answer, "\r\n", "\n")), "\r\n\r\n")
			if len(head) < 1000 {
				f.Add(head + "\r\n\r\n")
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := readLines(bufio.NewReader(strings.NewReader(text)), nil, maxResponseHead)
		if err != nil {
			return
		}
		h, err := parseHead(string(raw))
		if err != nil {
			return
		}
		length, err := h.bodyLength("GET")
		if err != nil {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("%q: net/http says %v", raw, err)
		}
		if resp.StatusCode != h.status || resp.ContentLength != max(length, -1) {
			t.Fatalf("%q: status %d, length %d; net/http says %d, %d", raw, h.status, length, resp.StatusCode, resp.ContentLength)
		}
		// These it takes out, or makes up.
		for _, name := range []string{"Connection", "Transfer-Encoding", "Trailer", "Content-Length", "Cache-Control"} {
			h.header.Del(name)
			resp.Header.Del(name)
		}
		if !reflect.DeepEqual(h.header, resp.Header) {
			t.Fatalf("%q: fields %q; net/http says %q", raw, h.header, resp.Header)
		}
	})
}

// What chunks takes, net/http's decoder takes as well, and gives the same; and
// it does not matter in which pieces the input comes.
func FuzzChunks(f *testing.F) {
	for _, tt := range chunkFaults {
		_, body, _ := strings.Cut(tt.answer, "\r\n\r\n")
		f.Add(body)
	}
	f.Add("a\r\n0123456789\r\n05;x=\"y\"\r\nhello\r\n000 \t\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		decode := func(in io.Reader) (string, error) {
			br := bufio.NewReaderSize(in, readBufferSize)
			all, err := io.ReadAll(readerFunc((&chunkedText{br: br}).Read))
			return string(all), err
		}
		got, err := decode(strings.NewReader(text))
		slowly, slowErr := decode(iotest.OneByteReader(strings.NewReader(text)))
		if got != slowly || (err == nil) != (slowErr == nil) {
			t.Fatalf("%q: %q, %v; byte by byte %q, %v", text, got, err, slowly, slowErr)
		}
		if err != nil {
			return
		}
		want, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(text)))
		if err != nil || got != string(want) {
			t.Fatalf("%q: %q; net/http says %q, %v", text, got, want, err)
		}
	})
}

type chunkedText struct {
	br     *bufio.Reader
	chunks chunks
}

func (c *chunkedText) Read(p []byte) (int, error) { return c.chunks.read(c.br, p) }

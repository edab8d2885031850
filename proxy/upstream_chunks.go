package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// chunks decodes a body in chunks (RFC 9112, 7.1). Unlike net/http's decoder
// it never waits while it has something to give, so that half a chunk of a
// stream is on its way as soon as it is there.
type chunks struct {
	left  int64 // of the chunk
	inner bool  // a chunk has begun; CR LF is due behind it
	last  bool  // the chunk of size 0 has come
}

// maxChunkLine bounds what may stand before a chunk: its size and extensions,
// which are not passed on.
const maxChunkLine = 256

var errChunk = errors.New("the response has a malformed chunk")

// read gives what there is in br, waiting only when that is nothing. At the
// end it is io.EOF, and the trailer is what comes next.
func (c *chunks) read(br *bufio.Reader, p []byte) (n int, err error) {
	for len(p) > 0 && !c.last {
		if c.left == 0 {
			if n > 0 && !c.lineAtHand(br) {
				return n, nil
			}
			if err := c.next(br); err != nil {
				return n, err
			}
			continue
		}
		if n > 0 && br.Buffered() == 0 {
			return n, nil
		}
		m, err := br.Read(p[:min(int64(len(p)), c.left)])
		n, p, c.left = n+m, p[m:], c.left-int64(m)
		if err != nil {
			return n, unexpected(err)
		}
	}
	if c.last {
		return n, io.EOF
	}
	return n, nil
}

// lineAtHand tells whether next does not have to wait.
func (c *chunks) lineAtHand(br *bufio.Reader) bool {
	ahead, _ := br.Peek(br.Buffered())
	if c.inner && len(ahead) >= 2 {
		ahead = ahead[2:]
	}
	return bytes.IndexByte(ahead, '\n') >= 0
}

// next reads what is before a chunk: the end of the one before, and the line
// with the size.
func (c *chunks) next(br *bufio.Reader) error {
	if c.inner {
		end, err := br.Peek(2)
		if err != nil {
			return unexpected(err)
		}
		if string(end) != "\r\n" {
			return errChunk
		}
		br.Discard(2)
		c.inner = false
	}
	line, err := br.ReadSlice('\n')
	if len(line) > maxChunkLine {
		return errChunk
	}
	if err != nil {
		return unexpected(err)
	}
	size, ok := parseChunkLine(line)
	if !ok {
		return errChunk
	}
	c.left, c.inner, c.last = size, true, size == 0
	return nil
}

// parseChunkLine reads a line with its end.
func parseChunkLine(line []byte) (size int64, ok bool) {
	line, ok = bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return 0, false
	}
	digits, _, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte(";"))
	const most = 15 // which fit
	if len(digits) == 0 || len(digits) > most {
		return 0, false
	}
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		size = size<<4 | int64(c)
	}
	return size, true
}

// unexpected is err for input that may not end here.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

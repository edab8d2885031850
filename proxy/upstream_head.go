package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxResponseHead bounds the head of a response, and so does maxTrailer what
// comes behind its last chunk.
const (
	maxResponseHead = 256 << 10
	maxTrailer      = 16 << 10
)

// readLines reads a head, or a trailer, up to its empty line, into buf. A first line that
// cannot be one of HTTP ends the reading at once, as there may be no empty
// line to come. At the end of the input before the first byte it is io.EOF.
func readLines(br *bufio.Reader, buf []byte, limit int) ([]byte, error) {
	buf = buf[:0]
	begin := 0 // of the line
	for {
		part, err := br.ReadSlice('\n')
		buf = append(buf, part...)
		switch {
		case err == bufio.ErrBufferFull && len(buf) <= limit:
			continue
		case len(buf) > limit:
			return buf, fmt.Errorf("the response has a head of more than %d bytes", limit)
		case err == io.EOF && len(buf) > 0:
			return buf, io.ErrUnexpectedEOF
		case err != nil:
			return buf, err
		}
		if line := buf[begin:]; len(line) <= 2 && (line[0] == '\n' || line[0] == '\r') {
			return buf, nil
		}
		if begin == 0 && limit == maxResponseHead && !bytes.HasPrefix(buf, []byte("HTTP/1.")) {
			return buf, malformed(strings.TrimRight(string(buf), "\r\n"))
		}
		begin = len(buf)
	}
}

// responseHead is what the head of a response says.
type responseHead struct {
	status int
	old    bool // HTTP/1.0
	text   string
	header http.Header
}

// parseHead reads a head, its empty line included. It refuses what net/http's
// own parser mends: a line that does not end in CR LF, a CR within a line, a
// field that is continued on the next line, space before a colon. Two
// programs that mend it differently do not see the same message (RFC 9112,
// 2.2, 5.1, 5.2).
func parseHead(text string) (h responseHead, err error) {
	line, fields, ok := strings.Cut(text, "\r\n")
	if !ok {
		return h, errLineEnd
	}
	if h, err = parseStatus(line); err != nil {
		return h, err
	}
	h.header, err = parseFields(fields)
	return h, err
}

// parseStatus reads a status line (RFC 9112, 4).
func parseStatus(line string) (h responseHead, err error) {
	const prefix = len("HTTP/1.1 200")
	version := strings.HasPrefix(line, "HTTP/1.1 ") || strings.HasPrefix(line, "HTTP/1.0 ")
	if !version || len(line) < prefix || len(line) > prefix && line[prefix] != ' ' || strings.ContainsAny(line, "\r\n\x00") {
		return h, malformed(line)
	}
	for _, c := range []byte(line[prefix-3 : prefix]) {
		if c < '0' || c > '9' {
			return h, malformed(line)
		}
		h.status = 10*h.status + int(c-'0')
	}
	if h.status < 100 {
		return h, errStatus
	}
	h.old = line[prefix-5] == '0'
	h.text = line[prefix-3:]
	return h, nil
}

func malformed(line string) error {
	return fmt.Errorf("malformed HTTP response %q", line[:min(len(line), 100)])
}

var (
	errLineEnd = errors.New("the response's head has a line that does not end in CR LF")
	errName    = errors.New("the response's head has a line that begins with no field name and colon")
	errBreak   = errors.New("the response's head has a control character within a line")
)

// parseFields reads fields up to the empty line.
func parseFields(text string) (http.Header, error) {
	n := strings.Count(text, "\n")
	header := make(http.Header, n)
	values := make([]string, n) // one array for what are mostly single values
	for i := 0; ; i++ {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok || line == "" || line[len(line)-1] != '\r' {
			return nil, errLineEnd
		}
		if line = line[:len(line)-1]; line == "" {
			return header, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !httpguts.ValidHeaderFieldName(name) {
			return nil, errName
		}
		value = strings.Trim(value, " \t")
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, errBreak
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		values[i] = value
		if old := header[name]; old != nil {
			header[name] = append(old, value)
		} else {
			header[name] = values[i : i+1 : i+1]
		}
		text = rest
	}
}

// How a response's body ends, other than by its length.
const (
	chunked    = -1
	untilClose = -2
)

// bodyLength tells how long the body of a response is, or how it ends (RFC
// 9112, 6.3). A response that says two things about it is refused: the next
// program may believe the other one.
func (h *responseHead) bodyLength(method string) (int64, error) {
	length, err := contentLength(h.header)
	if err != nil {
		return 0, err
	}
	coding, coded := h.header["Transfer-Encoding"]
	switch {
	case !coded:
	case h.old:
		return 0, errors.New("the response has a Transfer-Encoding in HTTP/1.0")
	case length >= 0:
		return 0, errors.New("the response has both Content-Length and Transfer-Encoding")
	case len(coding) != 1 || !strings.EqualFold(coding[0], "chunked"):
		return 0, fmt.Errorf("the response has the transfer coding %q, not chunked", strings.Join(coding, ", "))
	}
	switch {
	case method == http.MethodHead || !bodyAllowed(h.status):
		return 0, nil
	case coded:
		return chunked, nil
	case length < 0:
		return untilClose, nil
	}
	return length, nil
}

// contentLength reads Content-Length, -1 when there is none. Lines that say the
// same are made one.
func contentLength(h http.Header) (int64, error) {
	lines := h["Content-Length"]
	if len(lines) == 0 {
		return -1, nil
	}
	for _, line := range lines[1:] {
		if line != lines[0] {
			return 0, fmt.Errorf("the response has several lengths, %q", lines)
		}
	}
	h["Content-Length"] = lines[:1]
	n, err := strconv.ParseUint(lines[0], 10, 63)
	if err != nil {
		return 0, fmt.Errorf("the response has a malformed length, %q", lines[0])
	}
	return int64(n), nil
}

// keeps tells whether the connection can be used for another request after
// this response (RFC 9112, 9.3).
func (h *responseHead) keeps() bool {
	return !h.old && !hasToken(h.header["Connection"], "close")
}

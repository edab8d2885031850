package guard

import "errors"

// What is wrong with a body; a reader of it gets these from its Read.
var (
	errChunkSize      = errors.New("a chunk's size is no hexadecimal number")
	errChunkExtension = errors.New("a chunk's extension is malformed or too long")
	errChunkEnd       = errors.New("a chunk does not end where its size says")
	errTrailer        = errors.New("the trailer of a body is malformed or too long")
)

const (
	// maxChunkDigits keeps sizes far below the greatest int64.
	maxChunkDigits = 15
	maxExtension   = 1 << 10
	// maxTrailer is for all lines of a trailer. net/http takes no more than
	// fits into its buffer.
	maxTrailer = 4 << 10
)

// chunks follows the chunked coding of a body (RFC 9112, 7.1). White space
// behind a size, which the RFC calls bad, is not taken: too many read it in too
// many ways.
type chunks struct {
	step    chunkStep
	size    int64 // of the chunk; what is left of it while its data comes
	digits  int
	counted int // bytes of the extension, or of the trailer
}

type chunkStep uint8

const (
	inSize      chunkStep = iota
	inExtension           // behind a semicolon
	endOfSize             // behind CR
	inData
	afterData // before CR
	endOfData // behind CR
	atTrailer // at the beginning of a line
	inName
	inValue
	endOfLine // behind CR
	endOfBody // behind the CR of the empty line
)

// scan follows b. It stops at the end of the body, then done, or at what is
// wrong; used is how many bytes come before.
func (c *chunks) scan(b []byte) (used int, done bool, err error) {
	for used < len(b) {
		if c.step == inData {
			n := min(int64(len(b)-used), c.size)
			used += int(n)
			if c.size -= n; c.size == 0 {
				c.step = afterData
			}
			continue
		}
		if err := c.follow(b[used]); err != nil {
			return used, false, err
		}
		used++
		if c.step == endOfBody && b[used-1] == '\n' {
			*c = chunks{}
			return used, true, nil
		}
	}
	return used, false, nil
}

// follow takes one byte that is not a chunk's data.
func (c *chunks) follow(b byte) error {
	switch c.step {
	case inSize, inExtension, endOfSize:
		return c.sizeLine(b)
	case afterData:
		return c.want(b, '\r', endOfData, errChunkEnd)
	case endOfData:
		return c.want(b, '\n', inSize, errChunkEnd)
	case endOfBody:
		return c.want(b, '\n', endOfBody, errTrailer)
	}
	return c.trailer(b)
}

// want goes on to next if b is the one byte that may come.
func (c *chunks) want(b, wanted byte, next chunkStep, otherwise error) error {
	if b != wanted {
		return otherwise
	}
	c.step = next
	return nil
}

// sizeLine takes a byte of the line with a chunk's size.
func (c *chunks) sizeLine(b byte) error {
	switch c.step {
	case endOfSize:
		c.step, c.digits, c.counted = inData, 0, 0
		if c.size == 0 {
			c.step = atTrailer
		}
		if b != '\n' {
			return errChunkSize
		}
		return nil
	case inSize:
		return c.digit(b)
	}
	c.counted++
	switch {
	case b == '\r':
		c.step = endOfSize
	case b < ' ' && b != '\t', b == 0x7f, c.counted > maxExtension:
		return errChunkExtension
	}
	return nil
}

func (c *chunks) digit(b byte) error {
	var value byte
	switch {
	case '0' <= b && b <= '9':
		value = b - '0'
	case 'a' <= b && b <= 'f':
		value = b - 'a' + 10
	case 'A' <= b && b <= 'F':
		value = b - 'A' + 10
	case c.digits == 0:
		return errChunkSize
	case b == '\r':
		c.step = endOfSize
		return nil
	case b == ';':
		c.step = inExtension
		return nil
	default:
		return errChunkSize
	}
	if c.digits == 0 {
		c.size = 0
	}
	if c.digits++; c.digits > maxChunkDigits {
		return errChunkSize
	}
	c.size = c.size<<4 | int64(value)
	return nil
}

// trailer takes a byte of the lines behind the last chunk.
func (c *chunks) trailer(b byte) error {
	if c.counted++; c.counted > maxTrailer {
		return errTrailer
	}
	switch {
	case c.step == atTrailer && b == '\r':
		c.step = endOfBody
	case c.step == endOfLine:
		return c.want(b, '\n', atTrailer, errTrailer)
	case c.step == inValue && b == '\r':
		c.step = endOfLine
	case c.step == inValue:
		if b < ' ' && b != '\t' || b == 0x7f {
			return errTrailer
		}
	case c.step == inName && b == ':':
		c.step = inValue
	case classes[b]&inToken == 0:
		return errTrailer
	default:
		c.step = inName
	}
	return nil
}

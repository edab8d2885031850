package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/klauspost/compress/gzip"
)

// compressor is the writer that a handler behind Gzip sees. What it decides
// not to compress passes through the Recorder, by sendfile or splice as ever.
type compressor struct {
	*Recorder
	gzip     *Gzip
	accepted bool         // the client takes gzip
	head     bool         // the request is HEAD: there is no body
	chosen   bool         // the answer is to be compressed
	unsized  bool         // its length was not known
	zip      *gzip.Writer // nil until the first byte of a body that is chosen
}

// Write compresses a part of the body, if that was chosen.
func (c *compressor) Write(p []byte) (int, error) {
	c.begin(http.StatusOK)
	if !c.chosen || c.head {
		return c.Recorder.Write(p)
	}
	return c.writer().Write(p)
}

// WriteString is Write.
func (c *compressor) WriteString(s string) (int, error) { return c.Write([]byte(s)) }

// Hijack hands over the connection, and lets go of the Gzip, behind which all the
// rest of a config would stay for as long as a tunnel lives.
func (c *compressor) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := c.Recorder.Hijack()
	if err == nil {
		c.gzip = nil
	}
	return conn, rw, err
}

// ReadFrom compresses src, if that was chosen. When it is a stream each part is
// sent as it comes.
func (c *compressor) ReadFrom(src io.Reader) (int64, error) {
	c.begin(http.StatusOK)
	if !c.chosen || c.head {
		return c.Recorder.ReadFrom(src)
	}
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	var total int64
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			written, err := c.writer().Write(buf[:n])
			total += int64(written)
			if err != nil {
				return total, err
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if c.unsized {
			if err := c.FlushError(); err != nil {
				return total, err
			}
		}
	}
}

// Flush is FlushError for those who do not ask for the error.
func (c *compressor) Flush() { _ = c.FlushError() }

// FlushError sends all that was written so far, compressed to its last byte.
func (c *compressor) FlushError() error {
	c.begin(http.StatusOK)
	if c.zip != nil {
		if err := c.zip.Flush(); err != nil {
			return err
		}
	}
	return c.Recorder.FlushError()
}

func (c *compressor) writer() *gzip.Writer {
	if c.zip == nil {
		c.zip = c.gzip.writer(c.Recorder)
	}
	return c.zip
}

// close ends the compressed body. A handler that panics breaks the body off
// instead, and must be seen to.
func (c *compressor) close() {
	c.finish()
	if c.chosen && !c.head {
		// Even an empty body is some bytes of gzip.
		_ = c.writer().Close() // fails when the client is gone
		c.gzip.writers.Put(c.zip)
	}
	c.Recorder.Release()
}

package main

import (
	"context"
	"io"
	"net"
	"os"
	"time"
)

// stdio makes one tunnel of stdin and stdout.
func (c *client) stdio(ctx context.Context, stdin io.Reader, stdout io.Writer) int {
	if failed := c.carry(ctx, newStdioConn(stdin, stdout)); failed != nil {
		c.log.Print(failed.text)
		return failed.code
	}
	return exitOK
}

// stdioConn is stdin and stdout as a connection. Reading stdin cannot be
// interrupted, so a goroutine does it and passes on what it reads; when the
// connection is closed it ends with the next byte or the end of stdin, or with
// the process, which has nothing more to do then.
type stdioConn struct {
	in   *io.PipeReader
	feed *io.PipeWriter
	out  io.Writer
}

func newStdioConn(stdin io.Reader, stdout io.Writer) *stdioConn {
	reader, writer := io.Pipe()
	go feed(writer, stdin)
	return &stdioConn{in: reader, feed: writer, out: stdout}
}

func feed(writer *io.PipeWriter, stdin io.Reader) {
	_, err := io.Copy(writer, stdin)
	_ = writer.CloseWithError(err)
}

func (c *stdioConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *stdioConn) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c *stdioConn) Close() error                { return c.in.Close() }

// CloseWrite is called when the server has sent everything. That is the end of
// stdin too: whoever reads stdout sees its end only when this process ends.
func (c *stdioConn) CloseWrite() error { return c.feed.Close() }

// A tunnel does without deadlines: Close ends a Read, and a Write that waits for
// the reader of stdout is how a tunnel is to wait.
func (c *stdioConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *stdioConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *stdioConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

func (c *stdioConn) LocalAddr() net.Addr  { return stdioAddr{} }
func (c *stdioConn) RemoteAddr() net.Addr { return stdioAddr{} }

type stdioAddr struct{}

func (stdioAddr) Network() string { return "stdio" }
func (stdioAddr) String() string  { return "stdio" }

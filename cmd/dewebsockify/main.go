// Command dewebsockify turns a WebSocket back into a TCP service: what
// http-master's websockify (or any other websockify) offers at a URL becomes a
// local port, or stdin and stdout.
//
//	dewebsockify wss://myserver.com/services/ssh 2222
//	ssh -o ProxyCommand='dewebsockify wss://myserver.com/ssh/%h/%p -' me@db1.lan
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/internal/version"
)

// Exit codes, as the usage text explains them.
const (
	exitOK          = 0
	exitBroken      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRefused     = 4
	exitTLS         = 5
	exitPort        = 6
)

const usage = `dewebsockify: turns a WebSocket back into a local TCP port

Usage:
  dewebsockify [options] URL PORT        listen on 127.0.0.1:PORT
  dewebsockify [options] URL HOST:PORT   listen there; others can reach 0.0.0.0:PORT
  dewebsockify [options] URL -           one tunnel, from stdin and to stdout

URL is ws:// or wss:// (http:// and https:// mean the same), with user:password@
before the host where the server asks for them; characters such as @ : / # in
them are written %40 %3A %2F %23. Other users of this machine can see them in the
list of processes. PORT 0 takes a free port and prints it.

Options:
  --header 'Name: value'   send this too; may be given several times
  --ca FILE                trust the authorities in FILE (PEM), and no others
  --insecure               do not verify the server's certificate
  -v, --version            print the version
  -h, --help               print this

Examples:
  dewebsockify wss://myserver.com/services/ssh 2222
      then: ssh -p 2222 me@localhost
  ssh -o ProxyCommand='dewebsockify wss://myserver.com/ssh/%h/%p -' me@db1.lan
      (ssh itself puts host and port for %h and %p)

HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured. Every local connection gets a
tunnel of its own. When http-master is at the other end and the connection to it
is lost, dewebsockify reconnects for as long as the server waits (5 minutes, if it
is not configured otherwise), and the tunnel goes on with nothing lost. The end of
stdin is passed on, and the tunnel ends when the server has sent everything. Other
servers can do neither: the tunnel ends with the connection, or with stdin.

Exit codes:
  0  stopped by a signal; with -, the tunnel ended normally
  1  with -, the tunnel broke, and could not be resumed
  2  the command line is wrong
  3  with -, the server or the proxy cannot be reached
  4  with -, the server answered with an HTTP status that is no tunnel
  5  with -, TLS failed, for instance because of the certificate
  6  the local port cannot be opened
When listening, what goes wrong with one connection is printed, and the connection
is closed.
`

// dialTimeout bounds how long the server may take to answer the handshake.
const dialTimeout = 30 * time.Second

// pingInterval keeps middleboxes from forgetting an idle tunnel.
const pingInterval = 25 * time.Second

// sessionPing is the same where the loss of the connection is not the end, and
// is to be noticed soon: two pings without an answer.
const sessionPing = 15 * time.Second

var errStopped = errors.New("the client was stopped")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) // ssh ends its ProxyCommand with SIGHUP
	context.AfterFunc(ctx, stop)                                                                           // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit code, and when ctx is done.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, errHelp):
		_, _ = io.WriteString(stdout, usage)
		return exitOK
	case errors.Is(err, errVersion):
		fmt.Fprintln(stdout, "dewebsockify "+version.Text())
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "dewebsockify: %v\nTry: dewebsockify --help\n", err)
		return exitUsage
	}
	c := &client{options: o, log: log.New(stderr, "dewebsockify: ", 0)}
	if o.insecure {
		c.log.Print("warning: the server's certificate is not verified, anyone on the way can pose as the server")
	}
	// The server is told the cause, and a signal's name is none of its business.
	tunnels, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { cancel(errStopped) })()
	if o.listen == "" {
		return c.stdio(tunnels, stdin, stdout)
	}
	return c.listenAndForward(tunnels)
}

// client opens tunnels as its options say.
type client struct {
	*options
	log *log.Logger
}

// forward opens a tunnel for conn and returns when it has ended; it closes conn.
// A failure is one that the user should see.
func (c *client) forward(ctx context.Context, conn net.Conn) *failure {
	ws, err := c.dial(ctx)
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil
		}
		return c.explain(err)
	}
	ping := pingInterval
	if ws.CanResume() {
		ping = sessionPing
	}
	_, err = tunnel.Forward(ctx, ws, conn, tunnel.Options{Ping: ping}, tunnel.Reconnect{
		Dial:    c.redial,
		Lost:    func(why error) { c.log.Printf("%s; reconnecting", clean(why.Error())) },
		Resumed: func(after time.Duration) { c.log.Printf("resumed after %v", after.Round(100*time.Millisecond)) },
	})
	if err != nil {
		return c.explainEnd(err)
	}
	return nil
}

func (c *client) dial(ctx context.Context) (*tunnel.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return c.dialer.DialSession(ctx, c.url.String())
}

// redial opens a WebSocket for a session that has lost its own. Everything is
// looked up anew: the network may be another one.
func (c *client) redial(ctx context.Context) (*tunnel.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return c.dialer.DialResume(ctx, c.url.String())
}

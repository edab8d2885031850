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

// dialTimeout bounds how long the server may take to answer the handshake.
const dialTimeout = 30 * time.Second

// pingInterval keeps middleboxes from forgetting an idle tunnel.
const pingInterval = 25 * time.Second

// sessionPing is the same where the loss of the connection is not the end, and
// is to be noticed soon: two pings without an answer.
const sessionPing = 15 * time.Second

var errStopped = errors.New("the client was stopped")

// environment is what the program was started with.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	status         <-chan os.Signal // asks for the status
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) // ssh ends its ProxyCommand with SIGHUP
	context.AfterFunc(ctx, stop)                                                                           // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], environment{os.Stdin, os.Stdout, os.Stderr, statusSignals()}))
}

// run is the whole program. It returns the exit code, and when ctx is done.
func run(ctx context.Context, args []string, env environment) int {
	var o *options
	var err error
	switch {
	case len(args) > 0 && args[0] == "ssh-config":
		err = sshConfig(args[1:], env)
	case len(args) > 0 && args[0] == "completion":
		err = completion(args[1:], env)
	default:
		o, err = parseOptions(args)
	}
	wrong, isFaults := errors.AsType[faults](err)
	help, isHelp := errors.AsType[helpWanted](err)
	switch {
	case isHelp:
		_, _ = io.WriteString(env.stdout, commands.Help(string(help)))
		return exitOK
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.stdout, "dewebsockify "+version.Text())
		return exitOK
	case isFaults:
		fmt.Fprintf(env.stderr, "%v\n", wrong)
		return exitUsage
	case err != nil:
		fmt.Fprintf(env.stderr, "dewebsockify: %v\nTry: dewebsockify --help\n", err)
		return exitUsage
	case o == nil:
		return exitOK
	}
	return o.run(ctx, env)
}

// run carries the forwards until ctx is done, or the one of stdin and stdout has
// ended.
func (o *options) run(ctx context.Context, env environment) int {
	stderr := &screen{out: env.stderr}
	clients := o.clients(stderr)
	// The server is told the cause, and a signal's name is none of its business.
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { cancel(errStopped) })()
	if clients[0].listen == "" {
		defer answerStatus(env.status, clients)()
		return clients[0].stdio(running, env.stdin, env.stdout)
	}
	listeners, err := listen(clients)
	if err != nil {
		fmt.Fprintf(stderr, "dewebsockify: %v\n", err)
		return exitPort
	}
	defer answerStatus(env.status, clients)() // listen has completed the addresses
	defer startProgress(env.stderr, stderr, clients)()
	serve(running, clients, listeners)
	return exitOK
}

// client opens tunnels for one forward.
type client struct {
	*forward
	tunnels tunnels
	verbose bool
	log     *log.Logger
}

// clients makes one of every forward, and prints the warnings.
func (o *options) clients(stderr io.Writer) []*client {
	var clients []*client
	warned := map[string]bool{}
	for _, f := range o.forwards {
		c := &client{forward: f, verbose: o.verbose, log: log.New(stderr, "dewebsockify: ", 0)}
		c.tunnels.started = time.Now()
		for _, text := range f.warnings {
			if !warned[text] {
				c.log.Print("warning: " + text)
			}
			warned[text] = true
		}
		clients = append(clients, c)
	}
	return clients
}

// carry makes a tunnel of conn and returns when it has ended; it closes conn. A
// failure is one that the user should see.
func (c *client) carry(ctx context.Context, conn net.Conn) *failure {
	l := c.tunnels.begin(peerOf(conn))
	defer c.tunnels.end(l)
	ws, err := c.dial(ctx)
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil
		}
		return c.explain(err)
	}
	l.connected()
	c.saying("%s: connected after %v", l.from, time.Since(l.since).Round(time.Millisecond))
	ping := pingInterval
	if ws.CanResume() {
		ping = sessionPing
	}
	_, err = tunnel.Forward(ctx, ws, conn, tunnel.Options{Ping: ping, Meter: &l.meter}, c.reconnect(l))
	c.saying("%s: ended after %s, %s", l.from, span(time.Since(l.since)), l.traffic())
	if err != nil {
		return c.explainEnd(err)
	}
	return nil
}

// saying logs what only a user who asks for it wants to read.
func (c *client) saying(format string, args ...any) {
	if c.verbose {
		c.log.Printf(format, args...)
	}
}

// reconnect is how l gets back to its session, and what is told of it.
func (c *client) reconnect(l *live) tunnel.Reconnect {
	return tunnel.Reconnect{
		Dial: c.redial,
		Lost: func(why error) {
			l.lostAt(time.Now())
			c.log.Printf("%s; reconnecting", clean(why.Error()))
		},
		Waiting: func(pause time.Duration, failed error) {
			l.waits(time.Now().Add(pause))
			if failed != nil {
				c.saying("%s: %s; next attempt in %s", l.from, c.explain(failed).text, span(pause))
			}
		},
		Resumed: func(after time.Duration) {
			l.connected()
			c.log.Printf("resumed after %v", after.Round(100*time.Millisecond))
		},
	}
}

// peerOf says where a local connection comes from.
func peerOf(conn net.Conn) string {
	if _, ok := conn.(*net.UnixConn); ok {
		return "a local program" // which has no address
	}
	return conn.RemoteAddr().String()
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

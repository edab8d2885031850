package tunnel

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// cut is when and how the path between client and server breaks.
type cut struct {
	up, down int  // after so many bytes; below 0 for never
	halfOpen bool // the server does not notice
	reset    bool // with a TCP reset and not a FIN
}

// whole is a path that does not break.
var whole = cut{up: -1, down: -1}

// path is a proxy for TCP that breaks as its cuts say, one after the other, and
// works from then on.
type path struct {
	address string
	target  string
	wg      sync.WaitGroup

	mu    sync.Mutex
	cuts  []cut
	open  []net.Conn
	ended bool
}

func newPath(t testing.TB, target string, cuts []cut) *path {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &path{address: l.Addr().String(), target: target, cuts: cuts}
	p.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(conn, p.next()) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.ended = true
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *path) next() cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cuts) == 0 {
		return whole
	}
	c := p.cuts[0]
	p.cuts = p.cuts[1:]
	return c
}

// keep notes conn, to be closed at the end. It is false after the end.
func (p *path) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, conn)
	return !p.ended
}

func (p *path) serve(client net.Conn, c cut) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(client) || !p.keep(server) {
		return
	}
	var once sync.Once
	breakOff := func() {
		once.Do(func() {
			for _, conn := range []net.Conn{client, server} {
				if c.halfOpen && conn == server {
					continue
				}
				if c.reset {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				_ = conn.Close()
			}
		})
	}
	var both sync.WaitGroup
	both.Go(func() { copySome(server, client, c.up); breakOff() })
	both.Go(func() { copySome(client, server, c.down); breakOff() })
	both.Wait()
}

func copySome(to, from net.Conn, most int) {
	if most >= 0 {
		_, _ = io.CopyN(to, from, int64(most))
		return
	}
	_, _ = io.Copy(to, from)
}

// sessionServer serves tunnels that can be resumed. Each has a target's
// connection of its own, which a test puts there under the path of its URL.
type sessionServer struct {
	*Sessions
	url      string
	hold     time.Duration
	opts     Options
	log      *slog.Logger
	allowed  func(net.Addr) bool
	mu       sync.Mutex
	targets  map[string]net.Conn
	ended    map[string]chan result
	refusals chan error
	leave    Leave       // of the sessions
	moved    chan string // what they were told
	ctx      context.Context
	stop     context.CancelCauseFunc
}

func serveSessions(t testing.TB, hold time.Duration) *sessionServer {
	t.Helper()
	s := &sessionServer{
		Sessions: NewSessions(), hold: hold, log: slog.New(slog.DiscardHandler),
		allowed: func(net.Addr) bool { return true },
		targets: make(map[string]net.Conn), ended: make(map[string]chan result), refusals: make(chan error, 100),
		moved: make(chan string, 1),
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	var handlers sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		s.handle(t, w, r)
	}))
	s.url = server.URL
	t.Cleanup(func() {
		s.stop(nil)
		server.Close()
		handlers.Wait()
	})
	return s
}

func (s *sessionServer) handle(t testing.TB, w http.ResponseWriter, r *http.Request) {
	owner := Owner{Route: r.URL.Path, User: r.Header.Get("User")}
	ws, err := Accept(wrapped{w}, r)
	if err != nil {
		return // cut off
	}
	if WantsResume(r) {
		err := s.Resume(ws, Resuming{Owner: owner, Client: "c", Way: "again", Allowed: s.allowed})
		select {
		case s.refusals <- err:
		default:
		}
		return
	}
	s.mu.Lock()
	conn, ended := s.targets[owner.Route], s.ended[owner.Route]
	delete(s.targets, owner.Route)
	s.mu.Unlock()
	if conn == nil {
		ws.CloseNow()
		return
	}
	stats, err := s.Open(s.ctx, ws, conn, &Opening{Options: s.opts, Owner: owner, Client: "c", Hold: s.hold, Log: s.log, Leave: &s.leave,
		Moved: func(way string) {
			select {
			case s.moved <- way:
			default: // nobody asks
			}
		}})
	ended <- result{stats, err}
}

// offer puts a target under a path, and gives the target's own end.
func (s *sessionServer) offer(t testing.TB, route string) (target *net.TCPConn, ended <-chan result) {
	near, far := tcpPair(t)
	c := make(chan result, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets[route], s.ended[route] = near, c
	t.Cleanup(func() { _ = far.Close() })
	return far.(*net.TCPConn), c
}

// sessionClient is one Forward.
type sessionClient struct {
	local   *net.TCPConn // the user's end
	ended   <-chan result
	resumed chan time.Duration
	stop    context.CancelCauseFunc
}

// forward opens a tunnel to route through via, "" for none.
func (s *sessionServer) forward(t testing.TB, via, route string, d *Dialer) *sessionClient {
	t.Helper()
	url := s.url + route
	if via != "" {
		url = "http://" + via + route
	}
	near, far := tcpPair(t)
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan result, 1)
	c := &sessionClient{local: far.(*net.TCPConn), ended: ended, resumed: make(chan time.Duration, 1000), stop: stop}
	back := Reconnect{
		Dial:    func(ctx context.Context) (*Conn, error) { return d.DialResume(ctx, url) },
		Lost:    func(error) {},
		Resumed: func(d time.Duration) { c.resumed <- d },
		first:   time.Millisecond, last: 2 * time.Millisecond,
	}
	go func() {
		ws, err := d.DialSession(ctx, url)
		if err != nil {
			_ = near.Close()
			ended <- result{err: err}
			return
		}
		stats, err := Forward(ctx, ws, near, Options{}, back)
		ended <- result{stats, err}
	}()
	t.Cleanup(func() {
		stop(nil)
		_ = far.Close()
	})
	return c
}

// await gives what one end of a tunnel came to.
func await(t testing.TB, ended <-chan result, who string) result {
	t.Helper()
	select {
	case r := <-ended:
		return r
	case <-time.After(time.Minute):
		t.Fatalf("the %s's end does not end", who)
		return result{}
	}
}

// logTo makes the server's log readable.
func (s *sessionServer) logTo(b *syncBuilder) {
	s.log = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// syncBuilder is a strings.Builder for several goroutines.
type syncBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// randomSize gives sizes of all magnitudes up to most.
func randomSize(r *rand.Rand, most int) int {
	n := 1
	for n < most {
		n <<= 1
	}
	for r.IntN(8) > 0 && n > 1 {
		n >>= 1
	}
	return min(r.IntN(n+1), most)
}

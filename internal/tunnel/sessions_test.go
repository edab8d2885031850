package tunnel

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// lostSession is a session whose client knows how to resume it and has vanished.
func lostSession(t *testing.T, s *sessionServer, route string) (id sessionID, secret token, ended <-chan result) {
	t.Helper()
	_, ended = s.offer(t, route)
	ws, err := new(Dialer).DialSession(t.Context(), s.url+route)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ws.firstMessage(kindWelcome)
	if err != nil {
		t.Fatal(err)
	}
	ws.CloseNow()
	return m.session, m.token, ended
}

// tryResume asks for a session once and gives the server's first message.
func tryResume(t *testing.T, s *sessionServer, route, user string, m message) (message, error) {
	t.Helper()
	d := Dialer{Header: http.Header{"User": {user}}}
	ws, err := d.DialResume(t.Context(), s.url+route)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	m.kind = kindResume
	if err := ws.send(m); err != nil {
		t.Fatal(err)
	}
	return ws.firstMessage(kindWelcome)
}

// Only who has opened a session can resume it, and nobody else can find out
// that it is there.
func TestWhoMayResume(t *testing.T) {
	s := serveSessions(t, time.Minute)
	id, secret, _ := lostSession(t, s, "/a")
	for name, try := range map[string]struct {
		route, user string
		m           message
	}{
		"another token":   {"/a", "", message{session: id, token: token{1}, attempt: 1}},
		"no token":        {"/a", "", message{session: id, attempt: 1}},
		"another session": {"/a", "", message{session: sessionID{1}, token: secret, attempt: 1}},
		"another user":    {"/a", "eve", message{session: id, token: secret, attempt: 1}},
		"another rule":    {"/b", "", message{session: id, token: secret, attempt: 1}},
	} {
		_, err := tryResume(t, s, try.route, try.user, try.m)
		if reset, ok := errors.AsType[*ResetError](err); !ok || *reset != *errUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}

	first, err := tryResume(t, s, "/a", "", message{session: id, token: secret, attempt: 1})
	if err != nil || first.token == secret {
		t.Fatalf("the owner: %v", err)
	}
	// The WELCOME may have been lost: the token before it is good once more.
	second, err := tryResume(t, s, "/a", "", message{session: id, token: secret, attempt: 2})
	if err != nil {
		t.Fatalf("the owner, without the WELCOME: %v", err)
	}
	if _, err := tryResume(t, s, "/a", "", message{session: id, token: second.token, attempt: 2}); err == nil {
		t.Error("an attempt from before was taken")
	}
	if _, err := tryResume(t, s, "/a", "", message{session: id, token: second.token, attempt: 3}); err != nil {
		t.Errorf("the owner, with the new token: %v", err)
	}
	if _, err := tryResume(t, s, "/a", "", message{session: id, token: secret, attempt: 4}); err == nil {
		t.Error("a token was taken after the next one had been used")
	}
}

func TestSessionExpires(t *testing.T) {
	s := serveSessions(t, 10*time.Millisecond)
	var log syncBuilder
	s.logTo(&log)
	id, secret, ended := lostSession(t, s, "/a")
	r := await(t, ended, "server")
	if want := "the client did not come back within 10ms"; r.Reason != want || r.err == nil || r.err.Error() != want {
		t.Errorf("%+v", r)
	}
	if _, err := tryResume(t, s, "/a", "", message{session: id, token: secret, attempt: 1}); err == nil {
		t.Error("it was resumed")
	}
	if got := log.String(); !strings.Contains(got, `msg="tunnel lost" held=10ms`) || strings.Contains(got, string(secret[:])) {
		t.Errorf("the log has %q", got)
	}
}

func TestTargetNoLongerAllowed(t *testing.T) {
	s := serveSessions(t, time.Minute)
	s.allowed = func(net.Addr) bool { return false }
	id, secret, ended := lostSession(t, s, "/a")
	_, err := tryResume(t, s, "/a", "", message{session: id, token: secret, attempt: 1})
	if err == nil || err.Error() != "the session cannot be resumed: its target is no longer allowed" {
		t.Errorf("the client is told %v", err)
	}
	if r := await(t, ended, "server"); r.Reason != "its target is no longer allowed" {
		t.Errorf("%+v", r)
	}
}

func TestHeldSessionsAreBounded(t *testing.T) {
	for name, bound := range map[string]func(*sessionServer){
		"per owner": func(s *sessionServer) { s.maxHeldPerOwner = 1 },
		"in all":    func(s *sessionServer) { s.maxHeld = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := serveSessions(t, time.Minute)
			bound(s)
			_, _, first := lostSession(t, s, "/a")
			_, _, second := lostSession(t, s, "/b")
			select {
			case r := <-first:
				if r.err != errCrowded {
					t.Errorf("%+v", r)
				}
			case r := <-second: // it may have been noticed first
				if r.err != errCrowded {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// A session that is given up for want of memory, in the middle of taking more
// from its target, ends: nothing of it is left waiting.
func TestCrowdedSessionEnds(t *testing.T) {
	for range 20 {
		s := serveSessions(t, time.Minute)
		s.memory.most = fairShare / 2
		target, ended := s.offer(t, "/a")
		ws, err := new(Dialer).DialSession(t.Context(), s.url+"/a")
		if err != nil {
			t.Fatal(err)
		}
		ws.CloseNow()
		go func() { _, _ = target.Write(make([]byte, 2*window)) }() // until its end is closed
		if r := await(t, ended, "server"); r.err != errCrowded {
			t.Fatalf("%+v", r)
		}
		_ = target.Close()
	}
}

// A user who does not read stops the one who sends: memory does not grow beyond
// a window on each side, and the other direction goes on.
func TestSessionBackpressure(t *testing.T) {
	s := serveSessions(t, time.Minute)
	target, _ := s.offer(t, "/a")
	client := s.forward(t, "", "/a", new(Dialer))
	sent := noise(24 << 20)
	writeAll(t, client.local, sent)
	for range 100 {
		writeAll(t, target, noise(1000))
		expect(t, client.local, noise(1000))
	}
	if used := s.memory.used.Load(); used > 2*(window+chunkSize) {
		t.Errorf("the server keeps %d bytes", used)
	}
	expect(t, target, sent)
}

// A half-close travels as one, in either direction.
func TestHalfClose(t *testing.T) {
	s := serveSessions(t, time.Minute)
	target, serverEnd := s.offer(t, "/a")
	client := s.forward(t, "", "/a", new(Dialer))
	_, _ = io.WriteString(client.local, "question")
	_ = client.local.CloseWrite()
	expect(t, target, []byte("question"))
	expectEOF(t, target)
	_, _ = io.WriteString(target, "answer")
	_ = target.Close()
	expect(t, client.local, []byte("answer"))
	expectEOF(t, client.local)
	if r := await(t, client.ended, "client"); r.err != nil || r.Reason != "the connection was closed" {
		t.Errorf("the client: %+v", r)
	}
	if r := await(t, serverEnd, "server"); r.err != nil || r.Reason != "the WebSocket peer closed" {
		t.Errorf("the server: %+v", r)
	}
}

// A server that stops says so, and the client does not come back.
func TestServerStopsSessions(t *testing.T) {
	s := serveSessions(t, time.Minute)
	target, _ := s.offer(t, "/a")
	client := s.forward(t, "", "/a", new(Dialer))
	_, _ = io.WriteString(client.local, "x")
	expect(t, target, []byte("x"))
	s.stop(errors.New("the server is shutting down"))
	r := await(t, client.ended, "client")
	if reset, ok := errors.AsType[*ResetError](r.err); !ok || reset.Reason != "the server is shutting down" {
		t.Errorf("%+v", r)
	}
}

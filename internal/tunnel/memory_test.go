package tunnel

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Many targets send to clients that do not read, or are away. The queues of all
// hold little more than the server has for them, those who are away make room,
// with the reason, and nothing is left when all have ended.
func TestMemoryOfSessionsIsBounded(t *testing.T) {
	const sessions, most = 64, 16 << 20
	sent := noise(8 * window)
	s := serveSessions(t, time.Minute)
	s.memory.most = most
	var writers sync.WaitGroup
	ends := make(chan result, sessions)
	for i := range sessions {
		route := fmt.Sprintf("/%d", i)
		target, ended := s.offer(t, route)
		ws, err := new(Dialer).DialSession(t.Context(), s.url+route)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ws.CloseNow)
		if _, err := ws.firstMessage(kindWelcome); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			ws.CloseNow()
		}
		writers.Go(func() { _, _ = target.Write(sent); _ = target.Close() })
		writers.Go(func() { ends <- <-ended })
	}
	highest, tooLate := int64(0), time.After(time.Minute)
	measure := func() { highest = max(highest, s.memory.used.Load()) }
	for crowded := 0; crowded < 10; {
		select {
		case r := <-ends:
			if !errors.Is(r.err, errCrowded) {
				t.Fatalf("a session ended with %v", r.err)
			}
			crowded++
		case <-tooLate:
			t.Fatalf("%d sessions have made room", crowded)
		case <-time.After(time.Millisecond): // the pace of measuring
		}
		measure()
	}
	s.stop(errors.New("the end"))
	writers.Wait()
	t.Logf("at most %d KiB of %d", highest>>10, most>>10)
	if highest > 2*most {
		t.Errorf("the queues held %d bytes, of %d", highest, most)
	}
	if used := s.memory.used.Load(); used != 0 {
		t.Errorf("%d bytes are in use when all has ended", used)
	}
}

// One user's sessions make room for each other before anybody else's has to.
func TestMemoryOfOneUserIsBounded(t *testing.T) {
	const most = 4 << 20
	s := serveSessions(t, time.Minute)
	s.maxMemoryPerOwner = most
	var writers sync.WaitGroup
	lost := func(user, route string, sent []byte) <-chan result {
		target, ended := s.offer(t, route)
		d := Dialer{Header: http.Header{"User": {user}}}
		ws, err := d.DialSession(t.Context(), s.url+route)
		if err != nil {
			t.Fatal(err)
		}
		ws.CloseNow()
		writers.Go(func() { _, _ = target.Write(sent); _ = target.Close() })
		return ended
	}
	modest := lost("modest", "/modest", noise(window/2))
	greedy := make(chan result, 16)
	for i := range cap(greedy) {
		ended := lost("greedy", fmt.Sprintf("/%d", i), noise(8*window))
		writers.Go(func() { greedy <- <-ended })
	}
	for range 4 {
		if r := await(t, greedy, "one of many"); !errors.Is(r.err, errCrowded) {
			t.Errorf("a session of the user with many: %+v", r)
		}
	}
	select {
	case r := <-modest:
		t.Errorf("the other user's session has ended: %+v", r)
	default:
	}
	s.stop(errors.New("the end"))
	await(t, modest, "the other user's")
	writers.Wait()
	s.Sessions.mu.Lock()
	defer s.Sessions.mu.Unlock()
	if len(s.shares) != 0 {
		t.Errorf("%d users are still counted", len(s.shares))
	}
}

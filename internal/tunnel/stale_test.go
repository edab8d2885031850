package tunnel

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// asking collects which entries of a registry are asked to end, and when.
type asking struct {
	Registry
	began time.Time
	mu    sync.Mutex
	asked []string
	times []time.Duration
}

// open adds a tunnel; one that can is asked to leave, others to close.
func (a *asking) open(name, way string, canLeave bool) (e *Entry, remove func()) {
	tell := func(how string) func(string) {
		return func(reason string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.asked = append(a.asked, name+" "+how+": "+reason)
			a.times = append(a.times, time.Since(a.began))
		}
	}
	e = &Entry{Rule: name, Way: way, Close: tell("close")}
	if canLeave {
		e.Leave = tell("leave")
	}
	return e, a.Add(e)
}

// want waits for so long and checks who has been asked since the last time.
func (a *asking) want(t *testing.T, after time.Duration, names ...string) {
	t.Helper()
	time.Sleep(after)
	synctest.Wait()
	for i := range names {
		names[i] += ": " + staleReason
	}
	if !slices.Equal(a.asked, names) {
		t.Errorf("asked were %q, want %q", a.asked, names)
	}
	a.asked = nil
}

func ways(names ...string) map[string]bool {
	m := make(map[string]bool)
	for _, name := range names {
		m[name] = true
	}
	return m
}

func TestStaleTunnelsAreAskedToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a asking
		a.open("before the first config", "gone", false)
		if n := a.Keep(ways("a", "b"), time.Minute); n != 1 {
			t.Errorf("%d have become stale", n)
		}
		a.want(t, time.Hour, "before the first config close")

		a.open("one of a", "a", false)
		a.open("one of b", "b", true)
		if n := a.Keep(ways("a"), time.Minute); n != 1 {
			t.Errorf("%d have become stale", n)
		}
		a.want(t, 59*time.Second)
		a.open("one that came late", "b", true) // by a request from before
		a.want(t, 2*time.Second, "one of b leave")
		if n := a.Keep(ways("a"), time.Minute); n != 0 {
			t.Errorf("%d have become stale by a config that changes nothing", n)
		}
		a.want(t, time.Hour, "one that came late leave")
	})
}

func TestStaleTunnelsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a asking
		e, remove := a.open("it", "a", true)
		a.Keep(ways("b"), time.Minute)
		a.want(t, 30*time.Second)
		a.Keep(ways("a"), time.Minute) // its rule is back
		a.want(t, time.Hour)
		a.Keep(ways("b"), -1)
		a.want(t, 24*time.Hour) // never
		a.Keep(ways("b"), time.Minute)
		a.want(t, 0, "it leave") // stale for a day
		a.Move(e, "b")           // its client came back
		a.want(t, time.Hour)
		a.Keep(ways("a"), 0)
		a.want(t, 0, "it leave")
		a.want(t, time.Hour) // once is enough
		remove()
		a.Keep(ways("c"), 0)
		a.want(t, time.Hour)
	})
}

// A thousand clients are not to come back in the same moment, unless all are to
// be gone at once.
func TestStaleTunnelsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := asking{began: time.Now()}
		for range 1000 {
			a.open("it", "a", false)
		}
		a.Keep(ways(), time.Minute)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(a.times) != 1000 || a.times[0] != time.Minute {
			t.Fatalf("%d were asked, at %v", len(a.times), a.times)
		}
		for i, at := range a.times[1:] {
			if pause := at - a.times[i]; pause != stalePace {
				t.Fatalf("number %d was asked %v after the one before it", i+1, pause)
			}
		}

		a = asking{began: time.Now()}
		for range 1000 {
			a.open("it", "a", false)
		}
		a.Keep(ways(), 0)
		synctest.Wait()
		if len(a.times) != 1000 || slices.Max(a.times) != 0 {
			t.Errorf("%d were asked, the last after %v", len(a.times), slices.Max(a.times))
		}
	})
}

// Nothing is asked of tunnels that a stop has asked already.
func TestStopEndsAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a asking
		_, remove := a.open("it", "a", true)
		a.Keep(ways(), time.Minute)
		a.stop(t, remove)
		a.asked = nil
		a.want(t, time.Hour)
	})
}

// stop stops the registry as a server does.
func (a *asking) stop(t *testing.T, remove func()) {
	t.Helper()
	done := make(chan error)
	go func() { done <- a.CloseAll(t.Context(), "stopping") }()
	synctest.Wait()
	if !slices.Equal(a.asked, []string{"it close: stopping"}) {
		t.Errorf("asked were %q", a.asked)
	}
	time.Sleep(time.Hour)
	remove()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A session whose client is to leave goes on over the WebSocket that the client
// comes back with.
func TestSessionLeaves(t *testing.T) {
	s := serveSessions(t, time.Minute)
	var log syncBuilder
	s.logTo(&log)
	target, _ := s.offer(t, "/a")
	c := s.forward(t, "", "/a", new(Dialer))
	data := noise(8 << 20)
	writeAll(t, c.local, data)
	expect(t, target, data[:4<<20]) // in the middle of it
	s.leave.Ask("the rule has changed")
	expect(t, target, data[4<<20:])
	writeAll(t, target, data)
	expect(t, c.local, data)
	<-c.resumed
	if way := <-s.moved; way != "again" {
		t.Errorf("the session was told %q", way)
	}
	// The client may be back before the server has written it down.
	const want = `msg="tunnel's client asked to come again" held=30s reason="the rule has changed"`
	for end := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s in the log:\n%s", want, &log)
		}
	}
}

package tunnel

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// A client that is stopped while it has no WebSocket opens one more, to tell the
// server, which would else keep the target connected.
func TestStoppedWhileAway(t *testing.T) {
	s := serveSessions(t, time.Hour)
	target, served := s.offer(t, "/a")
	way := newPath(t, strings.TrimPrefix(s.url, "http://"), []cut{{up: 1000, down: -1, reset: true}})
	near, far := tcpPair(t)
	defer far.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	waiting := make(chan error, 1)
	d := new(Dialer)
	url := "http://" + way.address + "/a"
	var meter Meter
	back := Reconnect{
		Dial:    func(ctx context.Context) (*Conn, error) { return d.DialResume(ctx, url) },
		Lost:    func(error) {},
		Resumed: func(time.Duration) {},
		Waiting: func(_ time.Duration, failed error) { waiting <- failed },
		first:   time.Hour, last: time.Hour,
	}
	ended := make(chan result, 1)
	go func() {
		ws, err := d.DialSession(ctx, url)
		if err != nil {
			ended <- result{err: err}
			return
		}
		stats, err := Forward(ctx, ws, near, Options{Meter: &meter}, back)
		ended <- result{stats, err}
	}()
	if _, err := far.Write(make([]byte, 2000)); err != nil {
		t.Fatal(err)
	}
	select {
	case failed := <-waiting:
		if failed != nil {
			t.Errorf("before the first attempt, one has failed: %v", failed)
		}
	case <-time.After(time.Minute):
		t.Fatal("the loss of the WebSocket goes unnoticed")
	}
	if meter.Sent.Load() == 0 || meter.Received.Load() != 0 {
		t.Errorf("the meter shows %d sent and %d received", meter.Sent.Load(), meter.Received.Load())
	}
	stop(errors.New("the client was stopped"))
	got := await(t, ended, "client")
	if got.err != nil || got.Reason != "the client was stopped" {
		t.Errorf("the client ends with %q, %v", got.Reason, got.err)
	}
	reset, ok := errors.AsType[*ResetError](await(t, served, "server").err)
	if !ok || reset.Reason != "the client was stopped" {
		t.Errorf("the server ends with %v", reset)
	}
	if _, err := io.ReadAll(target); err == nil {
		t.Error("for the target it looks as if the client had sent everything")
	}
}

// The time of a round trip is known soon after the start, with servers of
// sessions and with others.
func TestRoundTrip(t *testing.T) {
	sessions := serveSessions(t, time.Hour)
	sessions.offer(t, "/a")
	for name, dial := range map[string]func() (*Conn, error){
		"session": func() (*Conn, error) { return new(Dialer).DialSession(t.Context(), sessions.url+"/a") },
		"plain":   func() (*Conn, error) { return new(Dialer).Dial(t.Context(), serve(t, Options{}).url) },
	} {
		t.Run(name, func(t *testing.T) {
			ws, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			near, far := tcpPair(t)
			defer far.Close()
			var meter Meter
			ctx, stop := context.WithCancelCause(t.Context())
			ended := make(chan result, 1)
			go func() {
				stats, err := Forward(ctx, ws, near, Options{Ping: time.Hour, Meter: &meter}, Reconnect{})
				ended <- result{stats, err}
			}()
			for end := time.Now().Add(time.Minute); meter.RoundTrip.Load() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("no time of a round trip")
				}
			}
			stop(errors.New("the test is over"))
			await(t, ended, "client")
		})
	}
}

package tunnel

import (
	"context"
	"errors"
	"testing"
)

func TestRegistry(t *testing.T) {
	var r Registry
	if err := r.CloseAll(t.Context(), "nothing is open"); err != nil {
		t.Fatalf("CloseAll of none: %v", err)
	}

	r = Registry{}
	asked := make(chan string, 2)
	first := &Entry{Rule: "first", Close: func(reason string) { asked <- reason }}
	second := &Entry{Rule: "second", Close: func(reason string) { asked <- reason }}
	removeFirst, removeSecond := r.Add(first), r.Add(second)
	if live := r.Live(); len(live) != 2 {
		t.Errorf("%d are live", len(live))
	}

	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.CloseAll(over, "stopping"); !errors.Is(err, context.Canceled) {
		t.Errorf("CloseAll gave %v with tunnels open and no time", err)
	}
	if a, b := <-asked, <-asked; a != "stopping" || b != "stopping" {
		t.Errorf("asked with %q and %q", a, b)
	}

	removeFirst()
	if live := r.Live(); len(live) != 1 || live[0] != second {
		t.Errorf("live are %v", live)
	}
	done := make(chan error, 1)
	go func() { done <- r.CloseAll(t.Context(), "stopping") }()
	<-asked
	removeSecond()
	if err := <-done; err != nil {
		t.Errorf("CloseAll: %v", err)
	}

	// One that comes late is asked at once.
	remove := r.Add(first)
	if reason := <-asked; reason != "stopping" {
		t.Errorf("the late one was asked with %q", reason)
	}
	remove()
}

package tunnel

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// wantMeter waits until m has counted so much, while the tunnel is open.
func wantMeter(t *testing.T, m *Meter, received, sent int64) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for m.Received.Load() != received || m.Sent.Load() != sent {
		if time.Now().After(deadline) {
			t.Fatalf("counted %d and %d bytes, want %d and %d", m.Received.Load(), m.Sent.Load(), received, sent)
		}
		time.Sleep(time.Millisecond) // the pace of polling
	}
}

func TestMeterCountsWhileOpen(t *testing.T) {
	totals := new(Totals)
	meter := &Meter{Totals: totals}
	s := serve(t, Options{Meter: meter})
	local, _ := dialOurs(t, s.url)
	writeAll(t, local, noise(1000))
	expect(t, s.target, noise(1000))
	wantMeter(t, meter, 1000, 0)
	writeAll(t, s.target, noise(300_000))
	expect(t, local, noise(300_000))
	wantMeter(t, meter, 1000, 300_000)
	if received, sent := totals.Received.Load(), totals.Sent.Load(); received != 1000 || sent != 300_000 {
		t.Errorf("in all %d and %d", received, sent)
	}
}

func TestMeterOfSession(t *testing.T) {
	s := serveSessions(t, time.Minute)
	meter := &Meter{Totals: new(Totals)}
	s.opts.Meter = meter
	target, _ := s.offer(t, "/a")
	path := newPath(t, strings.TrimPrefix(s.url, "http://"), []cut{{up: 20_000, down: -1}})
	client := s.forward(t, path.address, "/a", new(Dialer))
	writeAll(t, client.local, noise(100_000))
	expect(t, target, noise(100_000)) // the first WebSocket was lost on the way
	writeAll(t, target, noise(1000))
	expect(t, client.local, noise(1000))
	wantMeter(t, meter, 100_000, 1000) // what was sent twice counts once
	if n, all := meter.Resumes.Load(), meter.Totals.Resumes.Load(); n != 1 || all != 1 {
		t.Errorf("%d resumes, in all %d", n, all)
	}
}

func TestRegistryNumbersTunnels(t *testing.T) {
	var r Registry
	totals := new(Totals)
	first := &Entry{Meter: &Meter{Totals: totals}}
	second := &Entry{}
	removeFirst := r.Add(first)
	r.Add(second)
	if first.ID != 1 || second.ID != 2 || r.Find(2) != second || r.Find(3) != nil {
		t.Errorf("IDs are %d and %d", first.ID, second.ID)
	}
	if second.Meter == nil {
		t.Error("an entry without a meter got none")
	}
	if opened, ended := totals.Opened.Load(), totals.Ended.Load(); opened != 1 || ended != 0 {
		t.Errorf("opened %d, ended %d", opened, ended)
	}
	removeFirst()
	if r.Find(1) != nil || totals.Ended.Load() != 1 {
		t.Error("the first is still there")
	}
}

// TestLogHasNoTokens: who reads the log must not be able to resume a session.
func TestLogHasNoTokens(t *testing.T) {
	s := serveSessions(t, time.Minute)
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	id, secret, ended := lostSession(t, s, "/a")
	next, err := tryResume(t, s, "/a", "", message{session: id, token: secret, attempt: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.stop(errors.New("the end"))
	<-ended
	if !strings.Contains(log.String(), "tunnel resumed") {
		t.Fatalf("the log is %s", &log)
	}
	for _, b := range [][]byte{id[:], secret[:], next.token[:]} {
		for _, text := range []string{hex.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), fmt.Sprint(b), string(b)} {
			if strings.Contains(log.String(), text) {
				t.Errorf("the log has %q: %s", text, &log)
			}
		}
	}
}

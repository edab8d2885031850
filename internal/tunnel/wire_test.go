package tunnel

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMessages(t *testing.T) {
	id, secret := sessionID{1, 2, 3}, token{4, 5, 6}
	welcome := "\x01" + string(id[:]) + string(secret[:])
	tests := []struct {
		name string
		m    message
		wire string
	}{
		{"welcome", message{kind: kindWelcome, session: id, token: secret, offset: 7, hold: 5 * time.Minute},
			welcome + "\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x01\x2c"},
		{"resume", message{kind: kindResume, session: id, token: secret, offset: 1 << 40, attempt: 9},
			"\x02" + welcome[1:] + "\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x09"},
		{"data", message{kind: kindData, offset: 258, data: []byte("hello")}, "\x03\x00\x00\x00\x00\x00\x00\x01\x02hello"},
		{"ack", message{kind: kindAck, offset: 1}, "\x04\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"fin", message{kind: kindFin, offset: 2}, "\x05\x00\x00\x00\x00\x00\x00\x00\x02"},
		{"reset", message{kind: kindReset, code: resetUnknown, reason: "why"}, "\x06\x02why"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.m.append(nil); string(got) != test.wire {
				t.Errorf("sent as %q", got)
			}
			got, err := parseMessage([]byte(test.wire))
			if err != nil || !bytes.Equal(got.append(nil), []byte(test.wire)) || got.kind != test.m.kind {
				t.Errorf("read as %+v, %v", got, err)
			}
		})
	}
}

func TestBadMessages(t *testing.T) {
	for wire, want := range map[string]string{
		"":                                      "a message cannot be understood: it is empty",
		"\x09":                                  "a message cannot be understood: its type is 9",
		"\x04\x00":                              "a message cannot be understood: one of type 4 has 2 bytes",
		"\x04\x00\x00\x00\x00\x00\x00\x00\x00!": "a message cannot be understood: one of type 4 has 10 bytes",
		"\x03\x00\x00\x00\x00\x00\x00\x00\x00":  "a message cannot be understood: one of type 3 has 9 bytes",
		"\x06":                                  "a message cannot be understood: one of type 6 has 1 bytes",
		"\x06\x01\xff":                          "a message cannot be understood: a reason is not UTF-8",
		"\x03" + strings.Repeat("x", frameSize): "a message cannot be understood: one of type 3 has 65537 bytes",
	} {
		if _, err := parseMessage([]byte(wire)); err == nil || err.Error() != want || !errors.Is(err, errMessage) {
			t.Errorf("%.20q: %v, want %q", wire, err, want)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, m := range []message{{kind: kindWelcome}, {kind: kindResume}, {kind: kindData, data: []byte("x")}, {kind: kindAck}, {kind: kindFin}, {kind: kindReset, reason: "x"}} {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil || len(m.reason) > 123 {
			return
		}
		if got := m.append(nil); !bytes.Equal(got, b) {
			t.Errorf("%q is sent as %q", b, got)
		}
	})
}

func TestQueue(t *testing.T) {
	memory := budget{most: 1}
	q := queue{budget: &memory}
	all := noise(5*chunkSize + 100)
	for p := range chunks(all, 777) {
		q.append(p)
	}
	if got := q.appendTo(nil, 0, len(all)+1); !bytes.Equal(got, all) {
		t.Fatal("the queue gives other bytes than it got")
	}
	if memory.used.Load() != 6*chunkSize || !memory.exceeded() {
		t.Errorf("%d bytes are counted", memory.used.Load())
	}
	for to := 0; to <= len(all); to += 4321 {
		q.drop(uint64(to))
		if got := q.appendTo(nil, uint64(to), 5000); !bytes.Equal(got, all[to:min(to+5000, len(all))]) {
			t.Fatalf("wrong bytes at %d", to)
		}
	}
	q.clear()
	if q.len() != 0 || memory.used.Load() != 0 || q.at(q.start) != nil {
		t.Errorf("an empty queue holds %d bytes", memory.used.Load())
	}
}

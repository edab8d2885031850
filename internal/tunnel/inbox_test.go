package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// collect gives what comes of a message in pieces of random sizes; the bytes of
// DATA are put together again.
func collect(b *inbox, wire []byte, r *rand.Rand) (all message, err error) {
	rest := bytes.Clone(wire)
	for {
		n := r.IntN(len(rest) + 1)
		p := piece{op: opBinary, payload: rest[:n], end: n == len(rest)}
		rest = rest[n:]
		m, ok, err := b.take(p)
		if err != nil {
			return message{}, err
		}
		switch {
		case !ok:
		case all.kind == kindData && m.offset != all.offset+uint64(len(all.data)):
			return message{}, fmt.Errorf("the bytes at %d come behind those at %d", m.offset, all.offset)
		case all.kind == kindData:
			all.data = append(all.data, m.data...)
		default:
			all = m
			all.data = bytes.Clone(m.data)
		}
		if p.end {
			return all, nil
		}
	}
}

func TestInbox(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	messages := []message{
		{kind: kindWelcome, session: sessionID{1}, token: token{2}, offset: 3, hold: 4e9},
		{kind: kindResume, session: sessionID{1}, token: token{2}, offset: 3, attempt: 4},
		{kind: kindData, offset: 1 << 40, data: []byte("x")},
		{kind: kindData, offset: 7, data: noise(maxMessage - dataHeader)},
		{kind: kindAck, offset: 5},
		{kind: kindFin, offset: 6},
		{kind: kindReset, code: resetLimit, reason: strings.Repeat("r", maxReason)},
	}
	var box inbox // one for all, as a WebSocket has it
	for range 100 {
		m := messages[r.IntN(len(messages))]
		wire := m.append(nil)
		got, err := collect(&box, wire, r)
		if err != nil || !bytes.Equal(got.append(nil), wire) {
			t.Fatalf("%+.100v comes as %+.100v, %v", m, got, err)
		}
	}
	for want, sent := range map[string]piece{
		"a message cannot be understood: it is text":                  {op: opText, payload: []byte("\x04"), end: true},
		"a message cannot be understood: it is empty":                 {op: opBinary, end: true},
		"a message cannot be understood: it is too long":              {op: opBinary, payload: message{kind: kindData, data: noise(maxMessage)}.append(nil), end: true},
		"a message cannot be understood: its type is 9":               {op: opBinary, payload: []byte{9}, end: true},
		"a message cannot be understood: one of type 3 has 9 bytes":   {op: opBinary, payload: message{kind: kindData}.append(nil), end: true},
		"a message cannot be understood: one of type 4 has 125 bytes": {op: opBinary, payload: append([]byte{4}, make([]byte, 124)...), end: true},
	} {
		if _, _, err := new(inbox).take(sent); err == nil || err.Error() != want || !errors.Is(err, errMessage) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, _, err := new(inbox).take(piece{op: opBinary, payload: append([]byte{6, 1}, noise(maxReason+1)...)})
	if err == nil || err.Error() != "a message cannot be understood: it is too long" {
		t.Errorf("a reason that is too long: %v", err)
	}
}

// However a message is cut into pieces, it is what it is in one.
func FuzzInbox(f *testing.F) {
	for _, m := range []message{{kind: kindWelcome}, {kind: kindData, data: []byte("abc")}, {kind: kindAck}, {kind: kindReset, reason: "x"}} {
		f.Add(m.append(nil), uint64(1))
	}
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64) {
		want, wantErr := parseMessage(wire)
		got, err := collect(new(inbox), wire, rand.New(rand.NewPCG(seed, 2)))
		if wantErr == nil && err != nil && len(wire) <= 2+maxReason {
			t.Errorf("%q: %v", wire, err)
		}
		if err == nil && (wantErr != nil || !bytes.Equal(got.append(nil), want.append(nil))) {
			t.Errorf("%q: %+v, want %+v, %v", wire, got, want, wantErr)
		}
	})
}

package tunnel

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzBase64 holds that a message of the base64 subprotocol means what it means
// as a whole, in whatever pieces it comes, and that what we send is read again.
func FuzzBase64(f *testing.F) {
	for _, text := range []string{"aGVsbG8=", "aGVs\r\nbG8=", "aGVsbG8", "YQ==YQ==", "", "====", "a", "YQ=\n="} {
		f.Add(text, []byte{0, 2, 5})
	}
	f.Fuzz(func(t *testing.T, text string, cuts []byte) {
		var r base64Reader
		var got []byte
		var ended *ending
		rest := []byte(text)
		for last := false; !last && ended == nil; {
			n := len(rest)
			if len(cuts) > 0 {
				n, cuts = min(n, int(cuts[0])), cuts[1:]
			}
			last = n == len(rest)
			var out []byte
			out, ended = r.read(piece{op: opText, payload: rest[:n], end: last})
			got, rest = append(got, out...), rest[n:]
		}
		want, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(text))
		if (ended == nil) != (err == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q: %q, %v; as a whole %q, %v", text, got, ended, want, err)
		}
		if err == nil && (len(r.carry) > 0 || r.padded) {
			t.Errorf("%q leaves %q, padded %v, for the next message", text, r.carry, r.padded)
		}
	})
}

// FuzzParseClose holds the payload of a Close frame against RFC 6455, 7.4.
func FuzzParseClose(f *testing.F) {
	for _, payload := range []string{"", "\x03", "\x03\xe8", "\x03\xe8bye", "\x03\xed", "\x03\xee\xff", "\x0b\xb8", "\x13\x88", "\x03\xe8\xff"} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		closed, err := parseClose(payload)
		good := len(payload) == 0
		if len(payload) >= 2 {
			code := binary.BigEndian.Uint16(payload)
			// The registry of codes ends at 1014; 1004 to 1006 are never sent.
			good = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006) || code >= 3000 && code <= 4999) && utf8.Valid(payload[2:])
		}
		if good != (err == nil) {
			t.Fatalf("%q: %v", payload, err)
		}
		if err != nil || len(payload) == 0 {
			return
		}
		if again := append(binary.BigEndian.AppendUint16(nil, uint16(closed.Code)), closed.Reason...); !bytes.Equal(again, payload) {
			t.Errorf("%q is read as %+v", payload, closed)
		}
	})
}

package guard

import "encoding/binary"

// What a byte may be part of.
const (
	inToken  = 1 << iota // names of methods and fields (RFC 9110, 5.6.2)
	inTarget             // request targets: what is visible, and bytes above ASCII, which many clients send as they are
	inHost               // a name or IPv4 address (RFC 3986, 3.2.2)
)

var classes = classify()

func classify() (t [256]byte) {
	for c := '!'; c <= '~'; c++ {
		t[c] |= inTarget
	}
	for c := 0x80; c <= 0xff; c++ {
		t[c] |= inTarget
	}
	// A fragment is the client's own business. Who gets one sent may cut it
	// off or not, so that two would see two paths.
	t['#'] &^= inTarget
	for c := '0'; c <= '9'; c++ {
		t[c] |= inToken | inHost
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= inToken | inHost
		t[c-'a'+'A'] |= inToken | inHost
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] |= inToken
	}
	for _, c := range []byte("-._~!$&'()*+,;=%") {
		t[c] |= inHost
	}
	for c := 0x80; c <= 0xff; c++ {
		t[c] |= inHost // names in other scripts; whether it is one the router says
	}
	return t
}

// span gives how many bytes at b's beginning are of class.
func span(b []byte, class byte) int {
	for i, c := range b {
		if classes[c]&class == 0 {
			return i
		}
	}
	return len(b)
}

// isFieldValue tells whether b has no control character but tabs in it (RFC
// 9110, 5.5). It looks at eight bytes at a time.
func isFieldValue(b []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		del := x ^ 0x7f*ones
		below := (x - 0x20*ones) & ^x
		if (below | (del-ones) & ^del)&highs != 0 && !isFieldValueSlow(b[i:i+8]) {
			return false
		}
	}
	return isFieldValueSlow(b[i:])
}

func isFieldValueSlow(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// is tells whether b is word, which is in lower case, in any case of letters.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// trim takes the optional white space off both ends of b (RFC 9110, 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// parseLength reads a Content-Length, which is digits and nothing else.
func parseLength(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 { // what is longer is no length that anybody has
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

package router

// What a byte may be, as bits of byteClass.
const (
	unreserved = 1 << iota // RFC 3986 section 2.3: the same with and without percent-encoding
	hostByte               // in a canonical host name
	pathByte               // stands for itself in escaped path text (pchar, and "/")
	pathWire               // is left as the client wrote it in a path
	queryWire              // is left as the client wrote it in a query sent upstream
	queryLink              // stands for itself in the query or fragment of a Location
)

var byteClass = makeByteClass()

func makeByteClass() (class [256]uint8) {
	set := func(bits uint8, chars string) {
		for i := range len(chars) {
			class[chars[i]] |= bits
		}
	}
	const (
		lower  = "abcdefghijklmnopqrstuvwxyz"
		upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		digits = "0123456789"
		delims = "!$&'()*+,;=:@" // sub-delims, and what else a pchar may be
	)
	set(unreserved|pathByte|pathWire|queryLink, lower+upper+digits+"-._~")
	set(hostByte, lower+digits+"-_")
	set(pathByte|pathWire|queryLink, delims+"/")
	set(queryLink, "?%[]{}|^")
	// Not legal, sent by browsers all the same, and harmless.
	set(pathWire, `"<>[]^{|}`+"`")
	for c := range 256 {
		if c > ' ' && c != 0x7f && c != '#' {
			class[c] |= queryWire
		}
	}
	return class
}

func is(c byte, bits uint8) bool { return byteClass[c]&bits != 0 }

// onlyBytes reports whether all of s has one of bits.
func onlyBytes(s string, bits uint8) bool {
	for i := range len(s) {
		if !is(s[i], bits) {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// unhex gives the byte that the percent-encoding at s[i] stands for.
func unhex(s string, i int) (c byte, ok bool) {
	if i+2 >= len(s) {
		return 0, false
	}
	hi, ok1 := hexDigit(s[i+1])
	lo, ok2 := hexDigit(s[i+2])
	return hi<<4 | lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func appendHex(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// appendAllowed appends s, percent-encoding what has none of bits.
func appendAllowed(dst []byte, s string, bits uint8) []byte {
	for i := range len(s) {
		if is(s[i], bits) {
			dst = append(dst, s[i])
		} else {
			dst = appendHex(dst, s[i])
		}
	}
	return dst
}

package tunnel

import (
	"strconv"
	"strings"
)

// conformanceCase is what a peer sends and what must come of it (RFC 6455,
// sections 5 to 7). Behind the frames the peer sends Close 1000, so that a case
// in which nothing is wrong ends with "close 1000".
type conformanceCase struct {
	number string // as in the Autobahn test suite, or the RFC's section after a §
	name   string
	frames []wire
	cut    bool // after the frames the peer's side of the TCP connection ends instead
	want   string
	// What comes of it instead, where that is known to be otherwise. Each is in
	// docs/websocket.md.
	server, client string
}

// both is a deviation of both sides.
func (c conformanceCase) both(seen string) conformanceCase {
	c.server, c.client = seen, seen
	return c
}

// expected is what a side is known to do.
func (c *conformanceCase) expected(side string) string {
	switch {
	case side == "server" && c.server != "":
		return c.server
	case side == "client" && c.client != "":
		return c.client
	}
	return c.want
}

const failed = `"" close 1002 protocol`

var conformanceCases = []conformanceCase{
	// Data.
	{number: "1.1.1", name: "empty text", frames: []wire{single(opText, "")}, want: `"" close 1000`},
	{number: "1.1.2", name: "text", frames: []wire{single(opText, "*a*")}, want: `"*a*" close 1000`},
	{number: "1.2.1", name: "empty binary", frames: []wire{single(opBinary, "")}, want: `"" close 1000`},
	{number: "1.2.2", name: "binary", frames: []wire{single(opBinary, "\x00\xfe\xff")}, want: `"\x00\xfe\xff" close 1000`},

	// Pings and pongs.
	{number: "2.1", name: "empty ping", frames: []wire{single(opPing, "")}, want: `"" pong "" close 1000`},
	{number: "2.2", name: "ping with text", frames: []wire{single(opPing, "marco")}, want: `"" pong "marco" close 1000`},
	{number: "2.3", name: "ping with other bytes", frames: []wire{single(opPing, "\x00\xff\xfe")}, want: `"" pong "\x00\xff\xfe" close 1000`},
	{number: "2.4", name: "ping of 125", frames: []wire{single(opPing, strings.Repeat("p", 125))}, want: `"" pong "` + strings.Repeat("p", 125) + `" close 1000`},
	{number: "2.5", name: "ping of 126", frames: []wire{single(opPing, strings.Repeat("\xfe", 126))}, want: failed},
	{number: "2.7", name: "pong that nobody asked for", frames: []wire{single(opPong, "")}, want: `"" close 1000`},
	{number: "2.8", name: "pong with payload that nobody asked for", frames: []wire{single(opPong, "polo")}, want: `"" close 1000`},
	{number: "2.9", name: "pong that nobody asked for, then ping", frames: []wire{single(opPong, "polo"), single(opPing, "marco")}, want: `"" pong "marco" close 1000`},
	{number: "2.10", name: "three pings", frames: []wire{single(opPing, "1"), single(opPing, "2"), single(opPing, "3")}, want: `"" pong "1" pong "2" pong "3" close 1000`},
	{number: "§5.5", name: "pong of 126", frames: []wire{single(opPong, strings.Repeat("\xfe", 126))}, want: failed},
	{number: "§5.5", name: "close of 126", frames: []wire{single(opClose, "\x03\xe8"+strings.Repeat("\xfe", 124))}, want: failed},
	{number: "§5.5", name: "ping of 2^63-1", frames: []wire{{first: final | opPing, claim: 1<<63 - 1}}, want: failed},

	// Reserved bits.
	{number: "3.1", name: "RSV3", frames: []wire{single(opText|rsv3, "x")}, want: failed},
	{number: "3.2", name: "RSV2 behind good text", frames: []wire{single(opText, "good"), single(opText|rsv2, "bad"), single(opPing, "")}, want: `"good" close 1002 protocol`},
	{number: "3.3", name: "RSV2 and RSV3", frames: []wire{single(opText|rsv2|rsv3, "x")}, want: failed},
	{number: "3.4", name: "RSV1, as if compressed", frames: []wire{single(opText|rsv1, "x")}, want: failed},
	{number: "3.5", name: "RSV1 and RSV3 on binary", frames: []wire{single(opBinary|rsv1|rsv3, "x")}, want: failed},
	{number: "3.6", name: "RSV1 and RSV2 on a ping", frames: []wire{single(opPing|rsv1|rsv2, "x")}, want: failed},
	{number: "3.7", name: "all three on a close", frames: []wire{single(opClose|rsv1|rsv2|rsv3, "")}, want: failed},
	{number: "§5.2", name: "RSV1 on a continuation", frames: []wire{part(opText, "a"), single(opContinuation|rsv1, "b")}, want: `"a" close 1002 protocol`},

	// Reserved opcodes.
	{number: "4.1.1", name: "opcode 3", frames: []wire{single(3, "")}, want: failed},
	{number: "4.1.2", name: "opcode 4 with payload", frames: []wire{single(4, "reserved")}, want: failed},
	{number: "4.1.3", name: "opcode 5 behind text", frames: []wire{single(opText, "good"), single(5, ""), single(opPing, "")}, want: `"good" close 1002 protocol`},
	{number: "4.1.4", name: "opcode 6 behind text", frames: []wire{single(opText, "good"), single(6, "bad"), single(opPing, "")}, want: `"good" close 1002 protocol`},
	{number: "4.1.5", name: "opcode 7 behind text", frames: []wire{single(opText, "good"), single(7, "bad")}, want: `"good" close 1002 protocol`},
	{number: "4.2.1", name: "opcode 11", frames: []wire{single(11, "")}, want: failed},
	{number: "4.2.2", name: "opcode 12 with payload", frames: []wire{single(12, "reserved")}, want: failed},
	{number: "4.2.3", name: "opcode 13 behind text", frames: []wire{single(opText, "good"), single(13, "")}, want: `"good" close 1002 protocol`},
	{number: "4.2.4", name: "opcode 14 behind text", frames: []wire{single(opText, "good"), single(14, "bad")}, want: `"good" close 1002 protocol`},
	{number: "4.2.5", name: "opcode 15 behind text", frames: []wire{single(opText, "good"), single(15, "bad")}, want: `"good" close 1002 protocol`},
	{number: "§5.2", name: "opcode 3 within a message", frames: []wire{part(opText, "a"), single(3, "b"), single(opContinuation, "c")}, want: `"a" close 1002 protocol`},

	// Fragments.
	{number: "5.1", name: "ping in two parts", frames: []wire{part(opPing, "a"), single(opContinuation, "b")}, want: failed},
	{number: "5.2", name: "pong in two parts", frames: []wire{part(opPong, "a"), single(opContinuation, "b")}, want: failed},
	{number: "§5.4", name: "close in two parts", frames: []wire{part(opClose, "\x03\xe8"), single(opContinuation, "b")}, want: failed},
	{number: "5.3", name: "text in two parts", frames: []wire{part(opText, "one"), single(opContinuation, "two")}, want: `"onetwo" close 1000`},
	{number: "5.6", name: "ping between two parts", frames: []wire{part(opText, "one"), single(opPing, "?"), single(opContinuation, "two")}, want: `"onetwo" pong "?" close 1000`},
	{number: "5.9", name: "continuation of nothing", frames: []wire{single(opContinuation, "x"), single(opText, "y")}, want: failed},
	{number: "5.12", name: "continuation of nothing that is to go on", frames: []wire{part(opContinuation, "x"), single(opText, "y")}, want: failed},
	{number: "5.15", name: "continuation behind the last part", frames: []wire{part(opText, "one"), single(opContinuation, "two"), part(opContinuation, "x"), single(opText, "y")}, want: `"onetwo" close 1002 protocol`},
	{number: "5.18", name: "a new message within one", frames: []wire{part(opText, "one"), single(opText, "two")}, want: `"one" close 1002 protocol`},
	{number: "§5.4", name: "binary begun within text", frames: []wire{part(opText, "one"), part(opBinary, "two")}, want: `"one" close 1002 protocol`},
	{number: "5.19", name: "parts with pings and pongs between", frames: []wire{
		part(opText, "1"), part(opContinuation, "2"), single(opPing, "a"), part(opContinuation, "3"), single(opPong, "!"), part(opContinuation, "4"), single(opPing, "b"), single(opContinuation, "5"),
	}, want: `"12345" pong "a" pong "b" close 1000`},
	{number: "6.1.2", name: "empty parts", frames: []wire{part(opBinary, ""), part(opContinuation, ""), single(opContinuation, "")}, want: `"" close 1000`},
	{number: "6.1.3", name: "empty parts around one", frames: []wire{part(opBinary, ""), part(opContinuation, "x"), single(opContinuation, "")}, want: `"x" close 1000`},

	// Text is taken as its bytes, so one that is no UTF-8 is passed on.
	{number: "6.2.1", name: "UTF-8", frames: []wire{single(opText, "zażółć")}, want: `"zażółć" close 1000`},
	{number: "6.2.4", name: "a character in two parts", frames: []wire{part(opText, "\xc5"), single(opContinuation, "\xbc")}, want: `"ż" close 1000`},
	conformanceCase{number: "6.3.1", name: "text that is no UTF-8", frames: []wire{single(opText, "a\xed\xa0\x80b")}, want: `"" close 1007 protocol`}.
		both(`"a\xed\xa0\x80b" close 1000`),
	conformanceCase{number: "6.4.1", name: "text that is no UTF-8, in parts", frames: []wire{part(opText, "a\xf4"), part(opContinuation, "\x90"), single(opContinuation, "b")}, want: `"a" close 1007 protocol`}.
		both(`"a\xf4\x90b" close 1000`),

	// The closing handshake.
	{number: "7.1.1", name: "text, then close", frames: []wire{single(opText, "last")}, want: `"last" close 1000`},
	{number: "7.1.2", name: "close twice", frames: []wire{closeFrame(1000, ""), closeFrame(1001, "")}, want: `"" close 1000`},
	{number: "7.1.3", name: "ping behind close", frames: []wire{closeFrame(1000, ""), single(opPing, "?")}, want: `"" close 1000`},
	{number: "7.1.4", name: "text behind close", frames: []wire{closeFrame(1000, ""), single(opText, "late")}, want: `"" close 1000`},
	{number: "7.1.5", name: "close within a message", frames: []wire{part(opText, "one"), closeFrame(1000, ""), single(opContinuation, "two")}, want: `"one" close 1000`},
	{number: "§7.1.1", name: "a broken frame behind close", frames: []wire{closeFrame(1000, ""), single(opText|rsv1, "x")}, want: `"" close 1000`},
	{number: "7.3.1", name: "close without a code", frames: []wire{single(opClose, "")}, want: `"" close empty`},
	{number: "7.3.2", name: "close with half a code", frames: []wire{single(opClose, "\x03")}, want: failed},
	{number: "7.3.3", name: "close with a code", frames: []wire{closeFrame(1000, "")}, want: `"" close 1000`},
	{number: "7.3.4", name: "close with a reason", frames: []wire{closeFrame(1000, "Goodbye, świat")}, want: `"" close 1000`},
	{number: "7.3.5", name: "close with the longest reason", frames: []wire{closeFrame(1000, strings.Repeat("r", 123))}, want: `"" close 1000`},
	{number: "7.3.6", name: "close with a reason too long", frames: []wire{closeFrame(1000, strings.Repeat("r", 124))}, want: failed},
	{number: "7.5.1", name: "close with a reason that is no UTF-8", frames: []wire{closeFrame(1000, "\xce\xba\xed\xa0\x80")}, want: `"" close 1007 protocol`},

	// Codes of closing.
	accepted("7.7.1", 1000, ""),
	accepted("7.7.2", 1001, "closed"),
	accepted("7.7.3", 1002, "closed"),
	accepted("7.7.4", 1003, "closed"),
	accepted("7.7.5", 1007, "closed"),
	accepted("7.7.6", 1008, "closed"),
	accepted("7.7.7", 1009, "closed"),
	accepted("7.7.8", 1010, "closed"),
	accepted("7.7.9", 1011, "closed"),
	accepted("§7.4", 1012, "closed"), // registered since: service restart
	accepted("§7.4", 1013, "closed"), // try again later
	accepted("§7.4", 1014, "closed"), // bad gateway
	accepted("7.7.10", 3000, "closed"),
	accepted("7.7.11", 3999, "closed"),
	accepted("7.7.12", 4000, "closed"),
	accepted("7.7.13", 4999, "closed"),
	refused("7.9.1", 0),
	refused("7.9.2", 999),
	refused("7.9.3", 1004),
	refused("7.9.4", 1005),
	refused("7.9.5", 1006),
	refused("7.9.6", 1016),
	refused("7.9.7", 1100),
	refused("7.9.8", 2000),
	refused("7.9.9", 2999),
	refused("§7.4.1", 1015),
	refused("7.13.1", 5000),
	refused("7.13.2", 65535),

	// Lengths. A sender must use as few bytes as do; what a receiver makes of
	// more is left to it.
	{number: "§5.2", name: "16-bit length of 5", frames: []wire{{first: final | opText, payload: "Hello", lengthBytes: 2}}, want: `"Hello" close 1000`},
	{number: "§5.2", name: "64-bit length of 5", frames: []wire{{first: final | opText, payload: "Hello", lengthBytes: 8}}, want: `"Hello" close 1000`},
	{number: "§5.2", name: "16-bit length of a ping of 5", frames: []wire{{first: final | opPing, payload: "Hello", lengthBytes: 2}}, want: `"" pong "Hello" close 1000`},
	{number: "§5.2", name: "64-bit length with the top bit", frames: []wire{{first: final | opBinary, payload: "Hello", claim: 1<<63 | 5}}, want: failed},
	{number: "§5.2", name: "64-bit length of all ones", frames: []wire{{first: final | opBinary, claim: 1<<64 - 1}}, want: failed},

	// Masking: a client must, a server must not, and the other end must not
	// take it otherwise.
	{number: "§5.1", name: "data with the wrong mask", frames: []wire{{first: final | opText, payload: "Hello", wrongMask: true}}, want: failed},
	{number: "§5.1", name: "empty data with the wrong mask", frames: []wire{{first: final | opText, wrongMask: true}}, want: failed},
	{number: "§5.1", name: "ping with the wrong mask", frames: []wire{{first: final | opPing, payload: "x", wrongMask: true}}, want: failed},
	{number: "§5.1", name: "close with the wrong mask", frames: []wire{{first: final | opClose, payload: "\x03\xe8", wrongMask: true}}, want: failed},
	{number: "§5.1", name: "second part with the wrong mask", frames: []wire{part(opText, "one"), {first: final, payload: "two", wrongMask: true}}, want: `"one" close 1002 protocol`},

	// A TCP connection that ends without a Close frame: there is nobody to tell.
	{number: "§7.1.5", name: "end at once", cut: true, want: `"" no close lost`},
	{number: "§7.1.5", name: "end behind a message", frames: []wire{single(opText, "Hello")}, cut: true, want: `"Hello" no close lost`},
	{number: "§7.1.5", name: "end within a message", frames: []wire{part(opText, "Hel")}, cut: true, want: `"Hel" no close lost`},
	{number: "§7.1.5", name: "end behind the first byte", frames: []wire{{first: final | opText, payload: "Hello", cut: 1}}, cut: true, want: `"" no close lost`},
	{number: "§7.1.5", name: "end within a length", frames: []wire{{first: final | opBinary, claim: 1 << 20, cut: 5}}, cut: true, want: `"" no close lost`},
	{number: "§7.1.5", name: "end within a ping", frames: []wire{{first: final | opPing, payload: "Hello", cut: 6}}, cut: true, want: `"" no close lost`},
	{number: "§7.1.5", name: "end within a close", frames: []wire{{first: final | opClose, payload: "\x03\xe8", cut: 3}}, cut: true, want: `"" no close lost`},
	{number: "§7.1.5", name: "end within a payload", frames: []wire{{first: final | opBinary, payload: "Hello", claim: 100}}, cut: true, want: `"Hello" no close lost`},
}

// accepted is a code that a peer may close with; it gets it back.
func accepted(number string, code uint16, ended string) conformanceCase {
	c := closeCase(number, code)
	c.want = strings.TrimSpace(`"" close ` + digits(code) + " " + ended)
	return c
}

// refused is a code that must not be on the wire.
func refused(number string, code uint16) conformanceCase {
	c := closeCase(number, code)
	c.want = failed
	return c
}

func closeCase(number string, code uint16) conformanceCase {
	return conformanceCase{number: number, name: "close with " + digits(code), frames: []wire{closeFrame(code, "why")}}
}

func digits(code uint16) string { return strconv.Itoa(int(code)) }

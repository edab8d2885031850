package middleware

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// LogFormat is how a line of an access log looks.
type LogFormat int

// The formats. Combined and Common are Apache's; JSON is one object a line.
const (
	Combined LogFormat = iota
	Common
	JSON
)

// LogFormatNamed gives the format that the config calls name; "" is Combined.
func LogFormatNamed(name string) (format LogFormat, known bool) {
	switch name {
	case "", "combined":
		return Combined, true
	case "common":
		return Common, true
	case "json":
		return JSON, true
	}
	return 0, false
}

// entry is what one line of an access log says. Text in it comes from the
// client as it is: the formats escape it.
type entry struct {
	time     time.Time // when the line is written
	client   netip.Addr
	user     string
	host     string
	method   string
	uri      string
	proto    string
	referer  string
	agent    string
	status   int
	bytes    int64         // of the answer's body
	duration time.Duration // since the request came
	first    time.Duration // from the request to the answer's header
	rule     int           // the line of the rule in the config, 0 for none

	// tunnel is "open" and "close" for the two lines of a tunnel; in and out
	// are what it carried from the client and to the client.
	tunnel  string
	in, out int64
}

// appendTo adds the line, with its end.
func (e *entry) appendTo(dst []byte, format LogFormat) []byte {
	if format == JSON {
		return e.appendJSON(dst)
	}
	dst = e.appendCommon(dst)
	if format == Combined {
		dst = append(dst, ` "`...)
		dst = appendEscaped(dst, orDash(e.referer), false)
		dst = append(dst, `" "`...)
		dst = appendEscaped(dst, orDash(e.agent), false)
		dst = append(dst, '"')
	}
	// What a tunnel carried stands behind what the readers of these formats
	// know.
	if e.tunnel != "" {
		dst = append(dst, " tunnel="...)
		dst = append(dst, e.tunnel...)
	}
	if e.tunnel == tunnelClose {
		dst = append(dst, " in="...)
		dst = strconv.AppendInt(dst, e.in, 10)
		dst = append(dst, " out="...)
		dst = strconv.AppendInt(dst, e.out, 10)
		dst = append(dst, " seconds="...)
		dst = appendThousandths(dst, e.duration.Milliseconds())
	}
	return append(dst, '\n')
}

func (e *entry) appendCommon(dst []byte) []byte {
	if e.client.IsValid() {
		dst = e.client.AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, " - "...)
	dst = appendEscaped(dst, orDash(e.user), true)
	dst = append(dst, ' ')
	dst = e.time.AppendFormat(dst, "[02/Jan/2006:15:04:05 -0700]")
	dst = append(dst, ` "`...)
	dst = appendEscaped(dst, e.method, true)
	dst = append(dst, ' ')
	dst = appendEscaped(dst, e.uri, true)
	dst = append(dst, ' ')
	dst = append(dst, e.proto...)
	dst = append(dst, `" `...)
	dst = strconv.AppendInt(dst, int64(e.status), 10)
	dst = append(dst, ' ')
	if e.bytes == 0 {
		return append(dst, '-')
	}
	return strconv.AppendInt(dst, e.bytes, 10)
}

func (e *entry) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"time":"`...)
	dst = e.time.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","client":"`...)
	if e.client.IsValid() {
		dst = e.client.AppendTo(dst)
	}
	dst = append(dst, '"')
	dst = appendJSONText(dst, "user", e.user)
	dst = appendJSONText(dst, "host", e.host)
	dst = appendJSONText(dst, "method", e.method)
	dst = appendJSONText(dst, "uri", e.uri)
	dst = appendJSONText(dst, "proto", e.proto)
	dst = appendJSONNumber(dst, "status", int64(e.status))
	dst = appendJSONNumber(dst, "bytes", e.bytes)
	dst = append(dst, `,"ms":`...)
	dst = appendThousandths(dst, e.duration.Microseconds())
	dst = append(dst, `,"firstByteMs":`...)
	dst = appendThousandths(dst, e.first.Microseconds())
	dst = appendJSONText(dst, "referer", e.referer)
	dst = appendJSONText(dst, "userAgent", e.agent)
	dst = appendJSONNumber(dst, "rule", int64(e.rule))
	if e.tunnel != "" {
		dst = appendJSONText(dst, "tunnel", e.tunnel)
	}
	if e.tunnel == tunnelClose {
		dst = appendJSONNumber(dst, "in", e.in)
		dst = appendJSONNumber(dst, "out", e.out)
	}
	return append(dst, "}\n"...)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

const hexDigits = "0123456789abcdef"

// appendEscaped writes everything but printable ASCII, as well as quotes and
// backslashes, as \xHH, so that a line stays a line and a field a field.
func appendEscaped(dst []byte, text string, escapeSpace bool) []byte {
	clean := 0 // where what is not copied yet begins
	for i := range len(text) {
		c := text[i]
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == ' ' && escapeSpace {
			dst = append(dst, text[clean:i]...)
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			clean = i + 1
		}
	}
	return append(dst, text[clean:]...)
}

// appendJSONText writes a member; bytes that are no UTF-8 become U+FFFD.
func appendJSONText(dst []byte, name, text string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	clean := 0 // where what is not copied yet begins
	for i, c := range text {
		if c != '"' && c != '\\' && c != utf8.RuneError && !isControl(c) {
			continue
		}
		dst = append(dst, text[clean:i]...)
		clean = i + 1
		switch {
		case c == utf8.RuneError:
			if strings.HasPrefix(text[i:], "\ufffd") {
				clean = i + len("\ufffd")
			}
			dst = append(dst, "\ufffd"...)
		case isControl(c):
			clean = i + utf8.RuneLen(c)
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, '\\', byte(c))
		}
	}
	dst = append(dst, text[clean:]...)
	return append(dst, '"')
}

func appendJSONNumber(dst []byte, name string, n int64) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return strconv.AppendInt(dst, n, 10)
}

// appendThousandths writes n/1000 with three decimals.
func appendThousandths(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n/1000, 10)
	n %= 1000
	return append(dst, '.', '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
}

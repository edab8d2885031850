package router

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrHost is wrapped by every error of CanonicalHost. The texts are fixed, so
// they are safe to send to a client, with status 400.
var ErrHost = errors.New("invalid host")

var (
	errHostPort   = fmt.Errorf("%w: the port is not a number from 1 to 65535", ErrHost)
	errHostEmpty  = fmt.Errorf("%w: there is no name", ErrHost)
	errHostLabel  = fmt.Errorf("%w: there is nothing between two dots", ErrHost)
	errHostLong   = fmt.Errorf("%w: the name is longer than DNS allows", ErrHost)
	errHostByte   = fmt.Errorf("%w: the name has a character that no host name has", ErrHost)
	errHostIDN    = fmt.Errorf("%w: the name is not a valid international name", ErrHost)
	errHostIPv6   = fmt.Errorf("%w: what stands in brackets is not an IPv6 address", ErrHost)
	errHostZone   = fmt.Errorf("%w: an IPv6 address cannot have a zone here", ErrHost)
	errHostColons = fmt.Errorf("%w: an IPv6 address needs brackets", ErrHost)
)

// maxHost is more than any valid name needs before it is turned to punycode;
// longer ones are not worth the work.
const maxHost = 1024

// idnaProfile maps names as UTS 46 says. What ASCII bytes a name may have, and
// how long it may be, is for asciiHost alone to say, so that names that come
// through here follow the same rules as those that do not.
var idnaProfile = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.BidiRule())

// CanonicalHost splits a Host header or :authority and makes both halves
// canonical. The host is lower case ASCII, punycode where the client sent
// UTF-8, without a final dot; an IPv6 address is in brackets, as RFC 5952
// writes it; an IPv4 address stays as it is written. The port is without
// leading zeros, or "" for none. An empty header gives two empty strings.
//
// A header that is already canonical costs no allocation. Errors wrap
// [ErrHost].
func CanonicalHost(header string) (host, port string, err error) {
	if header == "" {
		return "", "", nil
	}
	host, port, hasPort := splitPort(header)
	if hasPort && port != "" { // RFC 9110 section 4.2.1: "a.com:" has the default port
		if port, err = canonicalPort(port); err != nil {
			return "", "", err
		}
	}
	if header[0] == '[' {
		host, err = canonicalIPv6(host)
	} else {
		host, err = canonicalName(host)
	}
	if err != nil {
		return "", "", err
	}
	return host, port, nil
}

// splitPort cuts s at the first colon that is not in brackets.
func splitPort(s string) (host, port string, found bool) {
	from := 0
	if strings.HasPrefix(s, "[") {
		from = strings.IndexByte(s, ']') + 1
	}
	if i := strings.IndexByte(s[from:], ':'); i >= 0 {
		return s[:from+i], s[from+i+1:], true
	}
	return s, "", false
}

func canonicalPort(s string) (string, error) {
	if strings.IndexByte(s, ':') >= 0 {
		return "", errHostColons
	}
	if !isDigits(s) {
		return "", errHostPort
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || len(s) > 5 || len(s) == 5 && s > "65535" {
		return "", errHostPort
	}
	return s, nil
}

func canonicalIPv6(literal string) (string, error) {
	inner, closed := strings.CutSuffix(literal[1:], "]")
	if !closed {
		return "", errHostIPv6
	}
	addr, err := netip.ParseAddr(inner)
	if err != nil || !addr.Is6() {
		return "", errHostIPv6
	}
	if addr.Zone() != "" {
		return "", errHostZone
	}
	var buf [48]byte
	text := append(addr.AppendTo(append(buf[:0], '[')), ']')
	if string(text) == literal {
		return literal, nil
	}
	return string(text), nil
}

// canonicalName makes a host name or IPv4 address canonical.
func canonicalName(s string) (string, error) {
	for i := range len(s) {
		if s[i] < 0x80 {
			continue
		}
		if len(s) > maxHost {
			return "", errHostLong
		}
		ascii, err := idnaProfile.ToASCII(s)
		if err != nil || !utf8.ValidString(s) {
			return "", errHostIDN
		}
		return asciiHost(ascii)
	}
	return asciiHost(s)
}

// asciiHost checks a name that holds no UTF-8 any more, and makes it lower
// case. Underscores are allowed, for they are in use.
func asciiHost(s string) (string, error) {
	s = strings.TrimSuffix(s, ".")
	if s == "" {
		return "", errHostEmpty
	}
	if len(s) > 253 {
		return "", errHostLong
	}
	upper, label := false, 0 // label is where the current one begins
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == '.':
			if i == label {
				return "", errHostLabel
			}
			if i-label > 63 {
				return "", errHostLong
			}
			label = i + 1
		case is(s[i], hostByte):
		case 'A' <= s[i] && s[i] <= 'Z':
			upper = true
		default:
			return "", errHostByte
		}
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, nil
}

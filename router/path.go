package router

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrPath is wrapped by every error of CanonicalPath. The texts are fixed, so
// they are safe to send to a client, with status 400.
var ErrPath = errors.New("invalid path")

var (
	errPathStart     = fmt.Errorf("%w: it does not begin with /", ErrPath)
	errPathPercent   = fmt.Errorf("%w: a %% is not followed by two hexadecimal digits", ErrPath)
	errPathControl   = fmt.Errorf("%w: it has a control character", ErrPath)
	errPathBackslash = fmt.Errorf("%w: it has a backslash", ErrPath)
	errPathSlash     = fmt.Errorf("%w: it has an encoded slash", ErrPath)
	errPathDots      = fmt.Errorf("%w: it hides a dot segment", ErrPath)
)

// WirePath gives the path of u as the client sent it, which is what
// CanonicalPath wants. URL.EscapedPath does not: for a path that has, say, a
// raw "|" it encodes the decoded path anew, and a %2F comes out as "/". No path
// behind a host is the path "/" (RFC 9110, 4.2.3).
func WirePath(u *url.URL) string {
	switch {
	case u.RawPath != "":
		return u.RawPath
	case u.Path == "" && u.Host != "":
		return "/"
	}
	return u.EscapedPath()
}

// CanonicalPath makes of a path as it came over the wire (see [WirePath]) the
// one that is matched and the one that is forwarded.
//
// path is percent-decoded, without dot segments (RFC 3986 section 5.2.4) and
// without doubled slashes. A % in it is always the beginning of "%25" (a
// percent sign) or, with allowEncodedSlash, of "%2F", so that nothing that
// decodes it once more can be led astray.
//
// forward is escaped itself when that was canonical: no dot segments, no
// doubled slashes, nothing encoded that means the same when it is not
// (%61dmin), nothing raw that must be encoded. Otherwise it is escaped with
// exactly these repaired.
//
// Refused is what hides a / (unless allowed), a \ or a dot segment, in whatever
// mix of encodings or before a path parameter ("/..;x/"), as well as malformed
// encodings, control characters (raw or encoded) and raw backslashes. Errors
// wrap [ErrPath]. Bytes that are no UTF-8 pass.
//
// A clean path costs no allocation.
func CanonicalPath(escaped string, allowEncodedSlash bool) (path, forward string, err error) {
	if !strings.HasPrefix(escaped, "/") {
		return "", "", errPathStart
	}
	if isCleanPath(escaped) {
		return escaped, escaped, nil
	}
	c := pathCleaner{allowSlash: allowEncodedSlash}
	rest, more := escaped[1:], true
	for more {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if err := c.add(segment, !more); err != nil {
			return "", "", err
		}
	}
	path = string(c.path)
	switch string(c.forward) {
	case escaped:
		forward = escaped
	case path:
		forward = path
	default:
		forward = string(c.forward)
	}
	return path, forward, nil
}

// isCleanPath reports whether s is canonical and has no percent-encoding. It
// may err on the side of false.
func isCleanPath(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !is(c, pathWire) {
			return false
		}
		if c != '/' || i+1 == len(s) {
			continue
		}
		if s[i+1] == '/' || s[i+1] == '.' && isDots(s[i+1:]) {
			return false
		}
	}
	return true
}

// isDots reports whether the first segment of s is "." or "..", a path
// parameter aside.
func isDots(s string) bool {
	s = strings.TrimPrefix(s[1:], ".")
	return s == "" || s[0] == '/' || s[0] == ';'
}

// pathCleaner builds both results segment by segment; both hold the same
// number of slashes at any time.
type pathCleaner struct {
	allowSlash    bool
	path, forward []byte
}

func (c *pathCleaner) add(segment string, last bool) error {
	switch segment {
	case "", ".":
	case "..":
		c.path = c.path[:max(0, bytes.LastIndexByte(c.path, '/'))]
		c.forward = c.forward[:max(0, bytes.LastIndexByte(c.forward, '/'))]
	default:
		c.path = append(c.path, '/')
		c.forward = append(c.forward, '/')
		return c.decode(segment)
	}
	if last {
		c.path = append(c.path, '/')
		c.forward = append(c.forward, '/')
	}
	return nil
}

func (c *pathCleaner) decode(segment string) error {
	start := len(c.path)
	for i := 0; i < len(segment); i++ {
		b := segment[i]
		switch {
		case b == '%':
			if err := c.encoded(segment, i); err != nil {
				return err
			}
			i += 2
			continue
		case isControl(b):
			return errPathControl
		case b == '\\':
			return errPathBackslash
		case is(b, pathWire):
			c.forward = append(c.forward, b)
		default:
			c.forward = appendHex(c.forward, b)
		}
		c.path = append(c.path, b)
	}
	// A plain dot segment does not come here: this one was disguised.
	if hidesDots(string(c.path[start:])) {
		return errPathDots
	}
	return nil
}

// encoded adds the percent-encoded byte at segment[i].
func (c *pathCleaner) encoded(segment string, i int) error {
	b, ok := unhex(segment, i)
	switch {
	case !ok:
		return errPathPercent
	case isControl(b):
		return errPathControl
	case b == '\\':
		return errPathBackslash
	case b == '/' && !c.allowSlash:
		return errPathSlash
	case b == '/' || b == '%':
		c.path = appendHex(c.path, b)
		c.forward = append(c.forward, segment[i:i+3]...)
	case is(b, unreserved):
		c.path = append(c.path, b)
		c.forward = append(c.forward, b)
	default:
		c.path = append(c.path, b)
		c.forward = append(c.forward, segment[i:i+3]...)
	}
	return nil
}

// hidesDots reports whether a decoded segment is, or where it has encoded
// slashes holds, a dot segment, path parameters aside.
func hidesDots(segment string) bool {
	for more := true; more; {
		var part string
		part, segment, more = strings.Cut(segment, "%2F")
		if part, _, _ = strings.Cut(part, ";"); part == "." || part == ".." {
			return true
		}
	}
	return false
}

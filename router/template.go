package router

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// maxTemplate bounds the text of a template or target.
const maxTemplate = 8192

// Template is text with macros, parsed once at load. It is immutable and may
// be used by several goroutines.
type Template struct {
	parts []part
}

type partKind uint8

const (
	literalPart partKind = iota
	capturePart
	hostPart       // [host]
	pathPart       // [path]
	queryPart      // [query]
	subjectPart    // [tls.subject]
	commonNamePart // [tls.cn]
)

type part struct {
	kind    partKind
	text    string // literalPart: what it stands for
	capture int    // capturePart: its number
}

// ParseTemplate parses text with macros that refer to s. The error is a
// [*SyntaxError].
func ParseTemplate(text string, s Scope) (*Template, error) {
	return parseTemplate(text, 0, s)
}

// parseTemplate parses a piece of a longer text; offset is where it stands.
func parseTemplate(text string, offset int, s Scope) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, syntaxf(offset, "the text is longer than %d bytes", maxTemplate)
	}
	t := &Template{}
	literal := func(text string) {
		if n := len(t.parts); n > 0 && t.parts[n-1].kind == literalPart {
			t.parts[n-1].text += text
		} else if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
	}
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '[')
		if open < 0 {
			literal(rest)
			break
		}
		literal(rest[:open])
		rest = rest[open:]
		if strings.HasPrefix(rest, "[[") {
			literal("[")
			rest = rest[2:]
			continue
		}
		at := offset + len(text) - len(rest)
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return nil, syntaxf(at, "there is no ] for this [ (a literal [ is written [[)")
		}
		macro, err := parseMacro(rest[1:end], at, s)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, macro)
		rest = rest[end+1:]
	}
	return t, nil
}

func parseMacro(name string, at int, s Scope) (part, error) {
	switch name {
	case "host":
		return part{kind: hostPart}, nil
	case "path":
		return part{kind: pathPart}, nil
	case "query":
		return part{kind: queryPart}, nil
	case "tls.subject":
		return part{kind: subjectPart}, nil
	case "tls.cn":
		return part{kind: commonNamePart}, nil
	}
	n, err := s.capture(name, at)
	return part{kind: capturePart, capture: n}, err
}

// Literal gives the text of t if it has no macros.
func (t *Template) Literal() (text string, ok bool) {
	switch len(t.parts) {
	case 0:
		return "", true
	case 1:
		return t.parts[0].text, t.parts[0].kind == literalPart
	}
	return "", false
}

// uses reports whether t has a part of kind.
func (t *Template) uses(kind partKind) bool {
	for _, p := range t.parts {
		if p.kind == kind {
			return true
		}
	}
	return false
}

// value gives what p stands for in Raw text.
func (p *part) value(m *Match) string {
	switch p.kind {
	case capturePart:
		return m.Capture(p.capture)
	case hostPart:
		return m.Host
	case pathPart:
		return strings.TrimPrefix(m.Path, "/")
	case queryPart:
		return m.Query
	case subjectPart, commonNamePart:
		return p.certificate(m.ClientCert)
	}
	return p.text
}

// certificate gives what p stands for where the client has shown cert, and ""
// where it has shown none.
func (p *part) certificate(cert *x509.Certificate) string {
	switch {
	case cert == nil:
		return ""
	case p.kind == commonNamePart:
		return cert.Subject.CommonName
	}
	return cert.Subject.String()
}

// ErrCapture is wrapped by every error of expanding a template: a text from
// the request does not fit the place it has in the target. The request is to
// be answered with 400, and with ErrCapture's own text: that of the wrapping
// error quotes the request.
var ErrCapture = errors.New("a part of the request does not fit its place in the target")

func captureError(text, want string) error {
	const most = 100 // is enough to see in a log what it was
	return fmt.Errorf("%w: %.*q is not %s", ErrCapture, most, text, want)
}

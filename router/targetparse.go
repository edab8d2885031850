package router

import "strings"

// ParseTarget parses the text of a target whose macros refer to s:
//
//	8080                      a port of this machine
//	5050/path?query           a port and a path
//	host, host:port, host:port/path?query#fragment
//	scheme://host:port/path?query#fragment
//	/path?query#fragment      for redirects
//	unix:/path/of/a.sock
//
// Macros may stand in host, port, path, query and fragment; [path], [query]
// and those of the client certificate not in the first two. A host that is digits alone is a port. IPv6 addresses
// are in brackets; for a macro they are added. Which schemes there are, and
// whether a port must be written, is for the user of the Target to say. What
// needs percent-encoding in a path, query or fragment gets it.
//
// The error is a [*SyntaxError].
func ParseTarget(text string, s Scope) (*Target, error) {
	p := targetParser{text: text, scope: s, target: &Target{Text: text}}
	if err := p.parse(); err != nil {
		return nil, err
	}
	t := p.target
	if t.Host != nil {
		t.host, _ = t.Host.Literal()
		t.host = strings.Trim(t.host, "[]")
	}
	if t.Port != nil {
		t.port, _ = t.Port.Literal()
	}
	t.ownQuery = t.Query != nil && (t.Query.uses(queryPart) || t.Query.uses(pathPart))
	return t, nil
}

type targetParser struct {
	text   string
	scope  Scope
	target *Target
}

func (p *targetParser) parse() error {
	switch {
	case p.text == "":
		return syntaxf(0, "the target is empty")
	case len(p.text) > maxTemplate:
		return syntaxf(maxTemplate, "the target is longer than %d bytes", maxTemplate)
	case strings.HasPrefix(p.text, "//"):
		return syntaxf(0, "a target does not begin with //: write the scheme, such as https:%s", p.text)
	case len(p.text) >= len("unix:") && strings.EqualFold(p.text[:len("unix:")], "unix:"):
		return p.parseSocket()
	}
	start, err := p.parseScheme()
	if err != nil {
		return err
	}
	end := p.find(start, "/?#")
	if err := p.parseAuthority(start, end); err != nil {
		return err
	}
	return p.parseRest(end)
}

// find gives the offset of the first of chars from start on that is not in a
// macro or in brackets, or the end of the text.
func (p *targetParser) find(start int, chars string) int {
	for i := start; i < len(p.text); i++ {
		switch {
		case strings.HasPrefix(p.text[i:], "[["):
			i++
		case p.text[i] == '[':
			n := strings.IndexByte(p.text[i:], ']')
			if n < 0 {
				return len(p.text)
			}
			i += n
		case strings.IndexByte(chars, p.text[i]) >= 0:
			return i
		}
	}
	return len(p.text)
}

// parseScheme gives the offset of what follows the scheme.
func (p *targetParser) parseScheme() (int, error) {
	end := strings.Index(p.text, "://")
	if end < 0 || p.find(0, "/?#") < end {
		return 0, nil
	}
	scheme := strings.ToLower(p.text[:end])
	for i := range len(scheme) {
		c := scheme[i]
		if c == '[' {
			return 0, syntaxf(i, "the scheme cannot come from the request: write it out")
		}
		if letter := 'a' <= c && c <= 'z'; !letter && (i == 0 || !isDigits(scheme[i:i+1]) && !strings.Contains("+-.", scheme[i:i+1])) {
			return 0, syntaxf(i, "a scheme has no %q", c)
		}
	}
	if scheme == "" {
		return 0, syntaxf(0, "there is no scheme before ://")
	}
	p.target.Scheme = scheme
	return end + len("://"), nil
}

// refuse faults the macros in t, which stands at offset, that are of one of
// kinds.
func (p *targetParser) refuse(t *Template, offset int, place string, kinds ...partKind) error {
	names := map[partKind]string{hostPart: "[host]", pathPart: "[path]", queryPart: "[query]", subjectPart: "[tls.subject]", commonNamePart: "[tls.cn]"}
	for _, kind := range kinds {
		if t.uses(kind) {
			at := strings.Index(p.text[offset:], names[kind])
			return syntaxf(offset+at, "%s cannot be %s", names[kind], place)
		}
	}
	return nil
}

// parseRest parses path, query and fragment.
func (p *targetParser) parseRest(start int) error {
	query := p.find(start, "?#")
	fragment := p.find(query, "#")
	t, err := p.escaped(start, query, pathWire)
	if err != nil {
		return err
	}
	if query > start {
		if err := p.refuse(t, start, "part of a path: it belongs behind a ?", queryPart); err != nil {
			return err
		}
		if i := strings.IndexByte(p.text[start:query], '\\'); i >= 0 {
			return syntaxf(start+i, "a path has no backslash: write /")
		}
		if hasDotSegment(t.shape()) {
			return syntaxf(start, "the path has . or .. in it: write where it leads to")
		}
		p.target.Path = t
	}
	if query < fragment {
		if p.target.Query, err = p.escaped(query+1, fragment, queryLink); err != nil {
			return err
		}
	}
	if fragment < len(p.text) {
		p.target.Fragment, err = p.escaped(fragment+1, len(p.text), queryLink)
	}
	return err
}

// escaped parses a template whose literal text is percent-encoded where it has
// to be: what has none of bits.
func (p *targetParser) escaped(start, end int, bits uint8) (*Template, error) {
	text := p.text[start:end]
	for i := range len(text) {
		if _, ok := unhex(text, i); text[i] == '%' && !ok {
			return nil, syntaxf(start+i, "a %% is not followed by two hexadecimal digits: write %%25 for the character")
		}
	}
	t, err := parseTemplate(text, start, p.scope)
	if err != nil {
		return nil, err
	}
	for i := range t.parts {
		part := &t.parts[i]
		if part.kind != literalPart {
			continue
		}
		var escaped []byte
		for j := range len(part.text) {
			if c := part.text[j]; c == '%' || is(c, bits) {
				escaped = append(escaped, c)
			} else {
				escaped = appendHex(escaped, c)
			}
		}
		if i == 0 && bits == pathWire {
			escaped = mergeLeadingSlashes(escaped)
		}
		part.text = string(escaped)
	}
	return t, nil
}

// shape gives the literal text of t with an x for each macro.
func (t *Template) shape() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.kind == literalPart {
			b.WriteString(p.text)
		} else {
			b.WriteByte('x')
		}
	}
	return b.String()
}

func (p *targetParser) parseSocket() error {
	start := len("unix:")
	if strings.HasPrefix(p.text[start:], "//") {
		start += len("//")
	}
	if !strings.HasPrefix(p.text[start:], "/") {
		return syntaxf(start, "the path of a socket begins with /, as in unix:/run/app.sock")
	}
	t, err := parseTemplate(p.text[start:], start, p.scope)
	if err != nil {
		return err
	}
	if err := p.refuse(t, start, "part of a socket's path", pathPart, queryPart, subjectPart, commonNamePart); err != nil {
		return err
	}
	if hasDotSegment(t.shape()) {
		return syntaxf(start, "the path has . or .. in it: write where it leads to")
	}
	for i := range len(p.text) {
		if isControl(p.text[i]) {
			return syntaxf(i, "the path of a socket has no control characters")
		}
	}
	p.target.Scheme, p.target.Path = "unix", t
	return nil
}

func literalTemplate(text string) *Template { return &Template{parts: []part{{text: text}}} }

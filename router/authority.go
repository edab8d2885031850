package router

import "strings"

// parseAuthority parses the text from start to end: "", a port, or a host with
// or without one.
func (p *targetParser) parseAuthority(start, end int) error {
	text := p.text[start:end]
	switch {
	case text == "" && p.target.Scheme != "":
		return syntaxf(start, "there is no host after %s://", p.target.Scheme)
	case text == "" && !strings.HasPrefix(p.text, "/"):
		return syntaxf(start, "there is neither a host nor a path before %q", p.text)
	case text == "":
		return nil
	case strings.Contains(text, "@"):
		return syntaxf(start+strings.IndexByte(text, '@'), "a target has no user name or password: leave out what stands before the @")
	case isDigits(text) && p.target.Scheme == "":
		return p.parsePort(start, end)
	case isDigits(text):
		return syntaxf(start, "%s is a port, not a host: write %s://127.0.0.1:%s", text, p.target.Scheme, text)
	}
	colon := p.find(start, ":")
	colon = min(colon, end)
	if err := p.parseHost(start, colon); err != nil {
		return err
	}
	if colon == end {
		return p.checkHostAlone(start, end)
	}
	if p.find(colon+1, ":") < end {
		return syntaxf(colon, "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080")
	}
	return p.parsePort(colon+1, end)
}

// checkHostAlone faults a host of digits and macros alone, such as 80[1]: who
// writes it means a port.
func (p *targetParser) checkHostAlone(start, end int) error {
	if p.target.Scheme != "" || isLiteral(p.target.Host) {
		return nil
	}
	digits := ""
	for _, part := range p.target.Host.parts {
		if part.kind == literalPart {
			digits += part.text
		}
	}
	if !isDigits(digits) {
		return nil
	}
	text := p.text[start:end]
	return syntaxf(start, "%s would be a host, not a port: write 127.0.0.1:%[1]s for a port of this machine", text)
}

func (p *targetParser) parsePort(start, end int) error {
	text := p.text[start:end]
	t, err := parseTemplate(text, start, p.scope)
	if err != nil {
		return err
	}
	if err := p.refuse(t, start, "a port", hostPart, pathPart, queryPart, subjectPart, commonNamePart); err != nil {
		return err
	}
	if !isLiteral(t) {
		for _, part := range t.parts {
			if part.kind == literalPart && !isDigits(part.text) {
				return syntaxf(start, "the port %q has something beside digits", text)
			}
		}
		p.target.Port = t
		return nil
	}
	port, err := canonicalPort(text)
	if err != nil {
		return syntaxf(start, "the port %q is not a number from 1 to 65535", text)
	}
	p.target.Port = literalTemplate(port)
	return nil
}

func (p *targetParser) parseHost(start, end int) error {
	text := p.text[start:end]
	if text == "" {
		return syntaxf(start, "there is no host before the port: for a port of this machine write the number alone")
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") && strings.Contains(text, ":") {
		host, err := canonicalIPv6(text)
		p.target.Host = literalTemplate(host)
		if err != nil {
			return syntaxf(start, "%v", err)
		}
		return nil
	}
	t, err := parseTemplate(text, start, p.scope)
	if err != nil {
		return err
	}
	if i := strings.IndexByte(text, '*'); i >= 0 {
		return syntaxf(start+i, "a target has no *: write [1] for what the pattern's first * matched")
	}
	if literal, ok := t.Literal(); ok {
		host, err := canonicalName(literal)
		if err != nil {
			fault := hostSyntax(text, err)
			fault.Offset += start
			return fault
		}
		p.target.Host = literalTemplate(host)
		return nil
	}
	if err := p.refuse(t, start, "a host", pathPart, queryPart, subjectPart, commonNamePart); err != nil {
		return err
	}
	for i := range t.parts {
		part := &t.parts[i]
		if part.kind != literalPart {
			continue
		}
		part.text = strings.ToLower(part.text)
		if !onlyBytes(strings.ReplaceAll(part.text, ".", ""), hostByte) || strings.Contains(part.text, "..") {
			return syntaxf(start, "beside a macro a host can only have ASCII letters, digits, dots, - and _ (names in other scripts as xn--...)")
		}
	}
	p.target.Host = t
	return nil
}

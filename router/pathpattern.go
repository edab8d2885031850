package router

import (
	"regexp"
	"strings"
)

type pathKind uint8

const (
	pathEvery pathKind = iota // the pattern has no path
	pathExact
	pathGlob
	pathRegexp
)

// pathPattern is the part of a pattern from the first "/" on.
type pathPattern struct {
	kind     pathKind
	exact    string     // pathExact: canonical
	segments []wildcard // pathGlob: canonical
	below    bool       // pathGlob: "/*" comes last
	re       *regexp.Regexp
}

func (p *Pattern) parsePath(text string, offset int) error {
	if strings.HasPrefix(text, "/^") {
		re, err := compileRegexp(text[2:], offset+2, `\A/?(?:`, `)\z`)
		if err != nil {
			return err
		}
		p.path.kind, p.path.re = pathRegexp, re
		p.addNames(re)
		return nil
	}
	segments := strings.Split(text[1:], "/")
	literal := true
	at := offset + 1
	for i, segment := range segments {
		last := i == len(segments)-1
		if last && segment == "*" {
			p.path.below, literal = true, false
			p.names = append(p.names, "rest")
			break
		}
		w, err := parseSegment(segment, at, last)
		if err != nil {
			return err
		}
		if w.star {
			literal = false
			p.names = append(p.names, "")
		}
		p.path.segments = append(p.path.segments, w)
		at += len(segment) + 1
	}
	p.path.kind = pathGlob
	if literal {
		p.path.kind = pathExact
		for _, w := range p.path.segments {
			p.path.exact += "/" + w.prefix
		}
		p.path.segments = nil
	}
	return nil
}

func parseSegment(segment string, at int, last bool) (wildcard, error) {
	switch {
	case segment == "" && !last:
		return wildcard{}, syntaxf(at, "this can never match, for doubled slashes are merged before matching: leave one out")
	case segment == "." || segment == "..":
		return wildcard{}, syntaxf(at, "this can never match, for %s is resolved before matching: leave it out", segment)
	}
	if i := strings.IndexAny(segment, "?#"); i > 0 && segment[i-1] == '*' && segment[i] == '?' {
		return wildcard{}, syntaxf(at+i-1, "*? is for hosts: in a path, /* at the end matches with and without something behind it")
	} else if i >= 0 {
		return wildcard{}, syntaxf(at+i, "only the path takes part in matching: leave out what follows %q, or write %%%02X for the character", segment[i], segment[i])
	}
	prefix, suffix, star := strings.Cut(segment, "*")
	if i := strings.IndexByte(suffix, '*'); i >= 0 {
		return wildcard{}, syntaxf(at+len(prefix)+1+i, "a segment can have one * only: write a regexp (/^...)")
	}
	w := wildcard{star: star}
	var err error
	if w.prefix, err = canonicalText(prefix, at); err != nil {
		return wildcard{}, err
	}
	if w.suffix, err = canonicalText(suffix, at+len(prefix)+1); err != nil {
		return wildcard{}, err
	}
	if !star && hidesDots(w.prefix) {
		return wildcard{}, syntaxf(at, "this can never match, for a path with %q is refused", segment)
	}
	return w, nil
}

// canonicalText makes a literal piece of a path pattern what it is in a
// canonical path.
func canonicalText(text string, at int) (string, error) {
	c := pathCleaner{allowSlash: true}
	err := c.decode(text)
	switch err {
	case nil, errPathDots: // a piece beside a star may be dots
		return string(c.path), nil
	case errPathPercent:
		return "", syntaxf(at+strings.IndexByte(text, '%'), "a %% is not followed by two hexadecimal digits: write %%25 for the character")
	}
	return "", syntaxf(at, "this can never match: %v", err)
}

// match reports whether the request's path is meant, and adds the captures.
func (p *pathPattern) match(m *Match) bool {
	switch p.kind {
	case pathExact:
		return m.Path == p.exact
	case pathGlob:
		return p.matchGlob(m.Path, m)
	case pathRegexp:
		return matchRegexp(p.re, m.Path, m)
	}
	return true
}

func (p *pathPattern) matchGlob(path string, m *Match) bool {
	rest, more := strings.CutPrefix(path, "/")
	for _, w := range p.segments {
		if !more {
			return false
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		capture, ok := w.match(segment)
		if !ok {
			return false
		}
		if w.star {
			m.capture(capture)
		}
	}
	if p.below {
		m.capture(rest)
		return true
	}
	return !more
}

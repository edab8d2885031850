package config

import (
	"bytes"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// source finds places in the file's text.
type source struct {
	content []byte
	lines   []line
}

type line struct {
	start, end int // without the line break
	ascii      bool
}

// newSource splits content where YAML does: besides \n and \r\n also at a lone
// \r and at the three line breaks that Unicode has.
func newSource(content []byte) source {
	s := source{content: content}
	start, ascii := 0, true
	for i := 0; i < len(content); {
		r, size := rune(content[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(content[i:])
			ascii = ascii && isBreak(r)
		}
		end := i
		i += size
		if !isBreak(r) {
			continue
		}
		if r == '\r' && i < len(content) && content[i] == '\n' {
			i++
		}
		s.lines = append(s.lines, line{start, end, ascii})
		start, ascii = i, true
	}
	s.lines = append(s.lines, line{start, len(content), ascii})
	return s
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// at gives the place of a byte offset.
func (s *source) at(offset int) Pos {
	low, high := 0, len(s.lines)
	for high-low > 1 {
		if mid := (low + high) / 2; s.lines[mid].start <= offset {
			low = mid
		} else {
			high = mid
		}
	}
	l := s.lines[low]
	offset = max(l.start, min(offset, l.end))
	return Pos{Line: low + 1, Col: utf8.RuneCount(s.content[l.start:offset]) + 1}
}

// text gives a scalar with the place of its first character, which in quotes
// is one behind the quote. Where the file does not have the value letter by
// letter (escapes, several lines) its place is where the scalar begins.
func (s *source) text(n *yaml.Node) Text {
	t := Text{Value: n.Value, Pos: position(n)}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.Line < 1 || n.Line > len(s.lines) {
		return t
	}
	col := n.Column
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		col++
	}
	l := s.lines[n.Line-1]
	start := l.start + col - 1
	if !l.ascii {
		start = s.runeStart(l, col)
	}
	if start <= l.end && bytes.HasPrefix(s.content[start:l.end], []byte(n.Value)) {
		t.Pos.Col = col
		t.inline = true
	}
	return t
}

// runeStart gives the offset of a column in a line that is not ASCII. It does
// not look far: a machine-made file may be one long line with thousands of
// values.
func (s *source) runeStart(l line, col int) int {
	const far = 1000
	if col > far {
		return l.end + 1
	}
	offset := l.start
	for range col - 1 {
		_, size := utf8.DecodeRune(s.content[offset:l.end])
		offset += size
	}
	return offset
}

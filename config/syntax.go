package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// document parses content as far as YAML goes and gives the root map, with its
// aliases checked. It is nil when there is none to work with; then the reason
// is among the faults.
func (l *loader) document(content []byte) *yaml.Node {
	if len(content) > maxSize {
		l.faults.Errorf(Pos{}, "is larger than %d MiB", maxSize>>20)
		return nil
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	l.src = newSource(content)
	if !l.readable(content) {
		return nil
	}
	documents, err := decode(bytes.NewReader(content))
	if err != nil && json.Valid(content) {
		content = unescapeSlashes(content)
		l.src = newSource(content)
		documents, err = decode(bytes.NewReader(content))
	}
	if err != nil {
		l.syntaxError(content, err)
		return nil
	}
	if len(documents) > 1 {
		l.errorf(documents[1], `a second document begins here; a config is one document, without a "---" inside`)
	}
	if len(documents) == 0 || isNull(documents[0].Content[0]) {
		l.faults.Errorf(Pos{}, `is empty; at least "ports" is needed`)
		return nil
	}
	root := documents[0].Content[0]
	if !l.checkAliases(root) {
		return nil
	}
	return root
}

// readable reports bytes that no YAML text has, at their very place.
func (l *loader) readable(content []byte) bool {
	if bytes.HasPrefix(content, []byte{0xFF, 0xFE}) || bytes.HasPrefix(content, []byte{0xFE, 0xFF}) {
		l.faults.Errorf(Pos{}, "is UTF-16; save it as UTF-8")
		return false
	}
	for i := 0; i < len(content); {
		r, size := utf8.DecodeRune(content[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			l.faults.Errorf(l.src.at(i), "the byte 0x%02X is not UTF-8; save the file as UTF-8", content[i])
			return false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7F, r == '\uFEFF', r == '\uFFFE', r == '\uFFFF',
			r >= 0x80 && r < 0xA0 && r != '\u0085':
			l.faults.Errorf(l.src.at(i), "the character U+%04X cannot be seen and cannot be used; remove it", r)
			return false
		}
		i += size
	}
	return true
}

// decode gives up to two documents: more than one is too many already.
func decode(r io.Reader) (documents []*yaml.Node, err error) {
	defer func() {
		// The library panics on inputs that its authors did not foresee.
		if recover() != nil {
			err = errors.New("the parser does not understand this")
		}
	}()
	d := yaml.NewDecoder(r)
	for len(documents) < 2 {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		documents = append(documents, &n)
	}
	return documents, nil
}

// unescapeSlashes removes the one escape of JSON that the library does not know.
// Places behind one are off by a column each, in its line.
func unescapeSlashes(content []byte) []byte {
	out := make([]byte, 0, len(content))
	for i := 0; i < len(content); i++ {
		if content[i] == '\\' && content[i+1] == '/' {
			continue
		}
		out = append(out, content[i])
		if content[i] == '\\' {
			i++
			out = append(out, content[i])
		}
	}
	return out
}

// byteReader hands out content byte by byte, so that its offset tells how far
// the parser had come when it gave up.
type byteReader struct {
	content []byte
	offset  int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if r.offset == len(r.content) {
		return 0, io.EOF
	}
	p[0] = r.content[r.offset]
	r.offset++
	return 1, nil
}

const (
	noStart   = "@`%" // what cannot begin a value
	lookahead = 4     // how far the library reads ahead
)

const tabMessage = "a tab is used to indent; use spaces"

// whereabouts says how to find the place of a syntax error.
type whereabouts int

const (
	// near: where the library stopped reading. The line that it tells is none
	// or the start of what surrounds the fault.
	near whereabouts = iota
	// begins: the line that it tells, where something begins that does not end.
	begins
	// tabbed is near, and a tab before the line's text is the likely reason.
	tabbed
)

// syntaxMessages says what the library's messages mean to the author of a
// config.
var syntaxMessages = []struct {
	library string
	where   whereabouts
	message string
}{
	{"tab character", tabbed, tabMessage},
	{"mapping values are not allowed", near, `a second ": " in one line (put a value with a colon in quotes), a wrong indentation, or the line above lacks its ":"`},
	{"could not find expected ':'", begins, `a ": " is missing after this, or a quote is not closed`},
	{"found unexpected end of stream", begins, "a quote opens here and is never closed"},
	{"found unexpected document indicator", begins, "a quote opens here and is not closed before the document ends"},
	{"found unknown escape character", near, `in double quotes a backslash begins an escape; write \\ or use single quotes`},
	{"expected hexdecimal number", near, `in double quotes \x, \u and \U want hexadecimal digits; for a backslash write \\`},
	{"invalid Unicode character escape", near, `in double quotes \u and \U want a valid character; for a backslash write \\`},
	{"expected alphabetic or numeric character", near, `what begins with "*" or "&" must be in quotes, such as "*.example.com"`},
	{"unknown anchor", near, `what begins with "*" must be in quotes; without them it refers to an anchor, and there is none of this name`},
	{"did not find expected ',' or '}'", near, `a "," or the closing "}" is missing before this, perhaps at the end of a line above`},
	{"did not find expected ',' or ']'", near, `a "," or the closing "]" is missing before this, perhaps at the end of a line above`},
	{"did not find expected key", near, "this cannot stand here: the line is indented unlike its neighbours, a bracket or quote is one too many, or what is before it is not finished"},
	{"did not find expected '-' indicator", near, `this line is not indented like the list it belongs to, or lacks its "- "`},
	{"block sequence entries are not allowed", near, `a list item ("- ") cannot stand here; begin the list on a line of its own`},
	{"mapping keys are not allowed", near, `a "? " cannot stand here; put it in quotes if it belongs to a value`},
	{"did not find expected node content", near, "a value is missing here"},
	{"expected <document start>", near, "the config is over before this; check the brackets and the indentation above"},
	{"cannot start any token", tabbed, "a value cannot begin with this character; put it in quotes"},
	{"exceeded max depth", near, "nested too deeply"},
}

// syntaxError reports what the YAML library complained about, with a place
// that is near and in words that help.
func (l *loader) syntaxError(content []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	lineNumber := 1
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, message, ok := strings.Cut(rest, ": "); ok {
			lineNumber, _ = strconv.Atoi(number)
			text = message
		}
	}
	progress := &byteReader{content: content}
	_, _ = decode(progress) // fails as before
	stopped := lastVisible(content[:progress.offset])
	if i := bytes.LastIndexAny(content[:stopped+1], noStart); i >= stopped-lookahead && strings.Contains(text, "cannot start") {
		stopped = i
	}
	pos := l.src.at(stopped)
	for _, m := range syntaxMessages {
		if !strings.Contains(text, m.library) {
			continue
		}
		if m.where == begins {
			pos = l.firstVisible(lineNumber)
		}
		if tab, ok := l.indentingTab(pos); ok && m.where == tabbed {
			pos, m.message = tab, tabMessage
		}
		l.faults.Errorf(pos, "%s", m.message)
		return
	}
	l.faults.Errorf(pos, "not valid YAML: %s", text)
}

// lastVisible gives the offset of the last character that is not white space.
func lastVisible(content []byte) int {
	content = bytes.TrimRight(content, " \t\r\n")
	_, size := utf8.DecodeLastRune(content)
	return len(content) - size
}

// firstVisible gives the place where a line's text begins.
func (l *loader) firstVisible(number int) Pos {
	number = max(1, min(number, len(l.src.lines)))
	line := l.src.lines[number-1]
	text := l.src.content[line.start:line.end]
	return l.src.at(line.start + len(text) - len(bytes.TrimLeft(text, " \t")))
}

// indentingTab gives the place of a tab in front of a line's text, unless the
// text has a character that itself cannot begin a value: between brackets tabs
// may indent.
func (l *loader) indentingTab(pos Pos) (Pos, bool) {
	line := l.src.lines[pos.Line-1]
	text := l.src.content[line.start:line.end]
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	tab := bytes.IndexByte(indent, '\t')
	return Pos{Line: pos.Line, Col: tab + 1}, tab >= 0 && !bytes.ContainsAny(text, noStart)
}

package config

import (
	"bytes"
	"errors"
	"fmt"
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
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be parsed (%v)", p)
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

// syntaxMessages says what the library's messages mean to the author of a
// config. Where begins is set the fault is where something begins that does
// not end as it should, and the library's line is that; otherwise its line is
// the start of what surrounds the fault, or none, and where it stopped reading
// is nearer.
var syntaxMessages = []struct {
	library string
	begins  bool
	message string
}{
	{"tab character", false, "a tab is used to indent; use spaces"},
	{"mapping values are not allowed", false, `a second ": " in one line, or a wrong indentation; put a value that has a colon in it in quotes`},
	{"could not find expected ':'", true, `a ": " is missing after this, or a quote is not closed`},
	{"found unexpected end of stream", true, "a quote opens here and is never closed"},
	{"found unexpected document indicator", true, "a quote opens here and is not closed before the document ends"},
	{"found unknown escape character", false, `in double quotes a backslash begins an escape; write \\ or use single quotes`},
	{"expected hexdecimal number", false, `in double quotes \x, \u and \U want hexadecimal digits; for a backslash write \\`},
	{"invalid Unicode character escape", false, `in double quotes \u and \U want a valid character; for a backslash write \\`},
	{"expected alphabetic or numeric character", false, `what begins with "*" or "&" must be in quotes, such as "*.example.com"`},
	{"unknown anchor", false, `what begins with "*" must be in quotes; without them it refers to an anchor, and there is none of this name`},
	{"did not find expected ',' or '}'", false, `a "," or the closing "}" is missing before this`},
	{"did not find expected ',' or ']'", false, `a "," or the closing "]" is missing before this`},
	{"did not find expected key", false, "this line is not indented like the ones it belongs to, or the one before it is not finished"},
	{"did not find expected '-' indicator", false, `this line is not indented like the list it belongs to, or lacks its "- "`},
	{"block sequence entries are not allowed", false, `a list item ("- ") cannot stand here; begin the list on a line of its own`},
	{"mapping keys are not allowed", false, `a "? " cannot stand here; put it in quotes if it belongs to a value`},
	{"did not find expected node content", false, "a value is missing here"},
	{"expected <document start>", false, "the config is over before this; check the brackets and the indentation above"},
	{"cannot start any token", false, "a value cannot begin with this character; put it in quotes"},
	{"exceeded max depth", false, "nested too deeply"},
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
	pos := l.src.at(lastVisible(content[:progress.offset]))
	for _, m := range syntaxMessages {
		if !strings.Contains(text, m.library) {
			continue
		}
		if m.begins {
			pos = l.firstVisible(lineNumber)
		}
		if l.tabAt(pos) {
			m.message = syntaxMessages[0].message
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

// tabAt tells whether a line is indented with a tab, which is then the reason
// for whatever the library found there.
func (l *loader) tabAt(pos Pos) bool {
	line := l.src.lines[pos.Line-1]
	text := l.src.content[line.start:line.end]
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return bytes.Contains(indent, []byte("\t"))
}

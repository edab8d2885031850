package router

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// macros are the names that every scope has.
var macros = []string{"host", "path", "query", "tls.subject", "tls.cn"}

// Scope is what macros can refer to at one place of a config: the captures of
// the patterns around it, outer routers' first. The zero Scope has none.
type Scope struct {
	names []string // one per capture, "" for those without a name
}

// With gives the scope of the target of a rule that stands in s.
func (s Scope) With(p *Pattern) Scope { return Scope{slices.Concat(s.names, p.names)} }

// NumCaptures says how many captures macros can refer to.
func (s Scope) NumCaptures() int { return len(s.names) }

// capture gives the number of the capture that name means: itself if it is a
// number, else the innermost capture of that name. offset is where name stands.
func (s Scope) capture(name string, offset int) (int, error) {
	if !isDigits(name) {
		for i := len(s.names) - 1; i >= 0; i-- {
			if name != "" && s.names[i] == name {
				return i + 1, nil
			}
		}
		return 0, syntaxf(offset, "[%s] is not known here: there are %s (a literal [ is written [[)", name, s.known())
	}
	n, err := strconv.Atoi(name)
	switch {
	case n == 0 && err == nil:
		return 0, syntaxf(offset, "[%s] is used, but captures are counted from 1", name)
	case err != nil || n > len(s.names):
		return 0, syntaxf(offset, "[%s] is used, but the pattern has %s", name, countCaptures(len(s.names)))
	}
	return n, nil
}

// known lists every macro that s has.
func (s Scope) known() string {
	var list []string
	if len(s.names) > 0 {
		list = append(list, "[1]")
	}
	if len(s.names) > 1 {
		list[0] = fmt.Sprintf("[1] to [%d]", len(s.names))
	}
	for _, name := range s.names {
		if name != "" && !slices.Contains(macros, name) && !slices.Contains(list, "["+name+"]") {
			list = append(list, "["+name+"]")
		}
	}
	for _, name := range macros {
		list = append(list, "["+name+"]")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

func countCaptures(n int) string {
	switch n {
	case 0:
		return "no captures"
	case 1:
		return "1 capture"
	}
	return fmt.Sprintf("%d captures", n)
}

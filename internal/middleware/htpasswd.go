package middleware

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// passwords is what one state of an htpasswd file holds.
type passwords struct {
	users map[string]passwordHash
	// decoy is checked in place of the hash that an unknown user does not
	// have. It is an entry of the file, of the method and rounds that most
	// entries have, so that it costs what they cost. Zero without users.
	decoy passwordHash
}

// parsePasswords reads the lines of an htpasswd file: "user:hash", perhaps with
// more fields behind another colon, which are ignored as by Apache. Empty lines
// and those that begin with # are skipped. The error is all faults, one a line,
// each as "file:line: message"; none shows a hash.
func parsePasswords(file string, content []byte) (*passwords, error) {
	p := &passwords{users: make(map[string]passwordHash)}
	lineOf := make(map[string]int)
	var faults []error
	number := 0
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		user, hash, err := parsePasswordLine(line)
		if err == nil && lineOf[user] != 0 {
			err = fmt.Errorf("user %q is on line %d already; remove one of them", user, lineOf[user])
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", file, number, err))
			continue
		}
		p.users[user] = hash
		lineOf[user] = number
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	p.chooseDecoy(lineOf)
	return p, nil
}

func parsePasswordLine(line string) (user string, hash passwordHash, err error) {
	user, rest, found := strings.Cut(line, ":")
	switch {
	case !found:
		return "", hash, errors.New("a line must be user:hash, as htpasswd writes it")
	case user == "":
		return "", hash, errors.New("the user's name is missing before the \":\"")
	case !utf8.ValidString(user):
		return "", hash, errors.New("the user's name is not UTF-8")
	case strings.ContainsFunc(user, isControl):
		return "", hash, errors.New("the user's name has a control character")
	}
	text, _, _ := strings.Cut(rest, ":")
	hash, err = parseHash(text)
	if err != nil {
		return "", hash, fmt.Errorf("user %q: %w", user, err)
	}
	return user, hash, nil
}

// chooseDecoy takes the first entry in the file of the commonest cost.
func (p *passwords) chooseDecoy(lineOf map[string]int) {
	count := make(map[string]int)
	for _, hash := range p.users {
		count[hash.cost]++
	}
	var chosen string
	for user, hash := range p.users {
		ahead := count[hash.cost] - count[p.decoy.cost]
		if ahead > 0 || ahead == 0 && lineOf[user] < lineOf[chosen] {
			chosen, p.decoy = user, hash
		}
	}
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

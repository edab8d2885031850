package proxy

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"httpmaster/internal/livefile"
	"httpmaster/router"
)

// TokenFile leads tokens to the targets of tunnels. It is a file as websockify
// has it, read anew when it changes:
//
//	# comment
//	token: host:port
//
// Where the bytes of a token stand in it says nothing about how long a lookup
// takes, and no error shows one.
type TokenFile struct {
	file *livefile.File[tokenTargets]
}

// tokenTargets has the targets by the SHA-256 of their tokens.
type tokenTargets map[[sha256.Size]byte]*router.Target

var tokenFormat = livefile.Format[tokenTargets]{
	What:  "token file",
	Parse: parseTokens,
	Size:  func(t *tokenTargets) int { return len(*t) },
}

// OpenTokenFile reads the file. The error names it and each faulty line, as
// "file:line: message" one a line.
func OpenTokenFile(name string, log *slog.Logger) (*TokenFile, error) {
	return openTokenFile(name, log, time.Now)
}

func openTokenFile(name string, log *slog.Logger, now func() time.Time) (*TokenFile, error) {
	file, err := livefile.Open(name, tokenFormat, log, now)
	if err != nil {
		return nil, err
	}
	return &TokenFile{file}, nil
}

// Look looks at the file now, as a reload of the config asks for. The error is
// that of OpenTokenFile; what the file held before stays in force.
func (f *TokenFile) Look() error { return f.file.Look() }

// target gives the target of token, or nil.
func (f *TokenFile) target(token string) *router.Target {
	return (*f.file.Get())[sha256.Sum256([]byte(token))]
}

func parseTokens(file string, content []byte) (*tokenTargets, error) {
	targets := make(tokenTargets)
	lineOf := make(map[[sha256.Size]byte]int)
	var faults []error
	number := 0
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		token, target, err := parseTokenLine(line)
		key := sha256.Sum256([]byte(token))
		if err == nil && lineOf[key] != 0 {
			err = fmt.Errorf("the same token is on line %d already; remove one of them", lineOf[key])
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", file, number, err))
			continue
		}
		targets[key], lineOf[key] = target, number
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &targets, nil
}

// parseTokenLine cuts a line at the first colon that has a space behind it.
func parseTokenLine(line string) (token string, target *router.Target, err error) {
	colon := strings.Index(strings.ReplaceAll(line, "\t", " "), ": ")
	if colon <= 0 {
		return "", nil, errors.New("a line must be \"token: host:port\", with a space behind the first colon")
	}
	token = line[:colon]
	if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return "", nil, errors.New("a token must be of visible ASCII characters, without spaces")
	}
	text := strings.TrimSpace(line[colon+1:])
	target, err = router.ParseTarget(text, router.Scope{})
	if err == nil && target.FromRequest() {
		err = errors.New("macros have no meaning here")
	}
	if err == nil {
		err = CheckTunnelTarget(target)
	}
	if err != nil {
		return "", nil, fmt.Errorf("target %q: %w", text, err)
	}
	return token, target, nil
}

// CheckTunnelTarget tells what keeps t from being a place to connect to.
func CheckTunnelTarget(t *router.Target) error {
	switch {
	case t.Scheme == "unix":
		return nil
	case t.Scheme != "":
		return errors.New("a TCP connection has no scheme, write host:port")
	case t.Path != nil || t.Query != nil || t.Fragment != nil:
		return errors.New("a TCP connection has no path, write host:port")
	case t.Port == nil:
		return errors.New("the port is missing, write host:port")
	}
	return nil
}

// errNoToken is for a request without a token that is known. Which of the two it
// is, nobody is told.
var errNoToken = &tunnelError{http.StatusNotFound, "nothing is served at this address", errors.New("the request has no token that the token file knows")}

// target gives where the tunnel of a request leads.
func (h *Websockify) target(m *router.Match) (*router.Target, error) {
	if h.Tokens == nil {
		return h.Target, nil
	}
	token, err := h.token(m)
	if err != nil {
		return nil, err
	}
	if target := h.Tokens.target(token); target != nil {
		return target, nil
	}
	return nil, errNoToken
}

// token is what the request has in the place of one, "" for nothing.
func (h *Websockify) token(m *router.Match) (string, error) {
	if h.Token != nil {
		text, err := h.Token.Append(nil, m, router.Raw)
		return string(text), err
	}
	query, _ := url.ParseQuery(m.Query) // what it understands of it
	return query.Get("token"), nil
}

// hideSecrets keeps the token and the query, where other secrets may be, out of
// access logs. A token that is not in the path as it is takes all of it with it.
func (h *Websockify) hideSecrets(r *http.Request, m *router.Match) {
	path, _, query := strings.Cut(r.RequestURI, "?")
	if h.Tokens != nil {
		token, err := h.token(m)
		switch {
		case err == nil && token == "":
		case err == nil && strings.Contains(r.RequestURI, token):
			path = strings.ReplaceAll(path, token, "***")
		default:
			path, query = "/***", false
		}
	}
	if query {
		path += "?***"
	}
	if path != r.RequestURI {
		m.LogURI = path
	}
}

package proxy

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ErrorPage answers requests that end in an error. A nil *ErrorPage is ready
// to use and answers with the built-in pages.
type ErrorPage struct {
	// HTML is a whole page, sent as it is to every client that takes HTML,
	// whatever the status. Empty means the built-in page, which names the
	// status and the reason.
	HTML []byte
}

// Write answers r with status and, in the form that its Accept header asks
// for, a page that gives reason. Reason is one short sentence that is safe to
// show to anyone; "" leaves it out. Header fields set on w before are kept,
// except those that describe a body. Nothing may have been written to w yet.
//
// Errors are not to be cached: a 404 of today may be a page tomorrow.
func (p *ErrorPage) Write(w http.ResponseWriter, r *http.Request, status int, reason string) {
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Range", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	if !bodyAllowed(status) {
		w.WriteHeader(status)
		return
	}
	contentType, body := p.render(r, status, reason)
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// bodyAllowed tells whether a response with this status can have a body
// (RFC 9110, 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

const (
	typeHTML = "text/html"
	typeText = "text/plain"
	typeJSON = "application/json"
)

func (p *ErrorPage) render(r *http.Request, status int, reason string) (contentType string, body []byte) {
	// Who names no preference is a program or a person at a terminal, who
	// reads text; but a page that the operator wrote is meant to be seen.
	offers := []string{typeText, typeHTML, typeJSON}
	custom := p != nil && len(p.HTML) > 0
	if custom {
		offers = []string{typeHTML, typeText, typeJSON}
	}
	title := statusLine(status)
	switch preferred(r.Header["Accept"], offers) {
	case typeHTML:
		if custom {
			return "text/html; charset=utf-8", p.HTML
		}
		return "text/html; charset=utf-8", []byte(builtinPage(title, reason))
	case typeJSON:
		return typeJSON, jsonPage(status, reason)
	default:
		text := title + "\n"
		if reason != "" {
			text += reason + "\n"
		}
		return "text/plain; charset=utf-8", []byte(text)
	}
}

// statusLine is "404 Not Found", or the bare number of a status that has no
// registered name.
func statusLine(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

func builtinPage(title, reason string) string {
	var b strings.Builder
	title = html.EscapeString(title)
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%s</title></head>\n<body>\n<h1>%s</h1>\n", title, title)
	if reason != "" {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(reason))
	}
	b.WriteString("</body>\n</html>\n")
	return b.String()
}

func jsonPage(status int, reason string) []byte {
	body, err := json.Marshal(struct {
		Status int    `json:"status"`
		Error  string `json:"error"`
		Reason string `json:"reason,omitempty"`
	}{status, http.StatusText(status), reason})
	if err != nil {
		panic("error page cannot be encoded: " + err.Error()) // a number and two strings
	}
	return append(body, '\n')
}

// plain answers with a status that is no error and a line of text.
func plain(w http.ResponseWriter, r *http.Request, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.WriteString(w, text)
	}
}

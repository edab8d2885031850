package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"httpmaster/router"
)

// FuzzTakeTicket holds that no ticket stays where it could be logged or
// forwarded, and that the rest of the query stays as it is.
func FuzzTakeTicket(f *testing.F) {
	for _, query := range []string{"ticket=hmt_x", "a=b&ticket=hmt_x&c", "ticket=theirs", "ticket=hmt_x&ticket=hmt_y", "&&ticket=hmt_", "xticket=hmt_x", "ticket%3Dhmt_x", ""} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{Path: "/p", RawQuery: query}, RequestURI: "/p?" + query}
		m := &router.Match{Query: query}
		TakeTicket(r, m)
		if m.Query != r.URL.RawQuery || m.Query != "" && r.RequestURI != "/p?"+m.Query {
			t.Fatalf("%q: %q, %q, %q", query, m.Query, r.URL.RawQuery, r.RequestURI)
		}
		var rest []string
		first := ""
		for _, piece := range strings.Split(query, "&") {
			text, isTicket := strings.CutPrefix(piece, "ticket=")
			if !isTicket || !strings.HasPrefix(text, ticketPrefix) {
				rest = append(rest, piece)
			} else if first == "" {
				first = text
			}
		}
		if want := strings.Join(rest, "&"); m.Query != want || m.Ticket != first {
			t.Errorf("%q: ticket %q, rest %q; want %q, %q", query, m.Ticket, m.Query, first, want)
		}
	})
}

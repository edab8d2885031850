package proxy

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

func FuzzAccept(f *testing.F) {
	f.Add("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	f.Add("text/*;q=0, application/json ; Q=.5;;q=2")
	offers := []string{typeHTML, typeText, typeJSON}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := preferred([]string{accept}, offers); !slices.Contains(offers, got) {
			t.Errorf("%q: got %q", accept, got)
		}
	})
}

// Whatever a client names its fields and lists in Connection: what it says of
// its origin is gone afterwards, and once is enough.
func FuzzCleanRequest(f *testing.F) {
	f.Add("X-Forwarded-For", "x-forwarded-for, upgrade")
	f.Add("x_FORWARDED_host", "TE,,\tconnection ,close")
	f.Add("Forwarded", "keep-alive")
	f.Fuzz(func(t *testing.T, name, connection string) {
		if !httpguts.ValidHeaderFieldName(name) {
			return // net/http answers 400
		}
		r := &http.Request{Header: http.Header{http.CanonicalHeaderKey(name): {"1"}, "Connection": {connection}}}
		CleanRequest(r, false)
		for field := range r.Header {
			plain := strings.ToLower(strings.ReplaceAll(field, "_", "-"))
			if strings.HasPrefix(plain, "x-forwarded-") || plain == "forwarded" || plain == "x-real-ip" {
				t.Errorf("%q stayed", field)
			}
		}
		once := r.Header.Clone()
		CleanRequest(r, false)
		if !maps.EqualFunc(once, r.Header, slices.Equal[[]string]) {
			t.Errorf("once %v, twice %v", once, r.Header)
		}
	})
}

package router

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzParseOrigin holds that an origin that counts as ours is ours to a browser
// as well, which reads it as a URL.
func FuzzParseOrigin(f *testing.F) {
	for _, s := range []string{"https://a.com", "HTTPS://A.com:443", "http://a.com", "null", "https://a.com:8443", "https://a.com@b.com", "https://b.com#a.com", "a.com", "https://a.com/", "https://a.com."} {
		f.Add(s)
	}
	m := &Match{Host: "a.com", Port: "443", TLS: true}
	f.Fuzz(func(t *testing.T, text string) {
		o, ok := ParseOrigin(text)
		if !ok {
			if o != (Origin{}) {
				t.Errorf("%q is none, and %+v", text, o)
			}
			return
		}
		if !o.IsOf(m) || strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") != "a.com" ||
			strings.TrimLeft(u.Port(), "0") != "" && strings.TrimLeft(u.Port(), "0") != "443" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q counts as ours; it is %+v, %v", text, u, err)
		}
	})
}

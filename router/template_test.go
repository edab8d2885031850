package router

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
)

func TestTemplateAppend(t *testing.T) {
	const pattern1, header, path = "*.a.com/x/*", "b.c.a.com:80", "/x/y%20z/%25?q=1&r=[1]"
	for _, c := range []struct {
		text string
		e    Encoding
		want string
	}{
		{"", Raw, ""},
		{"plain ] text", Raw, "plain ] text"},
		{"[[1]", Raw, "[1]"},
		{"[[[1]]", Raw, "[b.c]"},
		{"[1]-[2]-[rest]", Raw, "b.c-y z/%25-y z/%25"},
		{"[host] [path] [query]", Raw, "b.c.a.com x/y z/%25 q=1&r=[1]"},
		{"[host]", HostText, "b.c.a.com"},
		{"[1].LAN", HostText, "b.c.lan"},
		{"[2]", HostText, refused},
		{"22", PortText, "22"},
		{"[1]", PortText, refused},
		{"/[1]/[2]", PathText, "/b.c/y%20z/%25"},
		{"/[path]", PathText, "/x/y%20z/%25"},
		{"//[path]", PathText, "/x/y%20z/%25"},
		{"k=[2]&[query]", QueryText, "k=y%20z%2F%25&q=1&r=[1]"},
		{"k=[path]", QueryText, "k=x%2Fy%2520z%2F%2525%3Fq%3D1%26r%3D%5B1%5D"},
		{"/[path]", FragmentText, "/x/y%20z/%25?q=1&r=[1]"},
		{"/run/[1]", FileText, "/run/b.c"},
		{"/run/[2]", FileText, refused},
	} {
		p := pattern(t, pattern1)
		m := request(t, header, path)
		if !p.match(m) {
			t.Fatal("no match")
		}
		template, err := ParseTemplate(c.text, Scope{}.With(p))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		got, err := template.Append([]byte("before "), m, c.e)
		want := "before " + c.want
		if c.want == refused {
			want = "before "
		}
		if string(got) != want || (err != nil) != (c.want == refused) || err != nil && !errors.Is(err, ErrCapture) {
			t.Errorf("%q in %d: %q, %v; want %q", c.text, c.e, got, err, want)
		}
	}
}

// A certificate may have anything in its names, and there may be none.
func TestTemplateOfClientCertificate(t *testing.T) {
	shown := func(names ...string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: names[0], Organization: names[1:]}}
	}
	for _, c := range []struct {
		text string
		e    Encoding
		cert *x509.Certificate
		want string
	}{
		{"[tls.subject]", Raw, shown("Ann", "A, Inc."), `CN=Ann,O=A\, Inc.`},
		{"<[tls.cn]>", Raw, shown("Ann"), "<Ann>"},
		{"<[tls.cn]>", Raw, shown(""), "<>"},
		{"<[tls.cn][tls.subject]>", Raw, nil, "<>"},
		{"[tls.cn]", Raw, shown("[host] [[1]"), "[host] [[1]"},
		{"[tls.cn]", Raw, shown("a\r\nX-Admin: 1"), refused},
		{"[tls.subject]", Raw, shown("a\x00"), refused},
		{"/u/[tls.cn]/x", PathText, shown("a/../b?c#d%2F ź"), "/u/a%2F..%2Fb%3Fc%23d%252F%20%C5%BA/x"},
		{"/u/[tls.cn]/x", PathText, shown(".."), refused},
		{"/[tls.subject]", PathText, shown("//evil.example"), "/CN%3D%2F%2Fevil.example"},
		{"/[tls.cn]", PathText, nil, "/"},
		{"u=[tls.cn]", QueryText, shown("a&admin=1"), "u=a%26admin%3D1"},
		{"[tls.cn]", FragmentText, shown("a#b"), "a%23b"},
		{"[tls.cn]", HostText, shown("evil.example:80"), refused},
		{"[tls.cn]", FileText, shown("a/b"), refused},
	} {
		template, err := ParseTemplate(c.text, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := template.Append(nil, &Match{ClientCert: c.cert}, c.e)
		text := string(got)
		if errors.Is(err, ErrCapture) {
			text = refused
		}
		if text != c.want {
			t.Errorf("%q in %d: %q, %v; want %q", c.text, c.e, got, err, c.want)
		}
	}
}

func TestTemplateRawRefusesControlCharacters(t *testing.T) {
	template, err := ParseTemplate("[query]", Scope{})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"a\r\nb": refused, "a\x00": refused, "a\x7f": refused, "a\tb": "a\tb", "ź": "ź",
	} {
		got, err := template.Append(nil, &Match{Query: query}, Raw)
		if result(string(got), err) != want {
			t.Errorf("%q: %q, %v", query, got, err)
		}
	}
}

func TestTemplateLiteral(t *testing.T) {
	for text, want := range map[string]bool{"": true, "x": true, "x[[y]": true, "[host]": false, "x[path]": false} {
		template, err := ParseTemplate(text, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if literal, ok := template.Literal(); ok != want || ok && text == "x[[y]" && literal != "x[y]" {
			t.Errorf("%q: %q, %v", text, literal, ok)
		}
	}
}

func TestScopeNests(t *testing.T) {
	outer := Scope{}.With(pattern(t, "*.a.com/x/*"))
	left := outer.With(pattern(t, `/^/x/(?P<id>\d+)/(?P<rest>.*)`))
	right := outer.With(pattern(t, "*/x/*/y"))
	// Scopes made of the same one do not share their names.
	deeper := outer.With(pattern(t, "/x/*/y"))
	one := deeper.With(pattern(t, `/^(?P<one>.*)`))
	deeper.With(pattern(t, `/^(?P<two>.*)`))
	m := &Match{captures: []string{"1", "2", "3", "4"}}
	for _, c := range []struct {
		scope Scope
		text  string
		want  string
	}{
		{outer, "[1][2][rest]", "122"},
		{left, "[1][2][3][4]", "1234"},
		{left, "[id][rest]", "34"},
		{right, "[4][rest]", "42"},
		{one, "[one]", "4"},
	} {
		template, err := ParseTemplate(c.text, c.scope)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got, err := template.Append(nil, m, Raw); string(got) != c.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

func TestParseTemplateErrors(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		offset        int
		msg           string
	}{
		{"", "x[1]", 1, "[1] is used, but the pattern has no captures"},
		{"*", "[2]", 0, "[2] is used, but the pattern has 1 capture"},
		{"/*/*", "[1][3]", 3, "[3] is used, but the pattern has 2 captures"},
		{"", "[x]", 0, "[x] is not known here: there are [host], [path], [query], [tls.subject] and [tls.cn] (a literal [ is written [[)"},
		{"*", "[x]", 0, "[x] is not known here: there are [1], [host], [path], [query], [tls.subject] and [tls.cn] (a literal [ is written [[)"},
		{`^(?P<a>.)(.)/^(?P<b>.)`, "[rest]", 0, "[rest] is not known here: there are [1] to [3], [a], [b], [host], [path], [query], [tls.subject] and [tls.cn] (a literal [ is written [[)"},
		{"*", "[ 1]", 0, "[ 1] is not known here: there are [1], [host], [path], [query], [tls.subject] and [tls.cn] (a literal [ is written [[)"},
		{"/*", "ab[1", 2, "there is no ] for this [ (a literal [ is written [[)"},
	} {
		scope := Scope{}
		if c.pattern != "" {
			scope = scope.With(pattern(t, c.pattern))
		}
		_, err := ParseTemplate(c.text, scope)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != c.offset || syntax.Msg != c.msg {
			t.Errorf("ParseTemplate(%q) behind %q:\n got %+v\nwant {%d %s}", c.text, c.pattern, syntax, c.offset, c.msg)
		}
		if err != nil && err.Error() != c.msg {
			t.Errorf("Error gives %q", err)
		}
	}
}

package server

import "testing"

func TestTargetForms(t *testing.T) {
	newWorld(t).holds(t, []sentence{
		{"a port of this machine", rule("*", "APPPORT"), "GET a.com /x?y", []string{"200 ", "GET /x?y HTTP/1.1", "Host: a.com"}},
		{"a port in quotes", rule("*", `"APPPORT"`), "GET a.com /x", []string{"GET /x HTTP/1.1"}},
		{"a port and a path", rule("*", "APPPORT/fixed"), "GET a.com /x", []string{"GET /fixed HTTP/1.1"}},
		{"address and port", rule("*", `"APP"`), "GET a.com /x", []string{"GET /x HTTP/1.1"}},
		{"host, port and path", rule("*", `"localhost:APPPORT/fixed/[path]"`), "GET a.com /x", []string{"GET /fixed/x HTTP/1.1"}},
		{"http://", rule("*", `"http://APP/p/[path]"`), "GET a.com /x", []string{"GET /p/x HTTP/1.1"}},
		{"https:// looks at the certificate", rule("*", `"https://TLS"`), "GET a.com /x", []string{"502 ", "certificate"}},
		{"https+insecure:// does not", rule("*", `"https+insecure://TLS/p"`), "GET a.com /x", []string{"200 ", "GET /p HTTP/"}},
		{"and for that hop alone", rule("a.com", `"https+insecure://TLS", "b.com": "https://TLS"`), "GET b.com /", []string{"502 "}},
		{"h2c://", rule("*", `"h2c://H2C"`), "GET a.com /x", []string{"200 ", "GET /x HTTP/2.0"}},
		{"unix:", rule("*", `"unix:DIR/app.sock"`), "GET a.com /x?y", []string{"200 ", "GET /x?y HTTP/1.1"}},
		{"verb -> argument", rule("*", `"reject -> 410"`), "GET a.com /", []string{"410 Gone"}},
		{"verb: argument", rule("*", `"reject: 410"`), "GET a.com /", []string{"410 Gone"}},
		{"proxy as a verb", rule("*", `"proxy -> APP"`), "GET a.com /x", []string{"GET /x HTTP/1.1"}},
		{"a verb with settings", rule("*", `{$: reject, code: 451}`), "GET a.com /", []string{"451 "}},
		{"a chain, whose last element answers", rule("*", `["addHeader -> X-A=1", "addHeader: X-B=2", "APP"]`), "GET a.com /", []string{"X-A: 1", "X-B: 2"}},
		{"a nested router sees the same host and path", rule("a.com/x/*", `{"/x/y": "APP/[path]", "*": "reject -> 409"}`), "GET a.com /x/y", []string{"GET /x/y HTTP/1.1"}},
		{"captures of the outer rule come first", rule("*.a.com/*/*", `{"*/z": "reject -> 409", "b.a.com/*": "APP/[1]-[2]-[3]-[4]"}`), "GET b.a.com /x/y", []string{"GET /b-x-y-x/y HTTP/1.1"}},
		{"an unmatched router leaves the request to the next element", rule("a.com", `[{"/x": "reject -> 409"}, [{"/y": "reject -> 410"}], "reject -> 418"]`), "GET a.com /z", []string{"418 "}},
		{"routers and chains in each other", rule("a.com", `["addHeader -> X-A=1", {"/x/*": ["addHeader -> X-B=2", {"/x/y/*": [["APP/[2]"]]}]}]`), "GET a.com /x/y/z", []string{"GET /z HTTP/1.1", "X-A: 1", "X-B: 2"}},
		{"nothing matches", rule("a.com/x", `"reject -> 409"`), "GET a.com /y", []string{"404 "}},
	})
}

func TestMacros(t *testing.T) {
	newWorld(t).holds(t, []sentence{
		{"captures by number", rule("*.a.com/x/*", `"APP/[2]/[1]"`), "GET b.a.com /x/y/z", []string{"GET /y/z/b HTTP/1.1"}},
		{"by a regexp's name", rule("^(?P<user>[a-z]+)\\.a\\.com", `"APP/[user]/[path]"`), "GET joe.a.com /x", []string{"GET /joe/x HTTP/1.1"}},
		{"[host] has no port", rule("*", `"redirect -> https://[host]/"`), "GET a.com:8080 /", []string{"Location: https://a.com/\n"}},
		{"and so [1] of *", rule("*", `"redirect -> https://[1]/"`), "GET a.com:8080 /", []string{"Location: https://a.com/\n"}},
		{"[rest]", rule("/x/*", `"APP/[rest]"`), "GET a.com /x/y/z", []string{"GET /y/z HTTP/1.1"}},
		{"[path] has the query in a URL", rule("*", `"redirect -> https://b.com/[path]"`), "GET a.com /x/y?q=1", []string{"Location: https://b.com/x/y?q=1\n"}},
		{"[path] in a query is one value", rule("*", `"redirect -> https://b.com/login?next=[path]"`), "GET a.com /x?q=1&r", []string{"Location: https://b.com/login?next=x%3Fq%3D1%26r\n"}},
		{"[query]", rule("*", `"redirect -> https://b.com/find?[query]&k=v"`), "GET a.com /x?q=1", []string{"Location: https://b.com/find?q=1&k=v\n"}},
		{"[[ is a [", rule("*", `"APP/[[1]"`), "GET a.com /", []string{"GET /[1] HTTP/1.1"}},
		{"nothing is expanded twice", rule("/p/*/*", `"APP/[1]/[2]"`), "GET a.com /p/[2]/b", []string{"GET /%5B2%5D/b HTTP/1.1"}},
		{"not in a header either", rule("/p/*/*", `["addHeader -> X-A=[1]", "APP"]`), "GET a.com /p/[2]/b", []string{"X-A: [2]\n"}},
		{"a host from a capture", rule("/to/*", `"redirect -> https://[1]/"`), "GET a.com /to/B.com", []string{"Location: https://b.com/\n"}},
		{"no @ in a host", rule("/to/*", `"redirect -> https://[1]/"`), "GET a.com /to/me@evil.com", []string{"400 ", "!Location"}},
		{"no # in a host", rule("/to/*", `"redirect -> https://[1].b.com/"`), "GET a.com /to/evil.com%23", []string{"400 ", "!Location"}},
		{"no : in a host", rule("/to/*", `"redirect -> https://[1]/"`), "GET a.com /to/b.com:80", []string{"400 "}},
		{"a port from a capture", rule("/p/*", `"redirect -> http://b.com:[1]/"`), "GET a.com /p/81", []string{"Location: http://b.com:81/\n"}},
		{"a port is a number", rule("/p/*", `"redirect -> http://b.com:[1]/"`), "GET a.com /p/81x", []string{"400 "}},
		{"up to 65535", rule("/p/*", `"redirect -> http://b.com:[1]/"`), "GET a.com /p/65536", []string{"400 "}},
		{"path text is escaped", rule("/p/*", `"APP/[1]"`), "GET a.com /p/a%3Fb%23c%25d", []string{"GET /a%3Fb%23c%25d HTTP/1.1"}},
		{"no dot segment comes of it", rule("/x*", `"APP/x/[1]"`), "GET a.com /x..", []string{"400 "}},
		{"[path] makes no //", rule("*", `"redirect -> /[path]"`), "GET a.com //evil.com/x", []string{"Location: /evil.com/x\n"}},
		{"nor does an empty capture", rule("*?.a.com", `"redirect -> /[1]/[path]"`), "GET a.com /evil.com", []string{"Location: /evil.com\n"}},
		{"a # behind a page", rule("/x/*", `"redirect -> https://b.com/y#"`), "GET a.com /x/z", []string{"Location: https://b.com/y#\n"}},
	})
}

package server

import (
	"fmt"
	"testing"
)

func TestProxySentences(t *testing.T) {
	newWorld(t).holds(t, []sentence{
		{"path and query go on unchanged", rule("*", `"APP"`), "GET a.com /a%20b/c;d?q=1&%zz", []string{"GET /a%20b/c;d?q=1&%zz HTTP/1.1"}},
		{"a path in the target replaces", rule("*.domain.com", `"APPPORT/[1]/[path]"`), "GET abc.domain.com /t?q=1", []string{"GET /abc/t?q=1 HTTP/1.1"}},
		{"and the query is kept", rule("*", `"APP/fixed"`), "GET a.com /x?q=1", []string{"GET /fixed?q=1 HTTP/1.1"}},
		{"what was not canonical is sent so", rule("*", `"APP"`), "GET a.com /x/../y//z", []string{"GET /y/z HTTP/1.1"}},
		{"Host as the client sent it", rule("*", `"APP"`), "GET A.com:8081 /", []string{"Host: A.com:8081\n"}},
		{"X-Forwarded is set", rule("*", `"APP"`), "GET a.com /", []string{"X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Proto: http\n", "X-Forwarded-Host: a.com\n", "X-Forwarded-Port: "}},
		{"the client's own is dropped", rule("*", `"APP"`), "GET a.com /\nX-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: https\nForwarded: for=6.6.6.6\nX-Real-IP: 6.6.6.6",
			[]string{"X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Proto: http\n", "!6.6.6.6"}},
		{"unless it is a trusted proxy", "trustedProxies: [127.0.0.0/8]\n" + rule("*", `"APP"`), "GET a.com /\nX-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: https",
			[]string{"X-Forwarded-For: 6.6.6.6, 127.0.0.1\n", "X-Forwarded-Proto: https\n"}},
		{"odd header names are dropped", rule("*", `"APP"`), "GET a.com /\nX_User: root\nX-User: joe", []string{"X-User: joe", "!root"}},
		{"unless the port keeps them", `ports: {"HERE": {keepOddHeaders: true, router: "APP"}}`, "GET a.com /\nX_User: root", []string{"X_user: root"}},
		{"a WebSocket passes", rule("*", `"APP/ws"`), "WS a.com /x", []string{"101 ", "Saw: GET /ws"}},
		{"also with TLS behind", rule("*", `"https+insecure://TLS"`), "WS a.com /x", []string{"101 "}},
		{"the upstream refuses", rule("*", "CLOSED"), "GET a.com /", []string{"502 "}},
		{"also an upgrade", rule("*", "CLOSED"), "WS a.com /", []string{"502 "}},
		{"the upstream is too slow", rule("*", `{$: proxy, target: "APP", timeout: 100ms}`), "GET a.com /slow", []string{"504 "}},
		{"too slow for the port", `ports: {"HERE": {proxyTargetTimeout: 100, router: "APP"}}`, "GET a.com /slow", []string{"504 "}},
		{"too slow for the config", "proxyTargetTimeout: 100\n" + rule("*", `"APP"`), "GET a.com /slow", []string{"504 "}},
		{"too slow for agentSettings", "agentSettings: {timeout: 100}\n" + rule("*", `"APP"`), "GET a.com /slow", []string{"504 "}},
		{"the client is too slow", "proxyTimeout: 100\n" + rule("*", `"APP"`), "POST a.com /slow\nContent-Length: 10", []string{"408 "}},
		{"too slow a client for the port", `ports: {"HERE": {proxyTimeout: 100, router: "APP"}}`, "POST a.com /slow\nContent-Length: 10", []string{"408 "}},
		{"the object form adds targets", rule("*", `{$: proxy, targets: [CLOSED, "APP"]}`), "GET a.com /x", []string{"200 ", "GET /x HTTP/1.1"}},
		{"and limits", rule("*", `{$: proxy, target: "APP", maxBody: 5}`), "POST a.com /x\nContent-Length: 6", []string{"413 "}},
		{"encoded slashes are 400", rule("*", `"APP"`), "GET a.com /a%2fb", []string{"400 "}},
		{"unless the port allows them", `ports: {"HERE": {allowEncodedSlash: true, router: "APP"}}`, "GET a.com /a%2Fb", []string{"GET /a%2Fb HTTP/1.1"}},
	})
}

func TestRedirectSentences(t *testing.T) {
	sentences := []sentence{
		{"302 by default", rule("*", `"redirect -> https://[1]/[path]"`), "GET a.com /x?q", []string{"302 ", "Location: https://a.com/x?q\n"}},
		{"the other spelling", rule("*", `"redirect: https://b.com/"`), "GET a.com /x", []string{"302 ", "Location: https://b.com/\n"}},
		{"with settings", rule("*", `{$: redirect, to: "https://b.com/[path]", code: 301}`), "GET a.com /x", []string{"301 ", "Location: https://b.com/x\n"}},
		{"an upgrade goes to the next element", rule("*", `["redirect -> https://[host]/[path]", "APP"]`), "WS a.com /x", []string{"101 ", "Saw: GET /x"}},
		{"and only an upgrade", rule("*", `["redirect -> https://[host]/[path]", "APP"]`), "GET a.com /x", []string{"302 "}},
		{"or nowhere", rule("*", `"redirect -> https://[host]/[path]"`), "WS a.com /x", []string{"404 ", "!Location"}},
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		sentences = append(sentences, sentence{fmt.Sprint(code), rule("*", fmt.Sprintf(`"redirect %d -> https://b.com/"`, code)), "GET a.com /", []string{fmt.Sprint(code, " "), "Location: https://b.com/\n"}})
	}
	newWorld(t).holds(t, sentences)
}

func TestWebsockifySentences(t *testing.T) {
	const dynamic = `{"/ssh/*/*": {$: websockify, target: "[1]:[2]", allow: ["*:ECHOPORT"]}}`
	newWorld(t).holds(t, []sentence{
		{"a port of this machine", rule("*", `"websockify -> ECHOPORT"`), "WS a.com /", []string{"101 "}},
		{"the other spelling", rule("*", `"websockify: ECHO"`), "WS a.com /", []string{"101 "}},
		{"host and port", rule("*", `"websockify -> localhost:ECHOPORT"`), "WS a.com /", []string{"101 "}},
		{"a socket", rule("*", `"websockify -> unix:DIR/app.sock"`), "WS a.com /", []string{"101 "}},
		{"from the request", rule("/ssh/*/*", `{$: websockify, target: "[1]:[2]", allow: ["localhost:ECHOPORT"]}`), "WS a.com /ssh/127.0.0.1/ECHOPORT", []string{"101 "}},
		{"by name", rule("/ssh/*/*", `{$: websockify, target: "[1]:[2]", allow: ["localhost:ECHOPORT"]}`), "WS a.com /ssh/localhost/ECHOPORT", []string{"101 "}},
		{"a network that allow lists", rule("/ssh/*/*", `{$: websockify, target: "[1]:[2]", allow: ["127.0.0.0/8:1-65535"]}`), "WS a.com /ssh/127.0.0.1/ECHOPORT", []string{"101 "}},
		{"a port that it does not", rule("/ssh/*/*", `{$: websockify, target: "[1]:[2]", allow: ["localhost:ECHOPORT"]}`), "WS a.com /ssh/localhost/22", []string{"403 "}},
		{"no allow, no loopback", rule("/ssh/*/*", `"websockify -> [1]:[2]"`), "WS a.com /ssh/127.0.0.1/ECHOPORT", []string{"403 "}},
		{"however it is written", `ports: {"HERE": ` + dynamic + `}`, "WS a.com /ssh/0x7f.1/ECHOPORT", []string{"403 "}},
		{"in IPv6", `ports: {"HERE": ` + dynamic + `}`, "WS a.com /ssh/::ffff:127.0.0.1/ECHOPORT", []string{"403 "}},
		{"as a name", `ports: {"HERE": ` + dynamic + `}`, "WS a.com /ssh/localhost./ECHOPORT", []string{"403 "}},
		{"unspecified", `ports: {"HERE": ` + dynamic + `}`, "WS a.com /ssh/0.0.0.0/ECHOPORT", []string{"403 "}},
		{"metadata", `ports: {"HERE": ` + dynamic + `}`, "WS a.com /ssh/169.254.169.254/ECHOPORT", []string{"403 "}},
		{"no port", rule("/ssh/*/*", `"websockify -> [1]:[2]"`), "WS a.com /ssh/b.com/ssh", []string{"400 "}},
		{"refused", rule("*", `"websockify -> CLOSED"`), "WS a.com /", []string{"502 "}},
		{"no WebSocket", rule("*", `"websockify -> ECHOPORT"`), "GET a.com /", []string{"426 ", "WebSocket"}},
		{"the own origin", rule("*", `"websockify -> ECHOPORT"`), "WS a.com /\nOrigin: http://a.com", []string{"101 "}},
		{"another one", rule("*", `"websockify -> ECHOPORT"`), "WS a.com /\nOrigin: https://evil.com", []string{"403 ", "https://evil.com"}},
		{"one that is listed", rule("*", `{$: websockify, target: ECHOPORT, origins: ["https://b.com"]}`), "WS a.com /\nOrigin: https://b.com", []string{"101 "}},
		{"subprotocol binary", rule("*", `"websockify -> ECHOPORT"`), "WS a.com /\nSec-WebSocket-Protocol: binary", []string{"101 ", "Sec-Websocket-Protocol: binary"}},
		{"subprotocol base64", rule("*", `"websockify -> ECHOPORT"`), "WS a.com /\nSec-WebSocket-Protocol: base64", []string{"101 ", "Sec-Websocket-Protocol: base64"}},
		{"no subprotocol", rule("*", `"websockify -> ECHOPORT"`), "WS a.com /", []string{"101 ", "!Sec-Websocket-Protocol"}},
	})
}

//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package server

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"nhooyr.io/websocket"
)

func TestPortForms(t *testing.T) {
	newWorld(t).holds(t, []sentence{
		{"a number is the target", `ports: {"HERE": APPPORT}`, "GET a.com /x", []string{"GET /x HTTP/1.1"}},
		{"text is the target", `ports: {"HERE": "reject -> 410"}`, "GET a.com /", []string{"410 "}},
		{"a list is the target", `ports: {"HERE": ["addHeader -> X-A=1", "APP"]}`, "GET a.com /", []string{"X-A: 1"}},
		{"a map without keys of ports is the router", `ports: {"HERE": {"a.com": "reject -> 410", "*": "APP"}}`, "GET a.com /", []string{"410 "}},
		{"a verb with settings is the target", `ports: {"HERE": {$: reject, code: 410}}`, "GET a.com /", []string{"410 "}},
		{"a router", `ports: {"HERE": {router: {"a.com": "reject -> 410"}}}`, "GET a.com /", []string{"410 "}},
		{"a router that is a single target", `ports: {"HERE": {router: APPPORT}}`, "GET a.com /x", []string{"GET /x HTTP/1.1"}},
		{"macros of a single target", `ports: {"HERE": "redirect -> https://[host]/[path]"}`, "GET a.com:81 /x", []string{"Location: https://a.com/x\n"}},
		{"middleware of all ports", "middleware: [\"addHeaderToResponse -> X-A=top\"]\n" + rule("*", `"APP"`), "GET a.com /", []string{"X-A: top\n"}},
		{"one element needs no list", "middleware: \"addHeaderToResponse -> X-A=top\"\n" + rule("*", `"APP"`), "GET a.com /", []string{"X-A: top\n"}},
		{"middleware of a port stands behind it", "middleware: [\"addHeader -> X-A=top\"]\nports: {\"HERE\": {middleware: [\"addHeader -> X-A=port\", \"addHeader -> X-B=port\"], router: \"APP\"}}",
			"GET a.com /", []string{"X-A: port\n", "X-B: port\n", "!X-A: top"}},
		{"middleware meets what no rule matches", "middleware: [\"addHeaderToResponse -> X-A=top\"]\n" + rule("b.com", `"APP"`), "GET a.com /", []string{"404 ", "X-A: top\n"}},
		{"middleware meets upgrades", "middleware: [\"deny -> 127.0.0.1\"]\n" + rule("*", `"APP"`), "WS a.com /", []string{"403 "}},
		{"literal hosts win", rule("*", `"reject -> 409", "/x": "reject -> 418", "a.com": "reject -> 410"`), "GET a.com /x", []string{"410 "}},
		{"then paths", rule("*", `"reject -> 409", "/x": "reject -> 418", "a.com": "reject -> 410"`), "GET b.com /x", []string{"418 "}},
		{"then wildcards", rule("*", `"reject -> 409", "/x": "reject -> 418", "a.com": "reject -> 410"`), "GET b.com /y", []string{"409 "}},
		{"keys that mean nothing here", "workerCount: 4\n" + `ports: {"HERE": {router: "APP", agentSettings: {scheduling: fifo}}}`, "GET a.com /", []string{"200 "}},
	})
}

// readmeYAML is written as http-master's README writes: block YAML with quoted
// flow maps, and every short form.
const readmeYAML = `
# Config of two ports
watchConfig: false
ports: {
  "HERE": { # each port gets a separate configuration
    router: {
      'code2flow.com': 'redirect -> http://b.com/[path]',
      'secure.b.com': 'redirect -> https://b.com/[path]',
      'b.com' : APPPORT,
      '*.c.com' : 'APP/[1]',
      'kpi.b.com': ["auth -> DIR/passwd.kpi", "APP"],
      '*.d.com': ["addHeader -> X-Tenant=[1]", {
        "*/path1": "APP/one",
        "*/*": "APP/more/[3]"
      }],
      "^(app1|app2)\\.e\\.com": "APP/[1]/[path]",
      "*.i.com/test/*": "[1]:APPPORT/something/[2]",
      "f.com/ssh": "websockify -> ECHOPORT",
      "g.com/*": "static -> DIR/www/[1]",
      "h.com": [ "gzip -> 9", { $: "proxy", "target": "APP" } ],
      'źdźbło.pl': "reject -> 503"
    },
    agentSettings: {
      keepAlive: true
    },
    proxyTargetTimeout: 1500,
    proxyTimeout: 1000
  }
}
middleware: ['log -> DIR/access.log' ]
modules: {
  appLog: 'DIR/app.log'
}
silent: false
`

// readmeJSON is the same as JSON.
const readmeJSON = `{
	"watchConfig": false,
	"ports": {
		"HERE": {
			"router": {
				"code2flow.com": "redirect -> http:\/\/b.com/[path]",
				"secure.b.com": "redirect -> https://b.com/[path]",
				"b.com": APPPORT,
				"*.c.com": "APP/[1]",
				"kpi.b.com": ["auth -> DIR/passwd.kpi", "APP"],
				"*.d.com": ["addHeader -> X-Tenant=[1]", {"*/path1": "APP/one", "*/*": "APP/more/[3]"}],
				"^(app1|app2)\\.e\\.com": "APP/[1]/[path]",
				"*.i.com/test/*": "[1]:APPPORT/something/[2]",
				"f.com/ssh": "websockify -> ECHOPORT",
				"g.com/*": "static -> DIR/www/[1]",
				"h.com": ["gzip -> 9", {"$": "proxy", "target": "APP"}],
				"\u017ad\u017ab\u0142o.pl": "reject -> 503"
			},
			"agentSettings": {"keepAlive": true},
			"proxyTargetTimeout": 1500,
			"proxyTimeout": 1000
		}
	},
	"middleware": ["log -> DIR/access.log"],
	"modules": {"appLog": "DIR/app.log"},
	"silent": false
}
`

// TestReadmeStyle serves http-master's own style of config in both languages
// that it may be written in.
func TestReadmeStyle(t *testing.T) {
	w := newWorld(t)
	w.write(t, "passwd.kpi", "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
	w.write(t, "www/index.html", "the index")
	asks := []struct {
		question string
		want     []string
	}{
		{"GET code2flow.com /x?q", []string{"302 ", "Location: http://b.com/x?q\n"}},
		{"GET secure.b.com /x", []string{"Location: https://b.com/x\n"}},
		{"GET b.com /x?q", []string{"200 ", "GET /x?q HTTP/1.1", "Host: b.com\n"}},
		{"WS b.com /x", []string{"101 ", "Saw: GET /x"}},
		{"GET x.y.c.com /z", []string{"GET /x.y HTTP/1.1"}},
		{"GET kpi.b.com /", []string{"401 "}},
		{"GET kpi.b.com /" + basic, []string{"200 ", "!Authorization"}},
		{"GET x.d.com /path1", []string{"GET /one HTTP/1.1", "X-Tenant: x\n"}},
		{"GET x.d.com /a/b", []string{"GET /more/a/b HTTP/1.1", "X-Tenant: x\n"}},
		{"GET app2.e.com /x", []string{"GET /app2/x HTTP/1.1"}},
		{"GET app3.e.com /x", []string{"404 "}},
		{"GET localhost.i.com /test/x/y", []string{"GET /something/x/y HTTP/1.1"}},
		{"WS f.com /ssh", []string{"101 "}},
		{"GET f.com /ssh", []string{"426 "}},
		{"GET g.com /", []string{"200 ", "the index"}},
		{"GET h.com /long\nAccept-Encoding: gzip", []string{"Content-Encoding: gzip"}},
		{"GET xn--dbo-iwa1zb.pl /", []string{"503 "}},
		{"GET b.com /slow", []string{"504 "}},
	}
	for name, text := range map[string]string{"YAML": readmeYAML, "JSON": readmeJSON} {
		t.Run(name, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			start(t, w.replacer.Replace(strings.ReplaceAll(text, "HERE", addr)))
			for _, a := range asks {
				wantAnswer(t, answerOf(t, addr, a.question), a.want)
			}
		})
	}
}

// TestAgentSettings: an app sees whether its connections are used again.
func TestAgentSettings(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.RemoteAddr)) })
	for _, tt := range []struct {
		name, top, port string
		kept            bool
	}{
		{"kept by default", "", "", true},
		{"not kept", "agentSettings: {keepAlive: false}", "", false},
		{"not kept by a port", "", "agentSettings: {keepAlive: false},", false},
		{"a port's settings take the place of the top's", "agentSettings: {keepAlive: false}", "agentSettings: {keepAlive: true},", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			start(t, tt.top+"\nports: {"+quoted(addr)+": {"+tt.port+" router: "+quoted(app)+"}}")
			c := client(t, addr)
			_, first := get(t, c, "http://a.com/")
			if _, second := get(t, c, "http://a.com/"); (first == second) != tt.kept {
				t.Errorf("connections from %s and %s", first, second)
			}
		})
	}
}

// TestTunnelLimits: a tunnel ends by the times that its rule gives it.
func TestTunnelLimits(t *testing.T) {
	for _, settings := range []string{"idleTimeout: 100ms", "maxLifetime: 100ms"} {
		t.Run(settings, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			start(t, "ports: {"+quoted(addr)+": {$: websockify, target: "+quoted(echoService(t))+", "+settings+"}}")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			if _, _, err := ws.Read(ctx); websocket.CloseStatus(err) == -1 {
				t.Errorf("the tunnel was not closed: %v", err)
			}
		})
	}
}

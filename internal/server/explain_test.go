package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"httpmaster/config"
)

// explained builds a config dry, for questions.
func explained(t *testing.T, file, text string) *Generation {
	t.Helper()
	cfg, faults := config.Parse(file, []byte(text))
	gen := NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults)
	t.Cleanup(gen.Discard)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return gen
}

// lookupLan knows the names below .lan that the tests ask for.
func lookupLan(_ context.Context, _, name string) ([]netip.Addr, error) {
	switch name {
	case "db1.lan":
		return []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::3")}, nil
	case "localhost":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}, nil
	case "loop.lan":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, errors.New("no such host")
}

// ask reads a question: a URL, perhaps "from ADDRESS", "port KEY" and
// "method METHOD".
func ask(t *testing.T, text string) Question {
	t.Helper()
	words := strings.Fields(text)
	q := Question{URL: words[0], Lookup: lookupLan}
	for i := 1; i < len(words); i += 2 {
		switch words[i] {
		case "from":
			q.From = netip.MustParseAddr(words[i+1])
		case "port":
			q.Port = words[i+1]
		case "method":
			q.Method = words[i+1]
		default:
			t.Fatalf("%q is no question", text)
		}
	}
	return q
}

// What differs from machine to machine and from day to day.
var (
	expiry    = regexp.MustCompile(`(until |"expires": ")\d{4}-\d\d-\d\d`)
	authority = regexp.MustCompile(`http-master local CA [^"\\]*`)
)

// answers puts the questions and gives the texts of the explanations.
func answers(t *testing.T, gen *Generation, questions []string, hide ...string) string {
	t.Helper()
	var all []string
	for _, text := range questions {
		x, err := gen.Explain(t.Context(), ask(t, text))
		if err != nil {
			all = append(all, text+"\nerror: "+err.Error()+"\n")
			continue
		}
		all = append(all, x.String())
	}
	return hidden(strings.Join(all, "\n"), hide...)
}

func hidden(text string, hide ...string) string {
	text = strings.NewReplacer(hide...).Replace(text)
	text = expiry.ReplaceAllString(text, "${1}YYYY-MM-DD")
	return authority.ReplaceAllString(text, "http-master local CA MACHINE")
}

func wantGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what came:\n%s", file, got)
	}
}

// everyForm asks for each rule of testdata/explain/verbs.yaml.
var everyForm = []string{
	"http://lit.com/z", "http://port.com:8443/ port 80", "http://port.com/", "http://x.y.sub.com/", "http://opt.com/",
	"http://tld/q", "http://tld.net/", "http://a.b.mid.com/p?q", "http://shop-42.re.com/", "http://źdźbło.pl/ü",
	"http://[2001:db8::1]/",
	"http://paths.com/", "http://paths.com/x/y", "http://paths.com/below", "http://paths.com/x/seg", "http://paths.com/v2/a/b?q",
	"http://paths.com/other", "http://nobody.com/any",
	"http://up.com/https?q", "http://up.com/insecure", "http://up.com/h2c", "http://up.com/unix?q", "http://up.com/request/app",
	"http://up.com/request/a/b",
	"http://redir.com/301", "http://redir.com/path?q", "http://redir.com/bad/a/b", "ws://redir.com/301", "ws://redir.com/x",
	"ws://ws.com/fixed", "http://ws.com/fixed", "ws://ws.com/listed/db1.lan/22", "ws://ws.com/listed/192.0.2.1/22", "ws://ws.com/socket",
	"http://reject.com/", "http://static.com/", "http://static.com/a.txt", "http://static.com/none", "http://static.com/files/a.txt",
	"http://static.com/.htaccess",
	"http://auth.com/", "http://allow.com/", "http://allow.com/ from 10.1.1.1", "http://allow.com/ from 192.0.2.1",
	"http://deny.com/", "http://deny.com/ from 192.0.2.1", "http://head.com/a%20b", "http://head.com/%C3%BC",
	"http://limit.com/", "http://balance.com/y?q",
	"http://nested.com/a/b/c", "http://nested.com/c", "http://nested.com/other", "http://fall.com/only", "http://fall.com/x",
	"http://any.com:81/x?y", "http://a.com:82/", "http://a.com:82/ port 127.0.0.2:82", "http://127.0.0.1:82/", "http://127.0.0.3:82/",
	"http://a.com/ port unix:/run/hm.sock", "http://b.com/ port unix:/run/hm.sock",
	"http://a.com:83/", "http://a.com/ port 83", "http://lit.com/ method TRACE", "http://lit.com/%", "http://lit.com/a%00",
	"http://a_b!.com/", "http://user@lit.com/", "lit.com/z", "ftp://lit.com/", "http://lit.com/#top", "http://lit.com?q",
}

func verbs(t *testing.T) *Generation {
	t.Helper()
	const file = "testdata/explain/verbs.yaml"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return explained(t, file, string(content))
}

func TestExplainEveryForm(t *testing.T) {
	wantGolden(t, "testdata/explain/verbs.txt", answers(t, verbs(t), everyForm))
}

// TestExplainJSON holds the form for programs still.
func TestExplainJSON(t *testing.T) {
	var all strings.Builder
	for _, text := range []string{
		"http://lit.com/z", "http://paths.com/v2/a/b?q", "ws://ws.com/listed/db1.lan/22", "ws://ws.com/listed/192.0.2.1/22", "http://redir.com/301",
		"http://static.com/none", "http://auth.com/", "http://allow.com/ from 192.0.2.1", "http://head.com/x", "http://limit.com/", "http://balance.com/", "http://nested.com/a/b/c", "http://a.com:83/",
	} {
		x, err := verbs(t).Explain(t.Context(), ask(t, text))
		if err != nil {
			t.Fatal(err)
		}
		encoder := json.NewEncoder(&all)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	wantGolden(t, "testdata/explain/verbs.json", hidden(all.String()))
}

// TestEveryRuleOfTheFormsIsReached keeps verbs.yaml from having a rule that no
// question is about.
func TestEveryRuleOfTheFormsIsReached(t *testing.T) {
	gen := verbs(t)
	reached := make(map[int]bool)
	for _, text := range everyForm {
		x, err := gen.Explain(t.Context(), ask(t, text))
		if err != nil {
			continue
		}
		for _, s := range x.Steps {
			if s.Router != nil && len(s.Router.Tried) > 0 {
				if last := s.Router.Tried[len(s.Router.Tried)-1]; last.Matches {
					reached[last.Line] = true
				}
			}
		}
	}
	for _, cp := range gen.sources.cfg.Ports {
		if cp.Target.Router == nil {
			continue
		}
		for _, rule := range cp.Target.Router.Rules {
			if line := rule.Pattern.Pos.Line; !reached[line] && rule.Pattern.Value != "lit.com/z" { // which is hidden
				t.Errorf("no question leads to line %d %q", line, rule.Pattern.Value)
			}
		}
	}
}

// TestExplainedIsServed asks a server and an explanation the same.
func TestExplainedIsServed(t *testing.T) {
	addr := freePorts(t, 1)[0]
	text := `
ports:
  "` + addr + `":
    router:
      "a.com/x/*": "redirect 301 -> https://[host]/y/[1]?q=1"
      "a.com/bad/*": "redirect -> https://[1]/"
      "a.com:81": "reject -> 410"
      "a.com/files/*": "static -> testdata/explain/site/[1]"
      "a.com/deny": ["deny -> 127.0.0.0/8", 1]
      "a.com/allow": ["allow -> 127.0.0.0/8", "reject -> 409"]
      "a.com/head/*": ["addHeader -> X-A=[1]", "reject -> 406"]
      "a.com/tunnel": "websockify -> 22"
      "*.b.com/*": {"x.b.com/*": "redirect -> https://[1].c.com/[2]/[3]", "/z": "reject -> 405"}
`
	start(t, text)
	gen := explained(t, "config.yaml", text)
	c := client(t, addr)
	for _, url := range []string{
		"http://a.com/x/1/2", "http://a.com/x", "http://a.com/x/%C3%BC%20%3F?k=v", "http://a.com/bad/1/2", "http://a.com/bad/b.com", "http://a.com:81/",
		"http://a.com/files/a.txt", "http://a.com/files/none", "http://a.com/files", "http://a.com/deny", "http://a.com/allow",
		"http://a.com/head/x", "http://a.com/head/%C3%BC", "http://a.com/tunnel", "http://x.b.com/z", "http://y.b.com/z", "http://y.b.com/y",
		"http://a.com/", "http://a.com/a%2fb", "http://a.com//x/../x/1", "http://other.com/",
	} {
		x, err := gen.Explain(t.Context(), Question{URL: url, From: netip.MustParseAddr("127.0.0.1"), Port: addr})
		if err != nil {
			t.Fatal(err)
		}
		resp, body := get(t, c, url)
		explained := fmt.Sprint(x.Answer.Status, " ", x.Answer.Location)
		if served := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Location")); served != explained {
			t.Errorf("%s\nexplained as %s\nserved with  %s, %q", url, explained, served, body)
		}
	}
}

// TestExplainManyRules shows only what is worth showing.
func TestExplainManyRules(t *testing.T) {
	var text strings.Builder
	text.WriteString("ports:\n  80:\n    router:\n")
	for i := range 10000 {
		fmt.Fprintf(&text, "      \"h%d.com\": 8080\n", i)
	}
	for i := range 30 {
		fmt.Fprintf(&text, "      \"many.com/p%d\": 8080\n", i)
	}
	text.WriteString("      \"many.com\": 8081\n")
	wantGolden(t, "testdata/explain/many.txt", answers(t, explained(t, "config.yaml", text.String()), []string{"http://many.com/", "http://h77.com/"}))
}

// TestExplainKnowsEveryVerb keeps a new verb from being forgotten.
func TestExplainKnowsEveryVerb(t *testing.T) {
	gen := verbs(t)
	for _, text := range everyForm {
		if x, err := gen.Explain(t.Context(), ask(t, text)); err == nil && strings.Contains(x.Answer.Reason, "explain cannot") {
			t.Errorf("%s: %s", text, x)
		}
	}
}

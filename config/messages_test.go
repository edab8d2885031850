package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// untested are messages that no file can be written for.
var untested = map[string]string{
	"cannot be read: %v":                  "TestLoad",
	"is larger than %d MiB":               "TestLoad",
	"the parser does not understand this": "a guard against faults of the YAML library",
}

// TestMessages holds that each message in the package's source is in a golden
// file or in TestSyntax, and so has been seen and found readable.
func TestMessages(t *testing.T) {
	seen := allGolden(t)
	for format, at := range formats(t) {
		if untested[format] != "" {
			continue
		}
		if !messagePattern(format).MatchString(seen) {
			t.Errorf("%s: no test shows %q", at, format)
		}
	}
	for _, m := range syntaxMessages {
		if !strings.Contains(seen, m.message) {
			t.Errorf("no test shows %q", m.message)
		}
	}
	texts := slices.Concat(quietKeys(&topTable), quietKeys(&agentTable), quietKeys(&sslTable), quietKeys(&pairTable),
		[]string{"did you mean", "known here: ", "known are: ", "is a space missing"})
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			t.Errorf("no test shows %q", text)
		}
	}
	if strings.Contains(seen, "secret") {
		t.Error("a message shows a password")
	}
}

// quietKeys are what is ignored or refused, as the messages say it.
func quietKeys[T any](t *table[T]) []string {
	var out []string
	for _, k := range t.keys {
		switch k.kind {
		case "ignored":
			out = append(out, strconv.Quote(k.name)+" has no effect: "+k.doc)
		case "refused":
			out = append(out, strconv.Quote(k.name)+" is not supported: "+k.doc)
		}
	}
	return out
}

func allGolden(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range glob(t, "testdata/*.txt") {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	for _, test := range syntaxTests {
		all.WriteString(test.want + "\n")
	}
	return all.String()
}

// formats finds the formats of messages in the package's source, with places.
func formats(t *testing.T) map[string]token.Position {
	t.Helper()
	places := token.NewFileSet()
	out := make(map[string]token.Position)
	for _, name := range glob(t, "*.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(places, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal := messageOf(n); literal != nil {
				format, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[format] = places.Position(literal.Pos())
			}
			return true
		})
	}
	delete(out, "%s")
	if len(out) < 50 {
		t.Fatalf("found only %d messages", len(out))
	}
	return out
}

// messageOf gives the first text among the arguments of a call that makes a
// message.
func messageOf(n ast.Node) *ast.BasicLit {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	if f, ok := call.Fun.(*ast.SelectorExpr); !ok || !isMessage(f) {
		return nil
	}
	for _, arg := range call.Args {
		if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			return literal
		}
	}
	return nil
}

func isMessage(f *ast.SelectorExpr) bool {
	switch f.Sel.Name {
	case "Errorf", "Warnf", "errorf", "warnf":
		return true
	case "New":
		x, ok := f.X.(*ast.Ident)
		return ok && x.Name == "errors"
	}
	return false
}

var formatVerb = regexp.MustCompile(`%(\[\d\])?(04)?(02)?[a-zA-Z]`)

// messagePattern matches what a format makes.
func messagePattern(format string) *regexp.Regexp {
	const any = "\x00"
	quoted := regexp.QuoteMeta(formatVerb.ReplaceAllString(format, any))
	return regexp.MustCompile(strings.ReplaceAll(quoted, any, ".*"))
}

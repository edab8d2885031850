package config

import (
	"strings"
	"testing"
)

// syntaxTests are files of which nothing is read: what is not YAML ends at the
// first fault.
var syntaxTests = []struct{ name, content, want string }{
	{"tab for indentation", "ports:\n\t80: 8080\n", "2:1: " + tabMessage},
	{"tab further down", "ports:\n  80:\n  \trouter: 8080\n", "3:3: " + tabMessage},
	{"tab in block text", "ports:\n  80: |\n  \tx\n", "2:7: " + tabMessage},
	{"tab before a character that is no value", "{\n\tports: @a\n}\n",
		`2:9: a value cannot begin with this character; put it in quotes`},
	{"verb without quotes", "ports:\n  80:\n    router:\n      \"*\": redirect: https://a\n",
		`4:23: a second ": " in one line (put a value with a colon in quotes), a wrong indentation, or the line above lacks its ":"`},
	{"no colon", "ports:\n  80:\n    - a\n    b\n    - c\n",
		`4:5: a ": " is missing after this, or a quote is not closed`},
	{"open quote", "ports:\n  80: \"8080\n  443: 5\nsilent: true\n", "2:3: a quote opens here and is never closed"},
	{"open quote before the end of the document", "ports:\n  80: '8080\n---\na: 5\n",
		"2:3: a quote opens here and is not closed before the document ends"},
	{"backslash in double quotes", "ports:\n  80:\n    \"^a\\.com\": 5\n",
		`3:9: in double quotes a backslash begins an escape; write \\ or use single quotes`},
	{"x in double quotes", "ports:\n  80:\n    \"^a\\xzz.com\": 5\n",
		`3:11: in double quotes \x, \u and \U want hexadecimal digits; for a backslash write \\`},
	{"half a character", "ports:\n  80:\n    \"\\ud800\": 5\n",
		`3:11: in double quotes \u and \U want a valid character; for a backslash write \\`},
	{"star without quotes", "ports:\n  80:\n    *: 8080\n",
		`3:8: what begins with "*" or "&" must be in quotes, such as "*.example.com"`},
	{"star and name without quotes", "ports:\n  80:\n    *foo : 8080\n",
		`3:15: what begins with "*" must be in quotes; without them it refers to an anchor, and there is none of this name`},
	{"comma missing in a map", "ports: {\n  80: {\n    router: 5\n  }\n  443: {\n    router: 6\n  }\n}\n",
		`5:8: a "," or the closing "}" is missing before this, perhaps at the end of a line above`},
	{"bracket missing in a map", "ports: {\n  80: {a: 1\n",
		`2:11: a "," or the closing "}" is missing before this, perhaps at the end of a line above`},
	{"bracket missing in a list", "ports: {\n  80: [1, 2\n}\n",
		`3:1: a "," or the closing "]" is missing before this, perhaps at the end of a line above`},
	{"indentation", "ports:\n  80: 5\n 443: 5\n",
		"3:7: this cannot stand here: the line is indented unlike its neighbours, a bracket or quote is one too many, or what is before it is not finished"},
	{"bracket too many", "ports: {80: 5}}\n",
		"1:15: this cannot stand here: the line is indented unlike its neighbours, a bracket or quote is one too many, or what is before it is not finished"},
	{"indentation of a list", "ports:\n  80:\n    - a\n    -b: c\n    - d\n",
		`4:9: this line is not indented like the list it belongs to, or lacks its "- "`},
	{"list on the key's line", "ports:\n  80: - a\n",
		`2:9: a list item ("- ") cannot stand here; begin the list on a line of its own`},
	{"question mark", "ports:\n  80: ? a\n", `2:9: a "? " cannot stand here; put it in quotes if it belongs to a value`},
	{"two commas", "ports: {80: [5, , 6]}\n", "1:21: a value is missing here"},
	{"text after the end", "ports:\n  80: 8080\n...\nfoo\n",
		"4:3: the config is over before this; check the brackets and the indentation above"},
	{"character that begins no value", "ports:\n  80: @a\n", "2:7: a value cannot begin with this character; put it in quotes"},
	{"too many brackets", "ports: " + strings.Repeat("[", 10_001), "1:10008: nested too deeply"},
	{"another YAML", "%YAML 2.0\n---\nports: 5\n", "3:6: not valid YAML: found incompatible YAML document"},
	{"UTF-16", "\xFF\xFEp\x00o\x00", " is UTF-16; save it as UTF-8"},
	{"Latin-1", "ports:\n  80: {\"caf\xE9.fr\": 5}\n", "2:12: the byte 0xE9 is not UTF-8; save the file as UTF-8"},
	{"NUL", "ports:\n  80: \"a\x00\"\n", "2:9: the character U+0000 cannot be seen and cannot be used; remove it"},
	{"byte order mark in the middle", "ports:\n  \uFEFF80: 5\n", "2:3: the character U+FEFF cannot be seen and cannot be used; remove it"},
	{"empty", "", ` is empty; at least "ports" is needed`},
	{"only comments", "# nothing\n\n", ` is empty; at least "ports" is needed`},
	{"only a document's begin", "---\n", ` is empty; at least "ports" is needed`},
	{"a list", "- ports\n", "1:1: the config must be a map (key: value), not a list"},
	{"a number", "5", "1:1: the config must be a map (key: value), not a number"},
	{"alone line breaks", "ports:\r  80: 8080\r  80: 8081\r", `3:3: the key "80" is written twice, first on line 2`},
}

func TestSyntax(t *testing.T) {
	for _, test := range syntaxTests {
		t.Run(test.name, func(t *testing.T) {
			_, faults := Parse("f", []byte(test.content))
			if err := faults.Err(); err == nil || err.Error() != "f:"+test.want {
				t.Errorf("got:  %v\nwant: f:%s", err, test.want)
			}
		})
	}
}

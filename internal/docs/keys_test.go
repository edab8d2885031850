package docs

import (
	"os"
	"regexp"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestEveryKeyHasAnExample holds that each key of the reference's tables stands
// in one of its examples, in the place that the table is about.
func TestEveryKeyHasAnExample(t *testing.T) {
	content, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := tableKeys(t, string(content))
	found := examples{tables: tables, written: make(map[string]bool)}
	for _, m := range example.FindAllStringSubmatch(string(content), -1) {
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(asConfig(t, m[1])), &root); err != nil {
			t.Fatal(err)
		}
		found.object("config", root.Content[0])
	}
	for table, keys := range tables {
		for _, key := range keys {
			if !found.written[table+" "+key] {
				t.Errorf("no example has the key %q of %s", key, table)
			}
		}
	}
}

// tableKeys gives the keys of each of a page's tables.
func tableKeys(t *testing.T, page string) map[string][]string {
	t.Helper()
	table := regexp.MustCompile(`(?s)<!-- begin ([A-Za-z. ]+) -->\n(.*?)<!-- end -->`)
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	keys := make(map[string][]string)
	for _, m := range table.FindAllStringSubmatch(page, -1) {
		if m[1] == "verbs" {
			continue // these are no keys
		}
		for _, key := range row.FindAllStringSubmatch(m[2], -1) {
			keys[m[1]] = append(keys[m[1]], key[1])
		}
	}
	if len(keys) < 20 {
		t.Fatalf("the page has only %d tables", len(keys))
	}
	return keys
}

// examples collects the keys that examples have, with the tables that they
// belong to.
type examples struct {
	tables  map[string][]string
	written map[string]bool // "table key"
}

// object goes through a map that a table describes.
func (e *examples) object(table string, n *yaml.Node) {
	for key, value := range lines(n) {
		e.written[table+" "+key] = true
		switch key {
		case "ports":
			for _, entry := range lines(value) {
				e.port(entry)
			}
		case "router", "middleware":
			e.target(value)
		case "SNI":
			for _, entry := range lines(value) {
				e.object(key, entry)
			}
		case "targets":
			for _, element := range value.Content {
				e.object(key, element)
			}
		default:
			if e.tables[key] != nil {
				e.object(key, value)
			}
		}
	}
}

func (e *examples) port(n *yaml.Node) {
	for _, key := range e.tables["portEntry"] {
		if lines(n)[key] != nil {
			e.object("portEntry", n)
			return
		}
	}
	e.target(n)
}

func (e *examples) target(n *yaml.Node) {
	if verb := lines(n)["$"]; verb != nil {
		e.object("verb "+verb.Value, n)
		return
	}
	for _, inner := range lines(n) {
		e.target(inner)
	}
	if n.Kind == yaml.SequenceNode {
		for _, element := range n.Content {
			e.target(element)
		}
	}
}

// lines gives the values of a map by key; there are none in anything else.
func lines(n *yaml.Node) map[string]*yaml.Node {
	values := make(map[string]*yaml.Node)
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			values[n.Content[i].Value] = n.Content[i+1]
		}
	}
	return values
}

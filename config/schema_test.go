package config

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	kinds "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"gopkg.in/yaml.v3"
)

const schemaFile = "../docs/config.schema.json"

func TestSchemaFile(t *testing.T) {
	if *update {
		if err := os.WriteFile(schemaFile, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if fileText(t, schemaFile) != string(Schema()) {
		t.Errorf("%s is not what the tables say; run go test ./config -update", schemaFile)
	}
}

// unseen are the errors that no schema finds, or none without becoming larger
// than it is worth.
var unseen = []struct{ message, reason string }{
	{`is written twice`, "a parser of YAML or JSON drops the first"},
	{`stands where a key belongs`, "JSON has no such keys"},
	{`a key is missing before`, "JSON has no such keys"},
	{`is taken by port`, "it would have to compare keys"},
	{`the tag !`, "the tag is gone when the schema is asked"},
	{`nothing answers behind`, "what an element does depends on those behind it"},
	{`is a pattern here, not a verb`, "at a port it is a warning only"},
	{`the path of a socket can have`, "it depends on the folder of the file"},
	{`a port is a number from 1 to 65535`, "numbers in keys are text to it"},
	{`is neither an IP address nor a host name`, "the pattern for keys is coarse"},
	{`an IPv6 address is written in brackets`, "the pattern for keys is coarse"},
	{`is neither an address nor a network`, "the pattern for addresses is coarse"},
	{`a target is a port such as 8080`, "8_080 is a number to a parser of YAML"},
	{`unknown verb`, "short text without an arrow may be a host"},
	{`a "->" is missing`, "short text without an arrow may be a host"},
	{`cannot be set: it belongs to the connection`, "letter case"},
	{`must be a whole number from`, "arguments in text are text to it"},
	{`the status of redirect must be`, "arguments in text are text to it"},
	{`nothing can stand between`, "arguments in text are text to it"},
	{`needs Name=Value`, "arguments in text are text to it"},
	{`cannot be the name of a header`, "arguments in text are text to it"},
	{`deny names no address`, "arguments in text are text to it"},
	{`the rate of limit`, "arguments in text are text to it"},
	{`it is too large`, "the size is text to it"},
	{`targets are nested more than`, "it does not count"},
	{`a pattern has a line break`, "patterns may be anything to it"},
	{`"letsencrypt: true" needs modules`, "it would have to compare places"},
	{`unknown key "`, "a port's map without port keys is a router"},
}

// TestSchema holds the schema against the loader: what the loader takes the
// schema takes, and where the loader finds an error the schema finds one in the
// same line, unless it is in unseen. Nothing else is wrong to the schema.
func TestSchema(t *testing.T) {
	s := compileSchema(t)
	names := slices.Concat(glob(t, "testdata/*.yaml"), glob(t, "../examples/*.yaml"))
	used := make(map[string]bool)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			content := []byte(fileText(t, name))
			_, faults := Parse(filepath.Base(name), content)
			root := nodes(content)
			if root == nil {
				return // not YAML, or not to be unfolded: there is nothing for a schema to see
			}
			wrong := schemaErrors(t, s, root)
			for _, fault := range faults.Errors() {
				if !slices.ContainsFunc(wrong, func(f Fault) bool { return f.Pos.Line == fault.Pos.Line }) && !isUnseen(fault, used) {
					t.Errorf("the schema does not see %s", fault)
				}
			}
			for _, f := range wrong {
				if !slices.ContainsFunc(faults.Errors(), func(e Fault) bool { return e.Pos.Line == f.Pos.Line }) {
					t.Errorf("%s:%d is wrong to the schema only: %s", name, f.Pos.Line, f.Message)
				}
			}
		})
	}
	for _, u := range unseen {
		if !used[u.message] {
			t.Errorf("nothing is unseen because of %q (%s)", u.message, u.reason)
		}
	}
}

func isUnseen(fault Fault, used map[string]bool) bool {
	for _, u := range unseen {
		if strings.Contains(fault.Message, u.message) {
			used[u.message] = true
			return true
		}
	}
	return false
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nodes gives the root of content if it can be shown to a schema.
func nodes(content []byte) *yaml.Node {
	l := &loader{faults: &Faults{}, cfg: &Config{}}
	root := l.document(content)
	if l.faults.errors > 0 {
		return nil
	}
	return root
}

// schemaErrors gives what s finds wrong, at the place of the value.
func schemaErrors(t *testing.T, s *jsonschema.Schema, root *yaml.Node) []Fault {
	t.Helper()
	err := s.Validate(toJSON(root))
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var out []Fault
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		n := nodeAt(root, e.InstanceLocation)
		switch k := e.ErrorKind.(type) {
		case *kinds.PropertyNames:
			// The library does not keep the place of these.
			out = append(out, Fault{Pos: position(keyBelow(root, k.Property)), Message: e.Error()})
			return
		case *kinds.AdditionalProperties:
			for _, name := range k.Properties {
				out = append(out, Fault{Pos: position(keyBelow(n, name)), Message: e.Error()})
			}
			return
		}
		if len(e.Causes) == 0 {
			out = append(out, Fault{Pos: position(n), Message: e.Error()})
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(invalid)
	return out
}

// quietPairs are the pairs of a map, merges filled in.
func quietPairs(n *yaml.Node) []pair {
	l := &loader{faults: &Faults{}}
	return l.pairs(&yaml.Node{Kind: n.Kind, Tag: "!!map", Content: n.Content}, "")
}

// nodeAt gives the node at a place that a schema tells.
func nodeAt(n *yaml.Node, location []string) *yaml.Node {
	for _, step := range location {
		n = follow(n)
		if n.Kind == yaml.SequenceNode {
			i, _ := strconv.Atoi(step)
			n = n.Content[i]
			continue
		}
		for _, p := range quietPairs(n) {
			if p.key.Value == step {
				n = p.value
			}
		}
	}
	return n
}

// keyBelow gives the first key of that name at n or below it, or nil.
func keyBelow(n *yaml.Node, name string) *yaml.Node {
	n = follow(n)
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i]
		}
	}
	for _, c := range n.Content {
		if key := keyBelow(c, name); key != nil {
			return key
		}
	}
	return nil
}

// toJSON gives what an editor would hand to a schema.
func toJSON(n *yaml.Node) any {
	n = follow(n)
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = toJSON(c)
		}
		return list
	case yaml.MappingNode:
		m := make(map[string]any)
		for _, p := range quietPairs(n) {
			m[p.key.Value] = toJSON(p.value)
		}
		return m
	}
	var v any
	copied := *n
	if !strings.HasPrefix(n.Tag, "!!") {
		copied.Tag = ""
	}
	if err := copied.Decode(&v); err != nil || n.Tag == "!!timestamp" {
		return n.Value
	}
	return v
}

// TestSchemaDescribes holds that every key and verb is explained.
func TestSchemaDescribes(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	described := regexp.MustCompile(`^[^A-Z ].*\.$|^No effect: .*\.$|^Not supported: .*\.$|^[A-Z].*\.$`)
	defs := doc.(map[string]any)["$defs"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		properties, _ := defs[name].(map[string]any)["properties"].(map[string]any)
		for key, p := range properties {
			description, _ := p.(map[string]any)["description"].(string)
			if !described.MatchString(description) && name != "verb" {
				t.Errorf("%s.%s: %q", name, key, description)
			}
		}
	}
	for _, v := range verbs {
		if defs["verb."+v.name] == nil {
			t.Errorf("no schema for %s", v.name)
		}
	}
}

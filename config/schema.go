package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
)

// schema is a JSON Schema or a part of one, draft 2020-12, as encoding/json
// writes it.
type schema map[string]any

// described is a table of any T.
type described interface {
	// rows gives the lines that stand in the file for what the table describes.
	rows() []row
	schema() schema
}

// row is a key without the T that it belongs to.
type row struct {
	name, kind, def, doc string
	required             bool
}

// namedTable is a table with its name in the schema and in the reference.
type namedTable struct {
	name  string
	table described
}

// objects is every object of the language but the verbs' own.
func objects() []namedTable {
	return []namedTable{
		{"config", &topTable},
		{"modules", &modulesTable},
		{"admin", &adminTable},
		{"appLog", &appLogTable},
		{"letsencrypt", &letsEncryptTable},
		{"metrics", &metricsTable},
		{"agentSettings", &agentTable},
		{"limits", &limitsTable},
		{"portEntry", &portTable},
		{"ssl", &sslTable},
		{"SNI", &pairTable},
		{"clientAuth", &clientAuthTable},
		{"targets", &weightedTable},
		{"health", &healthTable},
		{"eject", &ejectTable},
		{"maxTunnels", &maxTunnelsTable},
		{"lockout", &lockoutTable},
	}
}

// Schema gives the JSON Schema (draft 2020-12) of a config, for editors to
// complete, explain and check it while it is written. What it finds wrong, the
// loader does as well; the loader knows more.
func Schema() []byte {
	defs := schema{
		"port":   portSchema(),
		"target": targetSchema(),
		"verb":   verbSchema(),
	}
	for _, o := range objects() {
		defs[o.name] = o.table.schema()
	}
	for _, v := range verbs {
		defs["verb."+v.name] = v.objectSchema()
	}
	root := schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "http-master's config",
		"$ref":    "#/$defs/config",
		"$defs":   defs,
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // it holds nothing but maps, lists and text
	}
	return out.Bytes()
}

func (t *table[T]) rows() []row {
	rows := make([]row, len(t.keys))
	for i, k := range t.keys {
		rows[i] = row{k.name, k.kind, k.def, k.doc, k.required}
	}
	return rows
}

func (t *table[T]) schema() schema {
	properties := schema{}
	var required []string
	for _, k := range t.keys {
		properties[k.name] = k.property()
		if k.required {
			required = append(required, k.name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	if t.rules != nil {
		s["allOf"] = t.rules
	}
	return s
}

// property is a key's value with what an editor tells about it. doNotSuggest
// and patternErrorMessage are no part of JSON Schema; the editors that use
// vscode's and yaml-language-server's code know them.
func (k *key[T]) property() schema {
	switch k.kind {
	case "ignored":
		return schema{"deprecated": true, "doNotSuggest": true, "description": "No effect: " + k.doc + "."}
	case "refused":
		return schema{"not": schema{}, "doNotSuggest": true, "description": "Not supported: " + k.doc + "."}
	}
	s := maps.Clone(k.schema)
	s["description"] = k.doc + "."
	if !k.required && k.def != "" {
		s["description"] = k.doc + ". Default: " + k.def + "."
	}
	return s
}

// portSchema tells a port's entry from a router or target that stands in its
// place.
func portSchema() schema {
	var some []schema
	hints := schema{}
	for _, r := range portTable.rows() {
		some = append(some, needs(r.name))
		hints[r.name] = schema{"description": r.doc + "."}
	}
	return schema{
		"description": "what is served at an address: a map with router, ssl and so on, or rules, or a single target.",
		"properties":  hints,
		"if":          schema{"type": "object", "anyOf": some},
		"then":        ref("portEntry"),
		"else":        ref("target"),
	}
}

// targetSchema is every form of a target. Keywords for text say nothing about
// maps and so on.
func targetSchema() schema {
	return schema{
		"description": `a port, an address, "verb -> argument", a list (a chain: middlewares first, the last one answers), ` +
			"a map of pattern: target (a router), or a map with $: verb and its settings.",
		"type":    []string{"integer", "string", "array", "object"},
		"minimum": 1, "maximum": 65535,
		"pattern": textPattern, "allOf": verbTextRules(),
		"minItems": 1, "items": ref("target"),
		"minProperties": 1,
		"properties":    schema{"$": schema{"description": "the verb whose settings follow."}},
		"if":            schema{"type": "object", "required": []string{"$"}},
		"then":          ref("verb"),
		"else":          schema{"additionalProperties": ref("target")},
	}
}

// verbTextRules are what can be told about the text of a target: verbs are
// known ones, and have an argument if they need one.
func verbTextRules() []schema {
	all, some, bare := "", "", ""
	for _, v := range verbs {
		all += "|" + v.name
		if v.argument == "" {
			bare += "|" + v.name
		}
		if !v.optional {
			some += "|" + v.name
		}
	}
	verbThere := schema{"type": "string", "pattern": `^\s*([A-Za-z][A-Za-z0-9]*(\s+\S+)?)?(\s*->|:\s)`}
	return []schema{
		{"if": verbThere, "then": schema{
			"pattern":             `^\s*(` + all[1:] + `)(\s|:|->)`,
			"patternErrorMessage": "unknown verb; known are: " + strings.Join(verbNames(), ", "),
		}},
		{"not": schema{"type": "string", "pattern": `^\s*(` + some[1:] + `)\s*(->|:)?\s*$`}},
		{"not": schema{"type": "string", "pattern": `^\s*(` + bare[1:] + `)\s*(->|:\s)\s*\S`}},
	}
}

// verbSchema is an object form: which one, its "$" tells.
func verbSchema() schema {
	var names []string
	var which []schema
	for _, v := range verbs {
		names = append(names, v.name)
		which = append(which, schema{
			"if":   schema{"properties": schema{"$": schema{"const": v.name}}},
			"then": ref("verb." + v.name),
		})
	}
	return schema{"properties": schema{"$": schema{"enum": names}}, "allOf": which}
}

func (v *verb) objectSchema() schema {
	s := v.keys.schema()
	s["description"] = v.doc + "."
	s["properties"].(schema)["$"] = schema{"const": v.name, "description": v.doc + "."}
	return s
}

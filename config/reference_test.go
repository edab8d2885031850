package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// generated is a part of a page that is made from the tables:
//
//	<!-- begin NAME -->
//	...
//	<!-- end -->
var generated = regexp.MustCompile(`(?s)(<!-- begin ([A-Za-z. ]+) -->\n).*?(<!-- end -->)`)

// TestReference holds that the tables of the manual are those of the loader,
// and that each of them is in it.
func TestReference(t *testing.T) {
	parts := make(map[string]string)
	for _, o := range objects() {
		parts[o.name] = keyTable(o.table)
	}
	for _, v := range verbs {
		if len(v.keys.rows()) > 0 {
			parts["verb "+v.name] = keyTable(v.keys)
		}
	}
	parts["verbs"] = verbTable()
	parts["ignored"] = quietTable("ignored")
	parts["refused"] = quietTable("refused")
	used := make(map[string]bool)
	for _, name := range []string{"../docs/reference.md", "../docs/from-http-master.md"} {
		page := fileText(t, name)
		want := generated.ReplaceAllStringFunc(page, func(part string) string {
			m := generated.FindStringSubmatch(part)
			if parts[m[2]] == "" {
				t.Errorf("%s: there is no table %q", name, m[2])
			}
			used[m[2]] = true
			return m[1] + parts[m[2]] + m[3]
		})
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if page != want {
			t.Errorf("%s is not what the tables say; run go test ./config -update", name)
		}
	}
	for name := range parts {
		if !used[name] {
			t.Errorf("the table %q is in no page", name)
		}
	}
}

// keyTable shows the keys that mean something.
func keyTable(table described) string {
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, r := range table.rows() {
		if r.kind != "ignored" && r.kind != "refused" {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.name, r.kind, r.def, r.doc)
		}
	}
	return b.String()
}

func verbTable() string {
	var b strings.Builder
	b.WriteString("| verb | written | does |\n|---|---|---|\n")
	for _, v := range verbs {
		written := fmt.Sprintf("`%s -> …` with %s", v.name, v.argument)
		switch {
		case v.argument == "":
			written = fmt.Sprintf("`%s`", v.name)
		case v.optional:
			written += fmt.Sprintf(", or `%s`", v.name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, written, v.doc)
	}
	return b.String()
}

// quietTable shows the keys of http-master's that are accepted without effect,
// or not accepted.
func quietTable(kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| key | in | %s |\n|---|---|---|\n", map[string]string{"ignored": "why", "refused": "instead"}[kind])
	for _, o := range objects() {
		for _, r := range o.table.rows() {
			if r.kind == kind {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.name, quietPlace(o.name), strings.ReplaceAll(r.doc, "|", `\|`))
			}
		}
	}
	return b.String()
}

// quietPlace is where the keys of an object stand in a file.
func quietPlace(object string) string {
	switch object {
	case "config":
		return "the top"
	case "SNI":
		return "an entry of `ssl.SNI`"
	}
	return "`" + object + "`"
}

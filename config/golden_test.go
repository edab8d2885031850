package config

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGood compares each *.good.yaml, and the same file with CRLF line ends
// and a byte order mark, with the dump beside it.
func TestGood(t *testing.T) {
	for _, name := range glob(t, "testdata/*.good.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			for kind, content := range spellings(t, name) {
				cfg, faults := Parse(name, content)
				if err := faults.Err(); err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				golden(t, kind, name, dump(cfg, true)+lines(faults.Warnings()))
			}
		})
	}
}

// TestBad compares the faults of each *.bad.yaml, and of the same file with
// CRLF line ends and a byte order mark, with the text beside it.
func TestBad(t *testing.T) {
	for _, name := range glob(t, "testdata/*.bad.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			for kind, content := range spellings(t, name) {
				_, faults := Parse(filepath.Base(name), content)
				if faults.Err() == nil {
					t.Errorf("%s: no error", kind)
				}
				golden(t, kind, name, lines(faults.Errors())+lines(faults.Warnings()))
			}
		})
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return names
}

func spellings(t *testing.T, name string) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"as written": content}
	if !strings.Contains(name, "encoding-") {
		all["with CRLF"] = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
		all["with byte order mark"] = append([]byte("\uFEFF"), content...)
	}
	return all
}

// golden compares got with the .txt beside the .yaml of that name.
func golden(t *testing.T, kind, name, got string) {
	t.Helper()
	name = strings.TrimSuffix(name, ".yaml") + ".txt"
	if *update {
		if kind == "as written" {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", kind, got, want)
	}
}

func lines(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// dump writes what is set in a Config, a line for each value, and with places
// where on each text begins.
func dump(c *Config, places bool) string {
	d := dumper{places: places}
	copied := *c
	copied.File, copied.Hash = "", [32]byte{}
	d.value("", reflect.ValueOf(copied))
	return d.String()
}

type dumper struct {
	strings.Builder
	places bool
}

func (d *dumper) value(path string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Text:
		if x.Value != "" {
			fmt.Fprintf(d, "%s = %q%s\n", path, x.Value, d.place(x.Pos))
		}
		return
	case Pos:
		return
	case time.Duration, netip.Prefix:
		if !v.IsZero() {
			fmt.Fprintf(d, "%s = %v\n", path, x)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			d.pointed(path, v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			fmt.Fprintf(d, "%s = %s\n", path, v.Interface().(Verb).Name())
			d.value(path, v.Elem().Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			d.value(strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case reflect.Slice:
		if !v.IsNil() && v.Len() == 0 {
			fmt.Fprintf(d, "%s = empty\n", path)
		}
		for i := range v.Len() {
			d.value(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	default:
		if !v.IsZero() {
			fmt.Fprintf(d, "%s = %v\n", path, v.Interface())
		}
	}
}

// pointed shows zero values too: a pointer tells them from absent ones.
func (d *dumper) pointed(path string, v reflect.Value) {
	if v.Kind() != reflect.Struct && v.IsZero() {
		fmt.Fprintf(d, "%s = %v\n", path, v.Interface())
		return
	}
	if v.Kind() == reflect.Struct {
		if pos := v.FieldByName("Pos"); pos.IsValid() {
			fmt.Fprintf(d, "%s%s\n", path, d.place(pos.Interface().(Pos)))
		}
	}
	d.value(path, v)
}

func (d *dumper) place(p Pos) string {
	if !d.places {
		return ""
	}
	return fmt.Sprintf(" @%d:%d", p.Line, p.Col)
}

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The documentation and --help know every option, every key and every exit code.
func TestDocumentation(t *testing.T) {
	content, err := os.ReadFile("../../docs/dewebsockify.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(content)
	options := slices.Concat(textSettings, fileSettings, []string{insecureSetting, "config", "verbose", "version", "help"})
	for _, name := range options {
		if !strings.Contains(doc, "`--"+name) || !strings.Contains(usage, "--"+name) {
			t.Errorf("--%s is missing in the documentation or in --help", name)
		}
	}
	for _, found := range regexp.MustCompile(`--([a-z][a-z-]+)`).FindAllStringSubmatch(usage, -1) {
		if !slices.Contains(options, found[1]) && found[1] != "user" {
			t.Errorf("--help has %s, which there is not", found[0])
		}
	}
	for code := exitOK; code <= exitPort; code++ {
		line := regexp.MustCompile(fmt.Sprintf(`(?m)^  %d  (.*)$`, code)).FindStringSubmatch(usage)
		if line == nil {
			t.Fatalf("--help does not explain exit code %d", code)
		}
		if want := fmt.Sprintf("| %d | %s |\n", code, strings.ReplaceAll(line[1], "with -,", "with `-`,")); !strings.Contains(doc, want) {
			t.Errorf("the documentation does not say %q", want)
		}
	}
	_, rest, _ := strings.Cut(doc, "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	for _, k := range configKeys {
		if !strings.Contains(example, k.key+":") {
			t.Errorf("the example of a config file has no %s", k.key)
		}
	}
	r := &configReader{file: "example.yaml"}
	r.read([]byte(example))
	for _, fault := range r.faults {
		if !strings.HasSuffix(fault, "no such file or directory") {
			t.Errorf("the example of a config file: %s", fault)
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// faults are the mistakes in a config file, each as "file:line:col: message".
type faults []string

func (f faults) Error() string { return strings.Join(f, "\n") }

// configKeys are the keys of a forward in a config file, in the order of the
// documentation, and the settings they stand for.
var configKeys = []struct{ key, setting string }{
	{"listen", "listen"}, {"url", "url"},
	{"headers", "header"}, {"headerFile", "header-file"}, {"passwordFile", "password-file"},
	{"proxy", "proxy"}, {"host", "host"}, {"ca", "ca"}, {"cert", "cert"}, {"key", "key"}, {"insecure", insecureSetting},
}

// configReader reads one config file.
type configReader struct {
	file     string
	faults   faults
	settings []setting
	places   map[string]*yaml.Node // of a setting's value
	secret   bool                  // the file holds a password, or headers
}

// readConfig reads the forwards of a YAML file. The error is faults if the file
// could be read.
func readConfig(file string) ([]*forward, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	r := &configReader{file: file}
	forwards := r.read(content)
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	if r.secret {
		forwards[0].warnIfOpen(file)
	}
	return forwards, nil
}

// read reads the content of a config file.
func (r *configReader) read(content []byte) []*forward {
	root, err := decodeYAML(content)
	if err != nil {
		r.faults = faults{r.file + ":" + yamlProblem(err)}
		return nil
	}
	if root == nil || root.Kind != yaml.SequenceNode || len(root.Content) == 0 {
		r.fault(root, "a config is a list of forwards, each of them - listen: PORT and url: wss://...")
		return nil
	}
	var forwards []*forward
	for _, item := range root.Content {
		if f := r.forward(item); f != nil {
			forwards = append(forwards, f)
		}
	}
	return forwards
}

// decodeYAML gives the root of the only document, nil if there is none.
func decodeYAML(content []byte) (root *yaml.Node, err error) {
	defer func() {
		if recover() != nil { // the library panics on some inputs
			err = errors.New("the parser does not understand this")
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, more yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&more); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document begins here", more.Line)
	}
	return document.Content[0], nil
}

// yamlProblem is an error of the library, with its line in front.
func yamlProblem(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, text, ok := strings.Cut(rest, ": "); ok {
			if _, err := strconv.Atoi(line); err == nil {
				return line + ":1: " + clean(text)
			}
		}
	}
	return " " + clean(text)
}

func (r *configReader) fault(n *yaml.Node, format string, args ...any) {
	line, col := 1, 1
	if n != nil {
		line, col = n.Line, n.Column
	}
	r.faults = append(r.faults, fmt.Sprintf("%s:%d:%d: %s", r.file, line, col, fmt.Sprintf(format, args...)))
}

// forward reads one item of the list. It is nil if something is wrong with it.
func (r *configReader) forward(item *yaml.Node) *forward {
	before := len(r.faults)
	r.settings, r.places = nil, map[string]*yaml.Node{}
	if item.Kind != yaml.MappingNode {
		r.fault(item, "a forward is a map with listen and url")
		return nil
	}
	for i := 0; i < len(item.Content); i += 2 {
		r.key(item.Content[i], item.Content[i+1])
	}
	var listen, address string
	for _, needed := range []struct {
		name string
		to   *string
	}{{"listen", &listen}, {"url", &address}} {
		if n := r.places[needed.name]; n != nil {
			*needed.to = n.Value
		} else {
			r.fault(item, "%s is missing", needed.name)
		}
	}
	if listen == "-" {
		r.fault(r.places["listen"], "stdin and stdout are for the command line; listen takes a PORT, HOST:PORT or unix:PATH")
	}
	if len(r.faults) > before {
		return nil
	}
	f, err := newForward(r.inFolder(listen), address, r.settings)
	if wrong, ok := errors.AsType[*settingError](err); ok {
		r.fault(r.places[wrong.name], "%v", wrong)
		return nil
	}
	return f
}

// key reads one key of a forward and its value.
func (r *configReader) key(key, value *yaml.Node) {
	at := slices.IndexFunc(configKeys, func(k struct{ key, setting string }) bool { return k.key == key.Value })
	if key.Kind != yaml.ScalarNode || at < 0 {
		r.fault(key, "unknown key %q; there are %s", key.Value, keyNames())
		return
	}
	name := configKeys[at].setting
	if r.places[name] != nil {
		r.fault(key, "%s is there twice", key.Value)
		return
	}
	r.places[name] = value
	r.secret = r.secret || holdsPassword(value.Value)
	switch {
	case name == "header":
		r.secret = true
		r.headers(value)
	case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
		r.fault(value, "%s takes one value", key.Value)
	case name == insecureSetting && value.Tag != "!!bool":
		r.fault(value, "insecure is true or false")
	case name == insecureSetting:
		r.settings = append(r.settings, setting{name, strings.ToLower(value.Value)})
	case slices.Contains(fileSettings, name):
		r.settings = append(r.settings, setting{name, r.relative(value.Value)})
	case name != "listen" && name != "url":
		r.settings = append(r.settings, setting{name, value.Value})
	}
}

// headers reads a map of headers.
func (r *configReader) headers(value *yaml.Node) {
	if value.Kind != yaml.MappingNode {
		r.fault(value, "headers is a map, each line of it Name: value")
		return
	}
	for i := 0; i < len(value.Content); i += 2 {
		name, text := value.Content[i], value.Content[i+1]
		if name.Kind != yaml.ScalarNode || text.Kind != yaml.ScalarNode || text.Tag == "!!null" {
			r.fault(name, "a header is one line, Name: value")
			continue
		}
		header := setting{"header", name.Value + ": " + text.Value}
		if _, _, err := parseHeader(header.value); err != nil {
			r.fault(name, "%v", err)
		}
		r.settings = append(r.settings, header)
	}
}

// relative gives a file's name; a relative one is relative to the config file.
func (r *configReader) relative(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file), name)
}

// inFolder does the same for where to listen.
func (r *configReader) inFolder(listen string) string {
	if path, ok := strings.CutPrefix(listen, unixPrefix); ok && path != "" {
		return unixPrefix + r.relative(path)
	}
	return listen
}

func keyNames() string {
	names := make([]string, len(configKeys))
	for i, k := range configKeys {
		names[i] = k.key
	}
	return strings.Join(names, ", ")
}

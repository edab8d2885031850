// Package config reads a config file: bytes in, a [Config] out, with a
// position on every value and every fault of the file at once.
//
//	cfg, faults := config.Load("config.yaml")
//	if err := faults.Err(); err != nil {
//		// one line per fault: file:line:col: what is wrong and what to do
//	}
//
// The file is YAML, of which JSON is a subset. What it may say is listed in
// tables, one per object (top.go, port.go, ssl.go, verbs.go); everything that
// describes the language to people or editors is made from these tables.
// Patterns, addresses and macros inside targets are kept as text: they are the
// router's language, and whoever builds from a Config adds what it finds wrong
// there to the same [Faults].
package config

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxSize bounds a config file: 10,000 rules are about half a MiB.
const maxSize = 16 << 20

// Load reads and parses a file. A file that cannot be read is a fault as well;
// neither result is ever nil.
func Load(file string) (*Config, *Faults) {
	content, err := read(file)
	if err != nil {
		faults := &Faults{File: file}
		faults.Errorf(Pos{}, "cannot be read: %v", err)
		return &Config{File: file}, faults
	}
	return Parse(file, content)
}

// read gives at most one byte more than maxSize, for Parse to complain about.
func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	return content, withoutPath(err)
}

// withoutPath drops the file's name from err, since every fault begins with it.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Parse makes a Config of content; file is its name in faults and in
// [Config.Resolve]. On faults the Config holds what could be understood: a
// target that is faulty is nil, a port whose address is faulty has an empty
// Address.Network.
func Parse(file string, content []byte) (*Config, *Faults) {
	l := &loader{
		faults: &Faults{File: file},
		cfg:    &Config{File: file, Hash: sha256.Sum256(content)},
	}
	if root := l.document(content); root != nil {
		topTable.read(l, "the config", root, l.cfg)
		l.checkLetsEncrypt()
		l.checkServices()
	}
	return l.cfg, l.faults
}

// Resolve gives the path to open for a file that the config names. Relative
// names are looked up in the config file's own folder, whatever folder the
// program was started in: systemd starts it in "/", a person anywhere.
func (c *Config) Resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.File), path)
}

// loader turns the nodes of one file into a Config.
type loader struct {
	src    source
	faults *Faults
	cfg    *Config
	depth  int // of targets inside targets
}

func (l *loader) errorf(n *yaml.Node, format string, args ...any) {
	l.faults.Errorf(position(n), format, args...)
}

func (l *loader) warnf(n *yaml.Node, format string, args ...any) {
	l.faults.Warnf(position(n), format, args...)
}

func position(n *yaml.Node) Pos { return Pos{Line: n.Line, Col: n.Column} }

// quote shows a word of the file in a message, cut where it is long and without
// what stands before an "@", which may be a password. Whole targets are never
// shown.
func quote(word string) string {
	const most = 60
	if at := strings.LastIndexByte(word, '@'); at >= 0 {
		word = "…" + word[at:]
	}
	if runes := []rune(word); len(runes) > most {
		word = string(runes[:most]) + "…"
	}
	return strconv.Quote(word)
}

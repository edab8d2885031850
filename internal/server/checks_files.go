package server

import (
	"path/filepath"
	"strings"

	"httpmaster/config"
)

// use is what a user must be able to do with a file when the server has become
// that user.
type use int

const (
	readFile   use = iota
	readFolder     // and what is named in it
	readTree       // every file below it
	appendFile     // make it anew as well
)

// namedFile is a file or folder that the config names.
type namedFile struct {
	what string // the key or verb that names it
	text config.Text
	path string
	use  use
}

// checkFiles finds files that the user of the config will not be able to use
// once the server has become that user: at a reload, when they change, or when a
// log is rotated.
func (b *builder) checkFiles() {
	if b.cfg.User.Value == "" {
		return
	}
	who, err := lookupIdentity(b.cfg.User.Value, b.cfg.Group.Value)
	if err != nil {
		b.faults.Warnf(b.cfg.User.Pos, "%v; make the user, or name another one", err)
		return
	}
	for _, f := range b.namedFiles() {
		if problem := who.problem(f); problem != "" {
			b.faults.Warnf(f.text.Pos, "%s: user %q will not be able to use %s: %s", f.what, b.cfg.User.Value, f.path, problem)
		}
	}
}

// namedFiles lists what the config names and what is used again after the
// start, each once for each place that names it.
func (b *builder) namedFiles() []namedFile {
	files := []namedFile{{"reload", config.Text{}, b.cfg.File, readFile}}
	add := func(what string, text config.Text, use use) {
		if text.Value != "" {
			files = append(files, namedFile{what, text, b.cfg.Resolve(text.Value), use})
		}
	}
	add("errorHtmlFile", b.cfg.ErrorHTMLFile, readFile)
	if le := b.cfg.Modules.LetsEncrypt; le != nil {
		add("caFile", le.CAFile, readFile)
	}
	verb := func(v config.Verb) { addVerbFiles(v, add) }
	eachVerb(b.cfg.Middleware, verb)
	for _, cp := range b.cfg.Ports {
		add("errorHtmlFile", cp.ErrorHTMLFile, readFile)
		addKeyFiles(cp.SSL, add)
		eachVerb(append(cp.Middleware[:len(cp.Middleware):len(cp.Middleware)], cp.Target), verb)
	}
	return files
}

func addVerbFiles(v config.Verb, add func(string, config.Text, use)) {
	switch v := v.(type) {
	case *config.Auth:
		add("auth", v.File, readFile)
	case *config.Websockify:
		add("tokens", v.Tokens, readFile)
	case *config.Log:
		if v.File.Value != "stdout" && v.File.Value != "stderr" {
			add("log", v.File, appendFile)
		}
	case *config.Reject:
		add("htmlFile", v.HTMLFile, readFile)
	case *config.Static:
		dir := v.Dir
		if macro := strings.IndexByte(dir.Value, '['); macro >= 0 {
			dir.Value = filepath.Dir(dir.Value[:macro] + "x")
		}
		add("static", dir, readFolder)
	}
}

func addKeyFiles(ssl *config.SSL, add func(string, config.Text, use)) {
	if ssl == nil {
		return
	}
	add("certDir", ssl.CertDir, readTree)
	pairs := []config.KeyPair{ssl.Pair}
	for _, named := range ssl.SNI {
		pairs = append(pairs, named.KeyPair)
	}
	for _, pair := range pairs {
		add("key", pair.Key, readFile)
		add("cert", pair.Cert, readFile)
		for _, ca := range pair.CA {
			add("ca", ca, readFile)
		}
	}
	if ssl.ClientAuth != nil {
		add("clientAuth", ssl.ClientAuth.CA, readFile)
	}
}

// eachVerb calls with for every verb in targets, nested ones included.
func eachVerb(targets []*config.Target, with func(config.Verb)) {
	for _, t := range targets {
		switch {
		case t == nil:
		case t.Router != nil:
			for _, rule := range t.Router.Rules {
				eachVerb([]*config.Target{rule.Target}, with)
			}
		case t.Chain != nil:
			eachVerb(t.Chain, with)
		default:
			with(t.Verb)
		}
	}
}

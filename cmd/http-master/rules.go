package main

import (
	"fmt"
	"io"
	"strings"

	"httpmaster/config"
)

// printRules shows every port's rules as they were understood, with their
// lines.
func printRules(w io.Writer, cfg *config.Config) {
	for _, p := range cfg.Ports {
		fmt.Fprintf(w, "%s\n", p.Address.Value)
		printTarget(w, p.Target, 1)
	}
}

func printTarget(w io.Writer, t *config.Target, depth int) {
	indent := strings.Repeat("  ", depth)
	switch {
	case t == nil:
	case t.Router != nil:
		for _, rule := range t.Router.Rules {
			fmt.Fprintf(w, "%s%s  (line %d)\n", indent, rule.Pattern.Value, rule.Pattern.Pos.Line)
			printTarget(w, rule.Target, depth+1)
		}
	case t.Chain != nil:
		for _, element := range t.Chain {
			printTarget(w, element, depth)
		}
	default:
		fmt.Fprintf(w, "%s%s\n", indent, describe(t.Verb))
	}
}

// describe writes a verb the short way users write it.
func describe(v config.Verb) string {
	switch v := v.(type) {
	case *config.Proxy:
		return v.Target.Value
	case *config.Redirect:
		if v.Code != 0 {
			return fmt.Sprintf("redirect %d -> %s", v.Code, v.To.Value)
		}
		return "redirect -> " + v.To.Value
	case *config.Websockify:
		return "websockify -> " + v.Target.Value
	case *config.Static:
		return "static -> " + v.Dir.Value
	}
	return v.Name()
}

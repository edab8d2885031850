package command

import (
	"fmt"
	"strings"
)

func (p *Program) fish() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "# fish completion for %[1]s, made by: %[1]s completion fish\n\ncomplete -c %[1]s -f\n", p.Name)
	for i := range p.Commands {
		c := &p.Commands[i]
		when := "__fish_seen_subcommand_from " + c.Name
		if i == 0 {
			when = "not __fish_seen_subcommand_from " + strings.Join(p.names(), " ")
		} else {
			fmt.Fprintf(b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", p.Name, c.Name, fishQuote(c.Forms[0].Text))
		}
		if c.Values != "" {
			fmt.Fprintf(b, "complete -c %s -n '%s'%s\n", p.Name, when, fishAction(c.Values))
		}
		for _, f := range c.flags() {
			fmt.Fprintf(b, "complete -c %s -n '%s'", p.Name, when)
			for _, s := range f.spellings() {
				if name, long := strings.CutPrefix(s, "--"); long {
					b.WriteString(" -l " + name)
				} else {
					b.WriteString(" -s " + s[1:])
				}
			}
			if f.Arg != "" {
				b.WriteString(" -r" + fishAction(f.Values))
			}
			fmt.Fprintf(b, " -d %s\n", fishQuote(f.Text))
		}
	}
	return b.String()
}

func fishAction(v Values) string {
	switch v {
	case "":
		return ""
	case Files:
		return " -F"
	case Folders:
		return " -a '(__fish_complete_directories)'"
	case Users:
		return " -a '(__fish_complete_users)'"
	case Groups:
		return " -a '(__fish_complete_groups)'"
	}
	return " -a " + fishQuote(string(v))
}

// fishQuote quotes for fish, in whose single quotes a backslash escapes.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

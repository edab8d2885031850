package command

import (
	"fmt"
	"strings"
)

// zsh writes a file that works in a folder of $fpath, and when it is sourced.
func (p *Program) zsh() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `#compdef %[1]s
# zsh completion for %[1]s, made by: %[1]s completion zsh

%[2]s() {
    local curcontext=$curcontext state line
    local -a commands
    typeset -A opt_args
    commands=(
`, p.Name, p.function())
	for _, c := range p.named() {
		fmt.Fprintf(b, "        %s\n", quote(c.Name+":"+c.Forms[0].Text))
	}
	b.WriteString("    )\n    if (( CURRENT > 2 )); then\n        case $words[2] in\n")
	for i := range p.named() {
		c := &p.named()[i]
		fmt.Fprintf(b, "        %s)\n            shift words\n            (( CURRENT-- ))\n            _arguments", c.Name)
		writeZsh(b, c)
		if c.Values != "" {
			fmt.Fprintf(b, " \\\n                %s", quote("*:argument:"+zshAction(c.Values)))
		}
		b.WriteString("\n            return ;;\n")
	}
	b.WriteString("        esac\n    fi\n    _arguments")
	writeZsh(b, &p.Commands[0])
	fmt.Fprintf(b, ` \
                '1: :->command' && return
    [[ $state == command ]] && _describe -t commands command commands
}

if [[ $funcstack[1] == %[1]s ]]; then
    %[1]s "$@"
else
    compdef %[1]s %[2]s
fi
`, p.function(), p.Name)
	return b.String()
}

var zshEscapes = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`)

// writeZsh writes the flags of c as specifications of _arguments.
func writeZsh(b *strings.Builder, c *Command) {
	for _, f := range c.flags() {
		spellings := f.spellings()
		value := ""
		if f.Arg != "" {
			value = ":" + zshEscapes.Replace(f.Arg) + ":" + zshAction(f.Values)
		}
		for _, s := range spellings {
			spec := s + "[" + zshEscapes.Replace(f.Text) + "]" + value
			if len(spellings) > 1 {
				spec = "(" + strings.Join(spellings, " ") + ")" + spec
			}
			fmt.Fprintf(b, " \\\n                %s", quote(spec))
		}
	}
}

func zshAction(v Values) string {
	switch v {
	case "":
		return " " // nothing is offered
	case Files:
		return "_files"
	case Folders:
		return "_files -/"
	case Users:
		return "_users"
	case Groups:
		return "_groups"
	}
	return "(" + string(v) + ")"
}

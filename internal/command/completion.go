package command

import (
	"fmt"
	"slices"
	"strings"
)

// Shells are those that Completion knows.
const Shells Values = "bash zsh fish"

// Completion is a script that completes the program's command lines in a shell.
func (p *Program) Completion(shell string) (script string, err error) {
	switch shell {
	case "bash":
		return p.bash(), nil
	case "zsh":
		return p.zsh(), nil
	case "fish":
		return p.fish(), nil
	}
	return "", fmt.Errorf("%q is no shell with completions; there are %s", shell, strings.ReplaceAll(string(Shells), " ", ", "))
}

// names are those of the commands.
func (p *Program) names() []string {
	var list []string
	for _, c := range p.named() {
		list = append(list, c.Name)
	}
	return list
}

// function is the name of the shell function.
func (p *Program) function() string { return "_" + strings.ReplaceAll(p.Name, "-", "_") }

// quote quotes for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// bash needs no other package, and works with bash 3.2.
func (p *Program) bash() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `# bash completion for %[1]s, made by: %[1]s completion bash

%[2]s() {
    local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=
    COMPREPLY=()
    if [[ $cur == "=" ]]; then # --flag=value is three words
        cur=
    elif [[ $prev == "=" ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [[ $COMP_CWORD -gt 1 ]]; then
        case ${COMP_WORDS[1]} in
        %[3]s) command=${COMP_WORDS[1]} ;;
        esac
    fi
    case $command$prev in
`, p.Name, p.function(), strings.Join(p.names(), " | "))
	for _, arm := range p.bashValues() {
		fmt.Fprintf(b, "    %s) %s; return ;;\n", strings.Join(arm.patterns, " | "), bashAction(arm.values))
	}
	b.WriteString("    esac\n    case $command,$cur in\n")
	for i := range p.Commands {
		c := &p.Commands[i]
		var words []string
		for _, f := range c.flags() {
			words = append(words, f.spellings()...)
		}
		fmt.Fprintf(b, "    %s,-*) %s ;;\n", c.Name, bashWords(words))
		switch {
		case i == 0:
			fmt.Fprintf(b, "    ,*) [[ $COMP_CWORD -gt 1 ]] || %s ;;\n", bashWords(p.names()))
		case c.Values != "":
			fmt.Fprintf(b, "    %s,*) %s ;;\n", c.Name, bashAction(c.Values))
		}
	}
	fmt.Fprintf(b, "    esac\n}\n\ncomplete -F %s %s\n", p.function(), p.Name)
	return b.String()
}

// bashArm is the completion of what follows certain flags.
type bashArm struct {
	values   Values
	patterns []string // the command and the flag
}

func (p *Program) bashValues() []bashArm {
	var arms []bashArm
	for _, c := range p.Commands {
		for _, f := range c.Flags {
			if f.Arg == "" {
				continue
			}
			at := slices.IndexFunc(arms, func(a bashArm) bool { return a.values == f.Values })
			if at < 0 {
				at, arms = len(arms), append(arms, bashArm{values: f.Values})
			}
			for _, s := range f.spellings() {
				arms[at].patterns = append(arms[at].patterns, c.Name+s)
			}
		}
	}
	return arms
}

func bashAction(v Values) string {
	switch v {
	case "":
		return ":"
	case Files:
		return `COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null`
	case Folders:
		return `COMPREPLY=($(compgen -d -- "$cur")); compopt -o filenames 2>/dev/null`
	case Users:
		return `COMPREPLY=($(compgen -u -- "$cur"))`
	case Groups:
		return `COMPREPLY=($(compgen -g -- "$cur"))`
	}
	return bashWords(strings.Fields(string(v)))
}

func bashWords(words []string) string {
	return `COMPREPLY=($(compgen -W $'` + strings.Join(words, `\n`) + `' -- "$cur"))`
}

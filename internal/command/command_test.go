package command

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

var greet = Program{
	Name: "greet", Short: "says hello",
	Commands: []Command{
		{
			Forms: []Form{{"[options] NAME", "greet NAME"}},
			Text:  "It says it once.",
			Flags: []Flag{
				{Name: "loud", Short: "l", Text: "with capital letters"},
				{Name: "from", Arg: "NAME", Text: "who greets, which is nobody in particular unless it is said here", Values: Users},
			},
		},
		{Name: "wave", Forms: []Form{{"--hand left|right|both --from NAME ...", "wave a hand"}},
			Flags: []Flag{{Name: "hand", Arg: "HAND", Text: "which [one]: it's needed", Values: "left right both"}}},
	},
	Sections: []Section{{"Examples", "\n  greet me\n\n  greet 'C:\\me'\nThis greets.\n\n.me is - a `name`, too."}},
	SeeAlso:  []string{"hello(1)"},
}

func TestFlags(t *testing.T) {
	var loud bool
	var from []string
	flags := greet.Flags("", map[string]any{"loud": &loud, "from": func(name string) error {
		from = append(from, name)
		return nil
	}})
	words, err := Parse(flags, strings.Fields("a --from me b -l --from=you -- --loud"))
	if err != nil || !loud || !slices.Equal(words, []string{"a", "b", "--loud"}) || !slices.Equal(from, []string{"me", "you"}) {
		t.Errorf("got %q, %v, %q, %v", words, loud, from, err)
	}
	for args, want := range map[string]string{
		"a --lout": "flag provided but not defined: -lout",
		"--from":   "flag needs an argument: -from",
		"a -h":     flag.ErrHelp.Error(),
	} {
		if _, err := Parse(flags, strings.Fields(args)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

func TestFlagsThatDoNotAgree(t *testing.T) {
	var b bool
	var s string
	for want, make := range map[string]func(){
		`command "": --from has no place for its value`: func() { greet.Flags("", map[string]any{"loud": &b}) },
		`command "": a flag is not in the table`:        func() { greet.Flags("", map[string]any{"loud": &b, "from": &s, "to": &s}) },
		`command "bow" is not in the table`:             func() { greet.Flags("bow", nil) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v, want %s", got, want)
				}
			}()
			make()
		}()
	}
}

func TestUsage(t *testing.T) {
	const want = `greet: says hello

Usage:
  greet [options] NAME  greet NAME
  greet wave --hand left|right|both --from NAME ...
                        wave a hand

It says it once.

Options:
  -l, --loud   with capital letters
  --from NAME  who greets, which is nobody in particular unless it is said here
  -h, --help   print this

Examples:
  greet me

  greet 'C:\me'
This greets.

.me is - a ` + "`name`" + `, too.

greet COMMAND --help says more about a command.
`
	if got := greet.Help(""); got != want {
		t.Errorf("got\n%s", got)
	}
	const wave = `Usage:
  greet wave --hand left|right|both --from NAME ...
        wave a hand

Options:
  --hand HAND  which [one]: it's needed
  -h, --help   print this
`
	if got := greet.Help("wave"); got != wave {
		t.Errorf("got\n%s", got)
	}
}

func TestMan(t *testing.T) {
	const want = `.\" Made from the program's table of commands; do not edit.
.TH GREET 1 "" "greet"
.SH NAME
greet \- says hello
.SH SYNOPSIS
.B greet
[options] NAME
.br
.B greet wave
\-\-hand left|right|both \-\-from NAME ...
.SH DESCRIPTION
Greet NAME.
.PP
It says it once.
.SH OPTIONS
.TP
\fB\-l, \-\-loud\fR
With capital letters.
.TP
\fB\-\-from\fR \fINAME\fR
Who greets, which is nobody in particular unless it is said here.
.TP
\fB\-h, \-\-help\fR
Print this.
.SH COMMANDS
.TP
.B wave \-\-hand left|right|both \-\-from NAME ...
Wave a hand.
.RS
.TP
\fB\-\-hand\fR \fIHAND\fR
Which [one]: it\(aqs needed.
.TP
\fB\-h, \-\-help\fR
Print this.
.RE
.SH EXAMPLES
.nf
  greet me

  greet \(aqC:\eme\(aq
.fi
.PP
This greets.
.PP
\&.me is \- a \(ganame\(ga, too.
.SH SEE ALSO
hello(1)
`
	if got := greet.Man(); got != want {
		t.Errorf("got\n%s", got)
	}
}

// What the scripts do is tested in the shells themselves; here is what needs
// quotes.
func TestCompletionQuotes(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": `wave--hand) COMPREPLY=($(compgen -W $'left\nright\nboth' -- "$cur")); return ;;`,
		"zsh":  `'--hand[which \[one\]\: it'\''s needed]:HAND:(left right both)'`,
		"fish": `complete -c greet -n '__fish_seen_subcommand_from wave' -l hand -r -a 'left right both' -d 'which [one]: it\'s needed'`,
	} {
		if script, err := greet.Completion(shell); err != nil || !strings.Contains(script, want) {
			t.Errorf("%s, %v:\n%s", shell, err, script)
		}
	}
	if _, err := greet.Completion("csh"); err == nil || err.Error() != `"csh" is no shell with completions; there are bash, zsh, fish` {
		t.Error(err)
	}
}

// Package command is the command line of a program as one table: what it reads,
// what --help says, the manual page and the completions of shells all come from
// it.
//
//	var program = command.Program{Name: "greet", Short: "says hello", Commands: []command.Command{
//		{Forms: []command.Form{{"[options] NAME", "greet NAME"}}, Flags: []command.Flag{
//			{Name: "loud", Text: "with capital letters"},
//		}},
//	}}
//	flags := program.Flags("", map[string]any{"loud": &loud})
package command

import (
	"flag"
	"fmt"
	"io"
)

// Program is a program and its commands.
type Program struct {
	Name     string
	Short    string    // what it is, in a few words
	Commands []Command // the first is the program itself, without a name
	Sections []Section // what else there is to know
	SeeAlso  []string  // other manual pages, as in "ssh(1)"
}

// Command is what a program does when its first argument is Name.
type Command struct {
	Name   string
	Forms  []Form // at least one
	Text   string // what is to be known beyond the forms; "" if that is all
	Flags  []Flag
	Values Values // of the arguments that are no flags
}

// Form is one way to call a command.
type Form struct {
	Args string // behind the command's name, as in "[options] FILE"
	Text string // what it does then
}

// Flag is an option. All commands have --help besides.
type Flag struct {
	Name   string // without dashes
	Short  string // a single letter that means the same; "" if there is none
	Arg    string // what stands for the value in texts; "" for a switch
	Text   string
	Values Values // of Arg
}

// Section is a part of the description. Lines of Text that begin with two spaces
// are shown as they are, others are filled.
type Section struct{ Title, Text string }

// Values says what shells can complete a value to: one of the constants, or words
// with spaces between them. Zero means nothing.
type Values string

// What a value can be, other than one of a few words.
const (
	Files   Values = "<file>"
	Folders Values = "<folder>"
	Users   Values = "<user>"
	Groups  Values = "<group>"
)

var helpFlag = Flag{Name: "help", Short: "h", Text: "print this"}

// Flags makes the flag set of a command, with the command's name. to says where
// the value of every flag goes, by its name: to a *string, a *bool or a
// func(string) error. It panics when to and the table do not have the same flags.
func (p *Program) Flags(name string, to map[string]any) *flag.FlagSet {
	c := p.command(name)
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	for _, f := range c.Flags {
		f.add(set, f.Name, to[f.Name])
		if f.Short != "" {
			f.add(set, f.Short, to[f.Name])
		}
	}
	if len(to) != len(c.Flags) {
		panic(fmt.Sprintf("command %q: a flag is not in the table", name))
	}
	return set
}

func (f *Flag) add(set *flag.FlagSet, name string, to any) {
	switch to := to.(type) {
	case *string:
		set.StringVar(to, name, "", f.Text)
	case *bool:
		set.BoolVar(to, name, false, f.Text)
	case func(string) error:
		if f.Arg == "" {
			set.BoolFunc(name, f.Text, to)
		} else {
			set.Func(name, f.Text, to)
		}
	default:
		panic(fmt.Sprintf("command %q: --%s has no place for its value", set.Name(), name))
	}
}

// command finds a command by its name, and panics when there is none.
func (p *Program) command(name string) *Command {
	for i := range p.Commands {
		if p.Commands[i].Name == name {
			return &p.Commands[i]
		}
	}
	panic(fmt.Sprintf("command %q is not in the table", name))
}

// named are the commands other than the program itself.
func (p *Program) named() []Command { return p.Commands[1:] }

// flags are all flags of c.
func (c *Command) flags() []Flag { return append(c.Flags[:len(c.Flags):len(c.Flags)], helpFlag) }

// spellings are the ways to write f, the short one first.
func (f *Flag) spellings() []string {
	var list []string
	for _, name := range []string{f.Short, f.Name} {
		switch len(name) {
		case 0:
		case 1:
			list = append(list, "-"+name)
		default:
			list = append(list, "--"+name)
		}
	}
	return list
}

// Parse parses flags that stand before, between and behind other words, up to a
// "--", and gives the words.
func Parse(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if read := len(args) - len(rest); read > 0 && args[read-1] == "--" {
			return append(words, rest...), nil
		}
		if len(rest) == 0 {
			return words, nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

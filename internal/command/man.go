package command

import "strings"

// Man is the manual page of the program, in the macros of man(7).
func (p *Program) Man() string {
	r := &roff{}
	r.head(p)
	r.line(".SH SYNOPSIS")
	for i := range p.Commands {
		for j, f := range p.Commands[i].Forms {
			if i+j > 0 {
				r.line(".br")
			}
			r.line(".B " + escape(strings.TrimRight(p.Name+" "+p.Commands[i].Name, " ")))
			r.text(f.Args)
		}
	}
	own := &p.Commands[0]
	r.line(".SH DESCRIPTION")
	for i, f := range own.Forms {
		if i > 0 || len(own.Forms) > 1 {
			r.line(".TP", ".B "+escape(strings.TrimRight(p.Name+" "+f.Args, " ")))
		}
		r.text(sentence(f.Text))
	}
	if own.Text != "" {
		r.line(".PP")
		r.text(own.Text)
	}
	r.line(".SH OPTIONS")
	r.flags(own)
	if len(p.named()) > 0 {
		r.line(".SH COMMANDS")
	}
	for i := range p.named() {
		r.command(&p.named()[i])
	}
	for _, s := range p.Sections {
		r.section(s)
	}
	r.seeAlso(p.SeeAlso)
	return r.String()
}

// roff is a manual page that is being written.
type roff struct{ strings.Builder }

func (r *roff) line(lines ...string) {
	for _, line := range lines {
		r.WriteString(line + "\n")
	}
}

func (r *roff) head(p *Program) {
	r.line(`.\" Made from the program's table of commands; do not edit.`,
		`.TH `+escape(strings.ToUpper(p.Name))+` 1 "" "`+escape(p.Name)+`"`,
		`.SH NAME`,
		escape(p.Name)+` \- `+escape(p.Short))
}

func (r *roff) command(c *Command) {
	for _, f := range c.Forms {
		r.line(".TP", ".B "+escape(strings.TrimRight(c.Name+" "+f.Args, " ")))
		r.text(sentence(f.Text))
	}
	if c.Text == "" && len(c.Flags) == 0 {
		return
	}
	r.line(".RS")
	if c.Text != "" {
		r.line(".PP")
		r.text(c.Text)
	}
	if len(c.Flags) > 0 {
		r.flags(c)
	}
	r.line(".RE")
}

func (r *roff) flags(c *Command) {
	for _, f := range c.flags() {
		r.line(".TP")
		label := `\fB` + escape(strings.Join(f.spellings(), ", ")) + `\fR`
		if f.Arg != "" {
			label += ` \fI` + escape(f.Arg) + `\fR`
		}
		r.line(label)
		r.text(sentence(f.Text))
	}
}

func (r *roff) section(s Section) {
	r.line(".SH " + escape(strings.ToUpper(s.Title)))
	r.text(s.Text)
}

func (r *roff) seeAlso(pages []string) {
	if len(pages) > 0 {
		r.line(".SH SEE ALSO", escape(strings.Join(pages, ", ")))
	}
}

// text writes paragraphs, which are filled, and indented lines, which are not.
func (r *roff) text(text string) {
	literal, empty, first := false, false, true
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case line == "":
			empty = true
			continue
		case indented && !literal && first:
			r.line(".nf")
		case indented && !literal:
			r.line(".PP", ".nf")
		case !indented && literal:
			r.line(".fi", ".PP")
		case empty && literal:
			r.line("")
		case empty && !first:
			r.line(".PP")
		}
		literal, empty, first = indented, false, false
		r.line(escape(line))
	}
	if literal {
		r.line(".fi")
	}
}

// sentence gives what a usage text says in passing the form of a sentence.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// escape writes text so that it means itself.
func escape(text string) string {
	text = escapes.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

var escapes = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `~`, `\(ti`, `^`, `\(ha`, `"`, `\(dq`)

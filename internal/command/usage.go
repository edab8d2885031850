package command

import "strings"

// width is how wide a usage text is at most, where its author did not break the
// lines.
const width = 80

// Usage is what --help says about the whole program.
func (p *Program) Usage() string {
	b := &strings.Builder{}
	b.WriteString(p.Name + ": " + p.Short + "\n\nUsage:\n")
	var rows []row
	for i := range p.Commands {
		rows = append(rows, p.forms(&p.Commands[i])...)
	}
	writeRows(b, rows, 38)
	own := &p.Commands[0]
	writeText(b, own.Text)
	writeFlags(b, own)
	for _, s := range p.Sections {
		b.WriteString("\n" + s.Title + ":\n" + strings.Trim(s.Text, "\n") + "\n")
	}
	if len(p.named()) > 0 {
		b.WriteString("\n" + p.Name + " COMMAND --help says more about a command.\n")
	}
	return b.String()
}

// Help is what --help says about the command of that name, which is the whole
// program for "".
func (p *Program) Help(name string) string {
	if name == "" {
		return p.Usage()
	}
	c := p.command(name)
	b := &strings.Builder{}
	b.WriteString("Usage:\n")
	writeRows(b, p.forms(c), 38)
	writeText(b, c.Text)
	writeFlags(b, c)
	return b.String()
}

// row is something and what is to be said about it.
type row struct{ label, text string }

func (p *Program) forms(c *Command) []row {
	var rows []row
	for _, f := range c.Forms {
		rows = append(rows, row{strings.TrimRight(p.Name+" "+strings.TrimLeft(c.Name+" "+f.Args, " "), " "), f.Text})
	}
	return rows
}

func writeText(b *strings.Builder, text string) {
	if text = strings.Trim(text, "\n"); text != "" {
		b.WriteString("\n" + text + "\n")
	}
}

func writeFlags(b *strings.Builder, c *Command) {
	var rows []row
	for _, f := range c.flags() {
		label := strings.Join(f.spellings(), ", ")
		if f.Arg != "" {
			label += " " + f.Arg
		}
		rows = append(rows, row{label, f.Text})
	}
	b.WriteString("\nOptions:\n")
	writeRows(b, rows, 24)
}

// writeRows writes two columns. Labels longer than most get a line of their own.
func writeRows(b *strings.Builder, rows []row, most int) {
	column := 4
	for _, r := range rows {
		if len(r.label) <= most {
			column = max(column, len(r.label))
		}
	}
	indent := strings.Repeat(" ", column+4)
	for _, r := range rows {
		start := "  " + r.label
		if len(r.label) > column {
			b.WriteString(start + "\n")
			start = ""
		}
		for _, line := range fill(r.text, width-len(indent)) {
			b.WriteString(start + indent[len(start):] + line + "\n")
			start = ""
		}
	}
}

// fill breaks text into lines of at most n bytes.
func fill(text string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > n {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(lines, line)
}

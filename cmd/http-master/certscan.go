package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"httpmaster/internal/certs"
)

// certScan is the subcommand cert-scan. It gives the exit status.
func certScan(args []string, stdout, stderr io.Writer) int {
	var asJSON bool
	words, code, done := parseArgs(commands.Flags("cert-scan", map[string]any{"json": &asJSON}), args, stdout, stderr)
	switch {
	case done:
		return code
	case len(words) != 1 || words[0] == "":
		return usageError(stderr, "cert-scan: which one folder? cert-scan DIR")
	}
	now := time.Now()
	folder, err := certs.ScanDir(words[0], now)
	if err != nil {
		fmt.Fprintln(stderr, "http-master:", err)
		return 1
	}
	s := &scanReport{folder: folder, now: now}
	if asJSON {
		err = s.writeJSON(stdout)
	} else {
		err = s.writeTable(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "http-master:", err)
		return 1
	}
	if s.faults() > 0 || len(folder.Usable()) == 0 {
		return 1
	}
	return 0
}

// scanReport writes what a folder holds, for people or as JSON.
type scanReport struct {
	folder *certs.Folder
	now    time.Time
}

// faults counts what has to be mended.
func (s *scanReport) faults() int {
	n := 0
	for _, notice := range s.folder.Notices {
		if !notice.Minor {
			n++
		}
	}
	return n
}

func (s *scanReport) writeTable(w io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tHOLDS\tNAMES\tISSUER\tEXPIRES\tKEY\tCHAIN\tSERVED")
	for _, file := range s.folder.Files {
		name := s.short(file.Path)
		for _, r := range s.rows(file) {
			fmt.Fprintln(table, strings.Join([]string{name, r.holds, r.names, r.issuer, r.expires, r.key, r.chain, r.served}, "\t"))
			name = "" // the first row's is enough
		}
	}
	table.Flush() // into memory, which cannot fail
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	fmt.Fprintln(w)
	for _, n := range s.folder.Notices {
		mark := "mend"
		if n.Minor {
			mark = "note"
		}
		fmt.Fprintf(w, "%s  %s: %s\n", mark, s.short(n.File), n.Text)
	}
	_, err := fmt.Fprintln(w, s.verdict())
	return err
}

// verdict is the last line.
func (s *scanReport) verdict() string {
	served := count(len(s.folder.Usable()), "certificate") + " can be served"
	if n := s.faults(); n > 0 {
		return fmt.Sprintf("%s, %s to mend", served, count(n, "thing"))
	}
	return served
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// row is a line of the table, less the file.
type row struct{ holds, names, issuer, expires, key, chain, served string }

// rows gives a row for each thing in a file.
func (s *scanReport) rows(file *certs.File) []row {
	switch {
	case file.SameAs != "":
		return []row{{holds: "link to " + s.short(file.SameAs)}}
	case file.TooLarge:
		return []row{{holds: "too large"}}
	}
	var rows []row
	for _, c := range file.Certificates {
		rows = append(rows, row{"certificate", c.Title(), issuerOf(c.Leaf), s.end(c.Leaf.NotAfter), s.keyOf(c, file), chainOf(c), servedBy(c)})
	}
	for _, cert := range file.Authorities {
		rows = append(rows, row{holds: "authority", names: fmt.Sprintf("%q", cert.Subject.CommonName), issuer: issuerOf(cert), expires: s.end(cert.NotAfter)})
	}
	if file.Keys > 0 {
		rows = append(rows, row{holds: count(file.Keys, "key"), names: keyFor(file)})
	}
	if len(file.Problems) > 0 {
		rows = append(rows, row{holds: "unusable"})
	}
	if rows == nil {
		rows = []row{{holds: "other"}}
	}
	return rows
}

func (s *scanReport) end(t time.Time) string {
	date := t.UTC().Format(time.DateOnly)
	if days := daysLeft(t, s.now); days >= 0 {
		return fmt.Sprintf("%s (%s)", date, count(days, "day"))
	}
	return date + " (expired)"
}

// daysLeft counts whole days; it is negative as soon as t has passed.
func daysLeft(t, now time.Time) int {
	if now.After(t) {
		return -1 - int(now.Sub(t).Hours()/24)
	}
	return int(t.Sub(now).Hours() / 24)
}

func (s *scanReport) keyOf(c *certs.Certificate, file *certs.File) string {
	if len(c.KeyFiles) == 0 {
		return "not found"
	}
	for _, path := range c.KeyFiles {
		if path == file.Path {
			return "here"
		}
	}
	return s.short(c.KeyFiles[0])
}

// keyFor names the certificates that the keys in a file belong to.
func keyFor(file *certs.File) string {
	var titles []string
	for _, c := range file.KeyFor {
		titles = append(titles, c.Title())
	}
	if titles == nil {
		return "for no certificate here"
	}
	return "for " + strings.Join(titles, "; ")
}

func chainOf(c *certs.Certificate) string {
	names := strings.Join(issuerNames(c), ", ")
	switch {
	case c.SelfSigned():
		return "self-signed"
	case c.Missing != "" && names == "":
		return fmt.Sprintf("%q missing", c.Missing)
	case c.Missing != "":
		return fmt.Sprintf("%s, %q missing", names, c.Missing)
	case c.Ends != "":
		return fmt.Sprintf("%s, up to %q", names, c.Ends)
	case names == "":
		return "complete"
	}
	return "complete: " + names
}

func issuerOf(cert *x509.Certificate) string {
	if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
		return "itself"
	}
	return issuerName(cert)
}

func issuerName(cert *x509.Certificate) string {
	if name := cert.Issuer.CommonName; name != "" {
		return name
	}
	return cert.Issuer.String()
}

// servedBy tells for which of its names clients get c.
func servedBy(c *certs.Certificate) string {
	switch len(c.Serves) {
	case 0:
		if c.Usable() {
			return "another lasts longer"
		}
		return "no"
	case len(c.Names) + len(c.IPs):
		return "yes"
	}
	return "for " + strings.Join(c.Serves, ", ")
}

func issuerNames(c *certs.Certificate) []string {
	names := []string{} // never null in JSON
	for _, issuer := range c.Issuers {
		names = append(names, issuer.Subject.CommonName)
	}
	return names
}

// short is a path as it is below the folder.
func (s *scanReport) short(path string) string {
	below, err := filepath.Rel(s.folder.Dir, path)
	if err != nil || below == "." {
		return path
	}
	return below
}

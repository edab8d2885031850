package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"httpmaster/internal/status"
)

// showStatus shows what a running server serves, and how it does.
func showStatus(args []string, stdout, stderr io.Writer) int {
	c, code, done := adminOptions("status", args, stdout, stderr)
	switch {
	case done:
		return code
	case len(c.args) > 0:
		return usageError(stderr, "status: unexpected argument %q", c.args[0])
	}
	var s status.Status
	return c.show("/status", &s, func() { printStatus(stdout, &s, time.Now()) })
}

func printStatus(w io.Writer, s *status.Status, now time.Time) {
	fmt.Fprintf(w, "http-master %s, process %d, up %s, %s\n", s.Version, s.PID, age(now.Sub(s.Started)), count(s.LiveTunnels, "tunnel"))
	fmt.Fprintf(w, "%s, read %s ago, %s\n", s.Config.File, age(now.Sub(s.Config.Loaded)), count(int(s.Config.Reloads), "reload"))
	if s.Config.LastRefused {
		fmt.Fprintln(w, "The newest config was refused, and the one before is served; http-master reload says why.")
	}
	rows := table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	rows.head("PORT", "RULE", "LINE", "REQUESTS", "4XX", "5XX", "MEAN", "TUNNELS")
	for i := range s.Ports {
		rows.port(&s.Ports[i])
	}
	if len(s.Upstreams) > 0 {
		rows.head("UPSTREAM", "STATE", "IN USE", "PORT", "RULE")
	}
	for _, u := range s.Upstreams {
		rows.row(u.Address, u.State, fmt.Sprint(u.InUse), u.Port, orDash(u.Rule))
	}
	if len(s.Certificates) > 0 {
		rows.head("CERTIFICATE", "KEY", "EXPIRES", "DAYS", "PORT", "FILE")
	}
	for _, cert := range s.Certificates {
		file := cert.File
		if file == "" {
			file = "by ACME"
		}
		rows.row(firstFew(cert.Names), cert.Key, cert.Expires.UTC().Format(time.DateOnly), fmt.Sprint(daysLeft(cert.Expires, now)), cert.Port, file)
	}
	for _, a := range s.ACME {
		if a.Failed > 0 {
			rows.line(fmt.Sprintf("ACME: %s has failed for %s; the log says why", count(int(a.Failed), "attempt"), a.Name))
		}
	}
	rows.w.Flush()
}

// table writes columns, with an empty line before each head.
type table struct{ w *tabwriter.Writer }

func (t table) head(names ...string) {
	t.w.Flush()
	fmt.Fprintln(t.w)
	t.row(names...)
}

func (t table) row(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t table) line(text string) {
	t.w.Flush()
	fmt.Fprintln(t.w, printable(text))
}

// port writes the rules of a port. What no rule has answered has a line of its
// own if there was anything, or nothing else is there.
func (t table) port(p *status.Port) {
	address := p.Address
	if p.TLS {
		address += " TLS"
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Pattern == "" && len(p.Rules) > 1 && r.Requests() == 0 {
			continue
		}
		name, mean := r.Pattern, "-"
		switch {
		case name == "" && len(p.Rules) > 1:
			name = "(no rule)"
		case name == "":
			name = "(everything)"
		}
		if n := r.Requests(); n > 0 {
			mean = time.Duration(r.Seconds / float64(n) * float64(time.Second)).Round(100 * time.Microsecond).String()
		}
		t.row(address, name, fmt.Sprint(r.Line), fmt.Sprint(r.Requests()), fmt.Sprint(r.Classes[3]), fmt.Sprint(r.Classes[4]), mean, fmt.Sprint(r.Tunnels.Live))
	}
}

// age writes how long something lasts, in its two largest units.
func age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd %dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// size writes bytes with the unit that suits them.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[unit])
}

// firstFew lists at most three names.
func firstFew(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// printable is s without what would move a terminal's cursor: some of what is
// shown comes from clients.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

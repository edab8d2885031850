package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"httpmaster/internal/status"
)

// tunnels lists the open tunnels of a running server, or closes one.
func tunnels(args []string, stdout, stderr io.Writer) int {
	c, code, done := adminOptions("tunnels", args, stdout, stderr)
	if done {
		return code
	}
	switch {
	case len(c.args) == 2 && c.args[0] == "close":
		return c.do(http.MethodDelete, "/tunnels/"+url.PathEscape(c.args[1]), "tunnel "+c.args[1]+" closed")
	case len(c.args) == 1 && c.args[0] == "close":
		return usageError(stderr, "tunnels: which one? tunnels close ID")
	case len(c.args) > 0:
		return usageError(stderr, "tunnels: unexpected argument %q", c.args[0])
	}
	list := []status.Tunnel{}
	return c.show("/tunnels", &list, func() { printTunnels(stdout, list, time.Now()) })
}

func printTunnels(w io.Writer, list []status.Tunnel, now time.Time) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no tunnels are open")
		return
	}
	rows := table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	rows.row("ID", "USER", "CLIENT", "RULE", "TARGET", "AGE", "IN", "OUT", "RESUMES")
	for _, t := range list {
		rows.row(fmt.Sprint(t.ID), orDash(t.User), t.Client, orDash(t.Rule), t.Target, age(now.Sub(t.Started)), size(t.Received), size(t.Sent), fmt.Sprint(t.Resumes))
	}
	rows.w.Flush()
}

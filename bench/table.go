//go:build linux

package main

import (
	"fmt"
	"strings"
)

// table writes one case in Markdown.
func table(c *benchCase, rows []row, samples [][]sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n| server | %s per %s | lowest to highest | ratio |", c.name, c.title, c.unit.figure, c.unit.name)
	if c.unit.rate != "" {
		fmt.Fprintf(&b, " %s | p50, ms | p99, ms |", c.unit.rate)
	}
	b.WriteString(" memory, MiB |\n|---|---|---|---|")
	if c.unit.rate != "" {
		b.WriteString("---|---|---|")
	}
	b.WriteString("---|\n")
	figure := func(s sample) float64 { return s.figure }
	for i, on := range rows {
		mid, low, high := median(samples[i], figure)
		base, _, _ := median(samples[on.base], figure)
		fmt.Fprintf(&b, "| %s | %s | %s to %s | %.2f |", on.name, number(mid), number(low), number(high), mid/base)
		if c.unit.rate != "" {
			rate, _, _ := median(samples[i], func(s sample) float64 { return s.rate })
			p50, _, _ := median(samples[i], func(s sample) float64 { return s.p50 * 1e3 })
			p99, _, _ := median(samples[i], func(s sample) float64 { return s.p99 * 1e3 })
			fmt.Fprintf(&b, " %s | %s | %s |", number(rate), number(p50), number(p99))
		}
		memory, _, _ := median(samples[i], func(s sample) float64 { return s.memory / (1 << 20) })
		fmt.Fprintf(&b, " %.0f |\n", memory)
	}
	return b.String()
}

// number writes v with about three digits; what was not measured is a dash.
func number(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

//go:build linux

// Bench measures http-master beside its peers: the same work, on the same
// machine, in the same run, in turn. bench/run builds and starts it.
//
// Every server runs pinned to one core; what loads it and what stands behind it
// run on the others. A round puts each server under the same load once; the
// tables have the medians of the rounds, with the lowest and highest beside
// them, and the ratio to the first row. CPU is what the kernel accounts to the
// server's own processes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "part" {
		if err := part(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench part", os.Args[2]+":", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var (
		program = flag.String("http-master", "", "the http-master to measure")
		names   = flag.String("cases", "", "cases to run, with commas between; all when empty")
		rounds  = flag.Int("rounds", 5, "rounds")
		seconds = flag.Float64("seconds", 3, "how long a round loads each server")
		list    = flag.Bool("list", false, "list the cases and exit")
	)
	flag.Parse()
	if *list {
		for _, c := range cases {
			fmt.Printf("%-16s %s\n", c.name, c.title)
		}
		return nil
	}
	chosen, err := choose(*names)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := &lab{dir: dir, httpMaster: *program, length: time.Duration(*seconds * float64(time.Second)), rounds: *rounds}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	defer l.stopBackends()
	fmt.Println(l.describe())
	for _, c := range chosen {
		if err := l.measure(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// choose gives the cases of a comma-separated list, in the list of all's order.
func choose(names string) ([]*benchCase, error) {
	if names == "" {
		return cases, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		wanted[name] = true
	}
	var chosen []*benchCase
	for _, c := range cases {
		if wanted[c.name] {
			chosen = append(chosen, c)
			delete(wanted, c.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("there is no case %q: -list has them", name)
	}
	return chosen, nil
}

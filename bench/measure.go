//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
)

// sample is one load of one row.
type sample struct {
	result
	figure float64 // in the unit's scale
	memory float64 // bytes, of the whole server
}

// measure runs a case and prints its table.
func (l *lab) measure(ctx context.Context, c *benchCase) error {
	rows := c.rows(l)
	servers := make([]*running, len(rows))
	defer func() {
		for _, r := range servers {
			if r != nil {
				r.stop()
			}
		}
	}()
	if !c.fresh {
		for i, on := range rows {
			r, err := l.serve(ctx, on)
			if err != nil {
				return err
			}
			servers[i] = r
		}
	}
	samples := make([][]sample, len(rows))
	for round := range l.rounds + 1 {
		for i, on := range rows {
			s, err := l.once(ctx, c, on, servers[i])
			if err != nil {
				return fmt.Errorf("%s: %w", on.name, err)
			}
			if round > 0 { // the first is for warming up
				samples[i] = append(samples[i], s)
			}
		}
	}
	fmt.Println(table(c, rows, samples))
	return nil
}

// once puts one server under one load.
func (l *lab) once(ctx context.Context, c *benchCase, on row, r *running) (sample, error) {
	if r == nil {
		fresh, err := l.serve(ctx, on)
		if err != nil {
			return sample{}, err
		}
		defer fresh.stop()
		r = fresh
	}
	before := r.cpu()
	res, err := c.load(ctx, l, on, r)
	if err != nil {
		return sample{}, err
	}
	s := sample{result: res, memory: r.memory(), figure: res.amount * c.unit.scale}
	if res.amount == 0 {
		s.figure = (r.cpu() - before).Seconds() / res.work * c.unit.scale
	}
	return s, nil
}

// median gives the middle one, the lowest and the highest of what pick takes
// from each.
func median(samples []sample, pick func(sample) float64) (mid, low, high float64) {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = pick(s)
	}
	slices.Sort(values)
	return values[len(values)/2], values[0], values[len(values)-1]
}

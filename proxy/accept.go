package proxy

import (
	"strconv"
	"strings"
)

// preferred gives the one of offers that the Accept fields want most (RFC
// 9110, 12.5.1): the highest weight first, then the range that names it most
// closely, then the one named first, then the order of offers. With no Accept,
// or when nothing on offer is acceptable, it is the first offer: an error is
// better told in the wrong form than not at all.
func preferred(accept []string, offers []string) string {
	ranges := parseAccept(accept)
	if len(ranges) == 0 {
		return offers[0]
	}
	best, bestRange := offers[0], mediaRange{}
	for _, offer := range offers {
		if r := closest(ranges, offer); r.betterThan(bestRange) {
			best, bestRange = offer, r
		}
	}
	return best
}

type mediaRange struct {
	text     string // "text/html", "text/*" or "*/*", in lower case
	weight   float64
	exact    int // 3 for a type, 2 for type/*, 1 for */*, 0 for no range at all
	position int
}

func (r mediaRange) betterThan(o mediaRange) bool {
	switch {
	case r.weight != o.weight:
		return r.weight > o.weight
	case r.exact != o.exact:
		return r.exact > o.exact
	default:
		return r.position < o.position
	}
}

func parseAccept(fields []string) []mediaRange {
	var ranges []mediaRange
	for _, field := range fields {
		for item := range strings.SplitSeq(field, ",") {
			text, params, _ := strings.Cut(item, ";")
			text = strings.ToLower(strings.TrimSpace(text))
			kind, sub, found := strings.Cut(text, "/")
			if !found {
				continue
			}
			r := mediaRange{text: text, weight: weight(params), exact: 3, position: len(ranges)}
			switch {
			case kind == "*":
				r.text, r.exact = "*/*", 1
			case sub == "*":
				r.exact = 2
			}
			ranges = append(ranges, r)
		}
	}
	return ranges
}

// weight reads q from the parameters of a range; a missing or senseless one
// counts as 1.
func weight(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if q, err := strconv.ParseFloat(value, 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}

// closest is the range that decides about mediaType: the most exact one that
// covers it, or the zero range, which has no weight.
func closest(ranges []mediaRange, mediaType string) mediaRange {
	kind, _, _ := strings.Cut(mediaType, "/")
	var found mediaRange
	for _, r := range ranges {
		covers := r.text == mediaType || r.text == "*/*" || r.text == kind+"/*"
		if covers && r.exact > found.exact {
			found = r
		}
	}
	return found
}

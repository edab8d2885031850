package config

import (
	"math"
	"strings"
)

// Suggest gives the word of known that word was most likely meant to be, or ""
// when none is near: one slip (a letter missing, added, wrong, or two swapped)
// for every four letters. Another letter case is no slip, and words of up to
// three letters are too short for any.
func Suggest(word string, known []string) string {
	best, bestSlips := "", 0
	for _, k := range known {
		slips := distance(strings.ToLower(word), strings.ToLower(k))
		if slips > max(len(word), len(k))/4 {
			continue
		}
		if best == "" || slips < bestSlips {
			best, bestSlips = k, slips
		}
	}
	return best
}

// distance counts slips between a and b: optimal string alignment, which is
// Damerau-Levenshtein without edits inside swapped pairs. Words that are far
// longer than any key are not compared.
func distance(a, b string) int {
	const longest = 40
	if len(a) > longest || len(b) > longest {
		return math.MaxInt
	}
	var rows [longest + 1][longest + 1]int
	for i := range len(a) + 1 {
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

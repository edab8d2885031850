package middleware

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// FuzzAcceptsGzip builds Accept-Encoding fields of which it is clear whether
// they take gzip.
func FuzzAcceptsGzip(f *testing.F) {
	f.Add([]byte{0, 10})
	f.Add([]byte{2, 10, 0, 0})
	f.Add([]byte{3, 0, 4, 5, 2, 1})
	codings := []string{"gzip", "GZIP", "*", "br", "identity", "x-gzip", "gzipp"}
	f.Fuzz(func(t *testing.T, choice []byte) {
		var items []string
		named, star := -1, 0 // the weights, in tenths; the first that names gzip counts, and the last *
		for i := 0; i+1 < len(choice); i += 2 {
			coding, weight := codings[int(choice[i])%len(codings)], int(choice[i+1])%11
			items = append(items, fmt.Sprintf(" %s ;q=%d.%d", coding, weight/10, weight%10))
			switch strings.ToLower(coding) {
			case "gzip", "x-gzip":
				if named < 0 {
					named = weight
				}
			case "*":
				star = weight
			}
		}
		want := named > 0 || named < 0 && star > 0
		field := strings.Join(items, ",")
		if got := acceptsGzip(http.Header{"Accept-Encoding": {field}}); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	})
}

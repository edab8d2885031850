package middleware

import (
	"net/http"
	"strconv"
	"strings"
)

// acceptsGzip says whether the client takes gzip (RFC 9110, 12.5.3): it must
// have asked for it, by name or by "*", with a weight above 0.
func acceptsGzip(h http.Header) bool {
	star := false
	for _, field := range h["Accept-Encoding"] {
		for item := range strings.SplitSeq(field, ",") {
			name, params, _ := strings.Cut(item, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				return !refused(params)
			case "*":
				star = !refused(params)
			}
		}
	}
	return star
}

// refused says whether the parameters of a coding hold a weight of 0.
func refused(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			return err == nil && q <= 0
		}
	}
	return false
}

package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// size is a number of bytes.
var size = kind[int64]{"size (10MB, 512KiB, or bytes)", anyOf(pattern(sizePattern), schema{"type": "integer", "minimum": 0}), func(l *loader, name string, n *yaml.Node, into *int64) {
	if n.Kind != yaml.ScalarNode {
		l.errorf(n, "%s must be a size such as 10MB, not %s", name, describe(n))
		return
	}
	bytes, err := parseSize(n.Value)
	if err != nil {
		l.errorf(n, "%s must be a size such as 10MB or 512KiB, or a number of bytes: %v", name, err)
		return
	}
	*into = bytes
}}

// sizeUnits are powers of 1000, and with an i of 1024.
var sizeUnits = map[string]int64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
}

// parseSize reads "10MB", "512 KiB" and "1000" in any letter case.
func parseSize(s string) (int64, error) {
	digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
	written := strings.TrimSpace(s[len(digits):])
	unit, known := sizeUnits[strings.ToLower(written)]
	if digits == "" {
		return 0, errors.New("it begins with a whole number")
	}
	if !known {
		return 0, fmt.Errorf("%s is no unit; known are B, KB, MB, GB, KiB, MiB, GiB", quote(written))
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number > math.MaxInt64/unit {
		return 0, errors.New("it is too large")
	}
	return number * unit, nil
}

// rate is how often something may be, per second.
var rate = kind[float64]{"rate (10/s, 100/m, 1000/h)", pattern(ratePattern), func(l *loader, name string, n *yaml.Node, into *float64) {
	t, ok := l.scalarText(n, name)
	if !ok {
		return
	}
	perSecond, err := parseRate(t.Value)
	if err != nil {
		l.errorf(n, "%s %v", name, err)
		return
	}
	*into = perSecond
}}

// maxRate bounds the number before the "/" of a rate.
const maxRate = 1_000_000

var rateUnits = map[string]float64{"s": 1, "m": 60, "h": 3600}

// parseRate reads "10/s", "0.5 / m".
func parseRate(s string) (perSecond float64, err error) {
	number, unit, _ := strings.Cut(s, "/")
	number = strings.TrimSpace(number)
	seconds := rateUnits[strings.TrimSpace(unit)]
	n, err := strconv.ParseFloat(number, 64)
	if seconds == 0 || err != nil || strings.Trim(number, "0123456789.") != "" {
		return 0, errors.New("must be a rate such as 10/s, 100/m or 1000/h")
	}
	if n <= 0 || n > maxRate {
		return 0, fmt.Errorf("must be more than 0 and at most %d", maxRate)
	}
	return n / seconds, nil
}

func shortLimit(l *loader, v *Limit, _, arg Text) {
	perSecond, err := parseRate(arg.Value)
	if err != nil {
		l.faults.Errorf(arg.Pos, "the rate of limit %v", err)
		return
	}
	v.Rate = perSecond
	v.fillBurst()
}

// fillBurst gives a limit without a burst one second's worth of requests.
func (v *Limit) fillBurst() {
	if v.Burst == 0 {
		v.Burst = max(1, int(math.Ceil(v.Rate)))
	}
}

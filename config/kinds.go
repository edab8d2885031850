package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The kinds of values. Each reports what it cannot take and then leaves its
// field alone.
var (
	text     = kind[Text]{"text", anyText, readText}
	file     = kind[Text]{"file name", anyText, readText}
	folder   = kind[Text]{"folder name", anyText, readText}
	texts    = kind[[]Text]{"list of text", listOf(anyText), readTexts}
	files    = kind[[]Text]{"file name or list of them", listOf(anyText), readTexts}
	boolean  = kind[bool]{"true or false", schema{"type": "boolean"}, readBool}
	duration = kind[time.Duration]{"duration (30s, 5m, 1h)", anyOf(pattern(durationPattern), enum(0, "0")), readDuration}
	millis   = kind[time.Duration]{"milliseconds", integer(0, math.MaxInt32), readMillis}
	networks = kind[[]netip.Prefix]{"list of addresses and CIDRs", listOf(pattern(networkPattern)), readPrefixes}
)

func readText(l *loader, name string, n *yaml.Node, into *Text) {
	if t, ok := l.scalarText(n, name); ok {
		*into = t
	}
}

func readTexts(l *loader, name string, n *yaml.Node, into *[]Text) {
	items, ok := l.items(n, name)
	if !ok {
		return
	}
	*into = make([]Text, 0, len(items)) // an empty list is not an absent one
	for _, item := range items {
		if t, ok := l.scalarText(item, "an element of "+name); ok {
			*into = append(*into, t)
		}
	}
}

func readBool(l *loader, name string, n *yaml.Node, into *bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!bool" {
		*into = strings.EqualFold(n.Value, "true")
		return
	}
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on", "y", "1":
		l.errorf(n, "%s must be true or false; write true, without quotes", name)
	case "false", "no", "off", "n", "0":
		l.errorf(n, "%s must be true or false; write false, without quotes", name)
	default:
		l.errorf(n, "%s must be true or false, not %s", name, describe(n))
	}
}

// optional is k where absent differs from the zero value.
func optional[F any](k kind[F]) kind[*F] {
	return kind[*F]{k.name, k.schema, func(l *loader, name string, n *yaml.Node, into **F) {
		*into = new(F)
		k.read(l, name, n, *into)
	}}
}

// whole is a whole number between least and most.
func whole(least, most int) kind[int] {
	return kind[int]{
		fmt.Sprintf("whole number, %d to %d", least, most),
		integer(least, most),
		func(l *loader, name string, n *yaml.Node, into *int) {
			if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && isDigits(n.Value) {
				l.errorf(n, "%s must be a number; write it without quotes", name)
				return
			}
			if v, err := parseWhole(n.Value, least, most); err != nil {
				l.errorf(n, "%s %v", name, err)
			} else {
				*into = v
			}
		},
	}
}

func parseWhole(s string, least, most int) (int, error) {
	v, err := strconv.Atoi(s)
	if err != nil || v < least || v > most || !isDigits(s) {
		return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
	}
	return v, nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// readMillis reads the times that http-master had. Its upper end is Node's,
// about 24 days.
func readMillis(l *loader, name string, n *yaml.Node, into *time.Duration) {
	if d, err := time.ParseDuration(n.Value); err == nil && d > 0 && !isDigits(n.Value) && n.Kind == yaml.ScalarNode {
		l.errorf(n, "%s is in milliseconds; write %d", name, d.Milliseconds())
		return
	}
	v := -1
	whole(0, math.MaxInt32).read(l, name, n, &v)
	if v >= 0 {
		*into = time.Duration(v) * time.Millisecond
	}
}

func readDuration(l *loader, name string, n *yaml.Node, into *time.Duration) {
	d, err := time.ParseDuration(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		l.errorf(n, "%s must be a duration such as 30s, not %s", name, describe(n))
	case err != nil && isDigits(n.Value):
		l.errorf(n, "%s needs a unit: %ss are seconds, %sms milliseconds, %sm minutes", name, n.Value, n.Value, n.Value)
	case err != nil:
		l.errorf(n, "%s must be a duration such as 500ms, 30s, 5m or 1h30m", name)
	case d < 0:
		l.errorf(n, "%s cannot be negative", name)
	default:
		*into = d
	}
}

// above0 is k where 0 would say neither "at once" nor "never".
func above0(k kind[time.Duration]) kind[time.Duration] {
	return kind[time.Duration]{k.name, schema{"allOf": []schema{pattern(durationPattern), pattern("[1-9]")}}, func(l *loader, name string, n *yaml.Node, into *time.Duration) {
		before := l.faults.errors
		if k.read(l, name, n, into); *into == 0 && l.faults.errors == before {
			l.errorf(n, "%s must be more than 0", name)
		}
	}}
}

// Never is a duration that does not end, written never.
const Never time.Duration = -1

// orNever is k, or the word never.
func orNever(k kind[time.Duration]) kind[time.Duration] {
	return kind[time.Duration]{k.name + " or never", anyOf(k.schema, enum("never")), func(l *loader, name string, n *yaml.Node, into *time.Duration) {
		_, err := time.ParseDuration(n.Value)
		switch {
		case n.Kind == yaml.ScalarNode && n.Value == "never":
			*into = Never
		case n.Kind == yaml.ScalarNode && err != nil && !isDigits(n.Value):
			l.errorf(n, "%s must be a duration such as 30s or 5m, or never", name)
		default:
			k.read(l, name, n, into)
		}
	}}
}

// choice is one of a few words.
func choice(words ...string) kind[Text] {
	list := strings.Join(words, " or ")
	return kind[Text]{list, schema{"enum": words}, func(l *loader, name string, n *yaml.Node, into *Text) {
		t, ok := l.scalarText(n, name)
		if !ok {
			return
		}
		if slices.Contains(words, t.Value) {
			*into = t
		} else if near := Suggest(t.Value, words); near != "" {
			l.errorf(n, "%s cannot be %s, did you mean %q?", name, quote(t.Value), near)
		} else {
			l.errorf(n, "%s must be %s, not %s", name, list, quote(t.Value))
		}
	}}
}

// object is a map with a table of its own.
func object[F any](what string, t *table[F]) kind[F] {
	return kind[F]{"map", ref(what), func(l *loader, _ string, n *yaml.Node, into *F) {
		t.read(l, what, n, into)
	}}
}

func readPrefixes(l *loader, name string, n *yaml.Node, into *[]netip.Prefix) {
	items, ok := l.items(n, name)
	if !ok {
		return
	}
	*into = make([]netip.Prefix, 0, len(items))
	for _, item := range items {
		if t, ok := l.scalarText(item, "an element of "+name); ok {
			*into = append(*into, l.prefixes(t)...)
		}
	}
}

// prefixes reads addresses and CIDRs separated by commas or spaces.
func (l *loader) prefixes(t Text) []netip.Prefix {
	var out []netip.Prefix
	for start := 0; start < len(t.Value); {
		length := strings.IndexAny(t.Value[start:], ", ")
		if length < 0 {
			length = len(t.Value) - start
		}
		if word := t.Value[start : start+length]; word != "" {
			if p, ok := l.prefix(word, t.At(start)); ok {
				out = append(out, p)
			}
		}
		start += length + 1
	}
	return out
}

func (l *loader) prefix(word string, pos Pos) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(word)
	if addr, addrErr := netip.ParseAddr(word); addrErr == nil && addr.Zone() == "" {
		p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		l.faults.Errorf(pos, "%s is neither an address nor a network such as 10.0.0.0/8", quote(word))
		return p, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		l.faults.Warnf(pos, "%s has bits set behind its /%d; it is taken as %s", quote(word), p.Bits(), p.Masked())
	}
	return p.Masked(), true
}

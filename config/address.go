package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxUnixPath is what fits into a socket address on Linux.
const maxUnixPath = 107

// address reads the key of a port entry and compares it with the ports above.
func (l *loader) address(key *yaml.Node, others []*Port) Address {
	a, err := parseAddress(key.Value)
	if err != nil {
		l.errorf(key, "port %s: %v", quote(key.Value), err)
		return Address{Text: l.src.text(key)}
	}
	a.Text = l.src.text(key)
	if a.Network == "unix" {
		a.Path = l.cfg.Resolve(a.Path)
		if len(a.Path) > maxUnixPath {
			l.errorf(key, "port %s: the path of a socket can have %d bytes, this one has %d", quote(key.Value), maxUnixPath, len(a.Path))
		}
	}
	for _, o := range others {
		if a.collides(o.Address) {
			l.errorf(key, "port %s is taken by port %s on line %d", quote(key.Value), quote(o.Address.Value), o.Address.Pos.Line)
			break
		}
	}
	return a
}

// parseAddress reads 80, "*:80", ":80", "127.0.0.1:80", "[::1]:80",
// "name:80" and "unix:/path".
func parseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path == "" || path[0] == '@' || strings.ContainsFunc(path, isControl) {
			return Address{}, errors.New(`"unix:" wants the path of a socket, such as unix:/run/http-master.sock`)
		}
		return Address{Network: "unix", Path: path}, nil
	}
	host, port := "", s
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 {
		host, port = s[:colon], s[colon+1:]
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || port[0] == '0' || port[0] == '+' {
		if isDigits(port) {
			return Address{}, errors.New("a port is a number from 1 to 65535")
		}
		return Address{}, errors.New(`write a number such as 80, or an address such as "127.0.0.1:80", "[::1]:80" or "unix:/run/hm.sock"`)
	}
	host, err = parseHost(host)
	return Address{Network: "tcp", Host: host, Port: uint16(number)}, err
}

// parseHost gives the host of a listening address without brackets; "" is all
// addresses.
func parseHost(s string) (string, error) {
	if s == "" || s == "*" {
		return "", nil
	}
	inner, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		inner = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(inner)
	switch {
	case err == nil && addr.Is6() && !bracketed:
		return "", fmt.Errorf("an IPv6 address is written in brackets, such as [%s]:80", s)
	case err == nil && addr.Is6() == bracketed && bracketed == strings.HasSuffix(s, "]"):
		return addr.Unmap().String(), nil
	case !bracketed && isHostName(s):
		return strings.ToLower(s), nil
	}
	return "", fmt.Errorf("%s is neither an IP address nor a host name", quote(s))
}

// isHostName tells whether s can be looked up: letters and digits with dots
// and hyphens, and not a number with a mistake in it.
func isHostName(s string) bool {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	return !strings.ContainsFunc(s, odd) && last != "" && !isDigits(last)
}

// collides tells whether a and o cannot both be listened on: the system lets
// no address have a port that another listener has for all addresses.
func (a Address) collides(o Address) bool {
	if a.Network != o.Network {
		return false
	}
	if a.Network == "unix" {
		return a.Path == o.Path
	}
	return a.Port == o.Port && (a.anyHost() || o.anyHost() || a.Host == o.Host)
}

func (a Address) anyHost() bool {
	return a.Host == "" || a.Host == "0.0.0.0" || a.Host == "::"
}

// Package status has the words in which a server tells about itself: to the
// commands, as JSON over the admin socket, and to Prometheus.
package status

import "time"

// Status is a server at one moment.
type Status struct {
	Version      string        `json:"version"`
	PID          int           `json:"pid"`
	Started      time.Time     `json:"started"`
	Config       Config        `json:"config"`
	Ports        []Port        `json:"ports"`
	Upstreams    []Upstream    `json:"upstreams"`
	Certificates []Certificate `json:"certificates"`
	ACME         []ACME        `json:"acme"`
	LiveTunnels  int           `json:"liveTunnels"`
	Refused      Refused       `json:"refused"`
	Panics       int64         `json:"panics"` // requests that have failed by a fault of the program, since the start
	Recent       []Event       `json:"recent"` // warnings and errors, the newest first
}

// Refused is what did not get as far as to a port's rules, since the start.
type Refused struct {
	Connections int64 `json:"connections"` // too many of them
	Handshakes  int64 `json:"handshakes"`  // of TLS, that failed
	Requests    int64 `json:"requests"`    // not clear, too large or too slow
}

// Event is a line of the log.
type Event struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"` // "WARN" or "ERROR"
	Text  string    `json:"text"`  // what happened, and name=value pairs
}

// Config is what is served, and how its changes went.
type Config struct {
	File    string    `json:"file"`
	Hash    string    `json:"hash"` // SHA-256 of the file's content, in hexadecimal
	Loaded  time.Time `json:"loaded"`
	Reloads int64     `json:"reloads"` // that were taken over, without the first config
	Refused int64     `json:"refused"` // that changed nothing, because of a fault
	// LastRefused tells that the newest attempt was refused.
	LastRefused bool `json:"lastRefused"`
}

// Port is an address that is listened on, and its rules in the order of the
// file. The first of them, without a pattern, stands for what no rule has
// answered, or for the port's only target.
type Port struct {
	Address string `json:"address"` // as reloads compare it: "80", "127.0.0.1:80", "unix:/x"
	TLS     bool   `json:"tls"`
	Rules   []Rule `json:"rules"`
	// Connections is how many are open; those of tunnels are among them.
	Connections int `json:"connections"`
}

// Rule is a rule with what came through it since the server has it. Rules of a
// port with the same pattern share their figures.
type Rule struct {
	Pattern string `json:"pattern"` // behind those of the rules around it: "a.com > /x"
	Line    int    `json:"line"`
	Traffic
}

// Traffic is what came through a rule.
type Traffic struct {
	// Classes counts requests by the first digit of their status: 1xx to 5xx. A
	// tunnel counts when it opens.
	Classes [5]int64 `json:"classes"`
	// Buckets counts the same requests by the time until they were answered
	// whole, or a tunnel was open; see Bounds.
	Buckets [len(Bounds) + 1]int64 `json:"buckets"`
	Seconds float64                `json:"seconds"` // the sum of these times
	Bytes   int64                  `json:"bytes"`   // of the bodies of responses

	AuthFailures int64   `json:"authFailures"`
	Limited      int64   `json:"limited"` // requests that limit refused
	Denied       int64   `json:"denied"`  // requests that allow or deny refused
	Tunnels      Tunnels `json:"tunnels"`
}

// Bounds are the upper ends of Traffic.Buckets in seconds; the last bucket has
// none.
var Bounds = [...]float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10}

// Requests is how many there were in all.
func (t *Traffic) Requests() (n int64) {
	for _, count := range t.Classes {
		n += count
	}
	return n
}

// Tunnels is what the tunnels and the upgraded connections of a rule have
// carried, those included that have ended.
type Tunnels struct {
	Opened   int64 `json:"opened"`
	Live     int64 `json:"live"`
	Received int64 `json:"received"` // bytes from clients
	Sent     int64 `json:"sent"`     // bytes to clients
	Resumes  int64 `json:"resumes"`
}

// Upstream is one of the targets between which a rule chooses.
type Upstream struct {
	Port    string `json:"port"`
	Rule    string `json:"rule"`
	Address string `json:"address"`
	// State is "up"; "down", which its health checks have found; or "ejected",
	// because requests to it kept failing.
	State string `json:"state"`
	InUse int    `json:"inUse"` // requests and tunnels under way
}

// Certificate is one that a port serves.
type Certificate struct {
	Port    string    `json:"port"`
	Names   []string  `json:"names"`
	Key     string    `json:"key"`  // "ECDSA", "RSA", ...
	File    string    `json:"file"` // "" for one that was got by ACME
	Expires time.Time `json:"expires"`
}

// ACME is how the orders for one name went since the start.
type ACME struct {
	Name    string `json:"name"`
	Issued  int64  `json:"issued"`
	Renewed int64  `json:"renewed"`
	Failed  int64  `json:"failed"`
}

// Tunnel is one that is open: a websockify tunnel or an upgraded connection.
type Tunnel struct {
	ID       uint64    `json:"id"`
	User     string    `json:"user"` // "" for nobody
	Client   string    `json:"client"`
	Rule     string    `json:"rule"`
	Target   string    `json:"target"`
	Started  time.Time `json:"started"`
	Received int64     `json:"received"` // bytes from the client
	Sent     int64     `json:"sent"`     // bytes to the client
	Resumes  int64     `json:"resumes"`
}

// Answer is what the admin socket says to a command that does something. It did
// when Error is "".
type Answer struct {
	Error  string   `json:"error,omitempty"`
	Faults []string `json:"faults,omitempty"` // of a config, one line each
}

package config

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Pos is a place in a config file. Line and Col count from 1; the zero Pos
// means "the file as a whole".
type Pos struct {
	Line, Col int
}

// Text is a scalar of the file together with its place. An empty Value means
// that the key was not given.
type Text struct {
	Value string
	Pos   Pos // of the first character, behind a quote

	inline bool // the file has Value letter by letter from Pos on
}

// At gives the place of the byte offset in Value, for faults found inside it.
// Where the text is written with escapes or over several lines it is Pos.
func (t Text) At(offset int) Pos {
	if !t.inline || offset < 0 || offset > len(t.Value) {
		return t.Pos
	}
	return Pos{Line: t.Pos.Line, Col: t.Pos.Col + utf8.RuneCountInString(t.Value[:offset])}
}

// from is the part of t that begins at the byte offset.
func (t Text) from(offset int) Text {
	return Text{Value: t.Value[offset:], Pos: t.At(offset), inline: t.inline}
}

// trim is t without the white space around it.
func (t Text) trim() Text {
	trimmed := t.from(len(t.Value) - len(strings.TrimLeft(t.Value, " \t\r\n")))
	trimmed.Value = strings.TrimRight(trimmed.Value, " \t\r\n")
	return trimmed
}

// Config is one parsed file. Everything in it has a position, order is the
// file's, and nothing in it has touched the file system or the network yet
// except the config file itself.
type Config struct {
	File string   // as named by the caller
	Hash [32]byte // SHA-256 of the content

	Ports              []*Port
	Middleware         []*Target // put before every port's own
	Modules            Modules
	WatchConfig        bool
	User, Group        Text
	Silent             bool
	ErrorHTMLFile      Text
	Agent              Agent
	ProxyTimeout       time.Duration // client side idle time; 0 means the default
	ProxyTargetTimeout time.Duration // upstream side idle time; 0 means the default
	TrustedProxies     []netip.Prefix
	Limits             Limits
	StaleTunnels       *time.Duration // how long tunnels outlive the change of their rule; nil means 5 min; may be Never
	ShutdownTimeout    time.Duration  // for what is under way when the server stops; 0 means 30 s
}

// Modules holds the services that belong to the process, not to one port.
type Modules struct {
	LetsEncrypt *LetsEncrypt // nil when absent
	AppLog      AppLog
	Metrics     *Metrics // nil when absent or false
	Admin       Admin
}

// AppLog is modules.appLog: the process's own log.
type AppLog struct {
	File Text // empty means stderr
	Type Text // "text" (default) or "json"
}

// Metrics is modules.metrics.
type Metrics struct {
	Pos    Pos
	Listen Address // never empty
}

// Admin is modules.admin: the socket by which commands talk to the server.
type Admin struct {
	Pos    Pos
	Off    bool // admin: false
	Socket Text // empty means a place by the program's own choice
}

// LetsEncrypt is modules.letsencrypt.
type LetsEncrypt struct {
	Pos       Pos
	ConfigDir Text
	Email     Text
	AgreeTOS  bool
	Domains   []Text
	Server    Text // directory URL; empty means Let's Encrypt's production
	CAFile    Text // roots to trust for Server; empty means the system's
}

// Agent is agentSettings: the upstream connection pool. Zero fields mean the
// default.
type Agent struct {
	Pos            Pos
	KeepAlive      *bool         // nil means true
	MaxSockets     int           // per upstream; 0 means no limit
	MaxFreeSockets int           // idle connections kept per upstream
	KeepAliveTime  time.Duration // how long an idle connection is kept (keepAliveMsecs)
	Timeout        time.Duration // idle time of an upstream connection in use
}

// Address is where a port listens.
type Address struct {
	Text
	Network string // "tcp" or "unix"
	Host    string // "" means all addresses, v4 and v6; IPv6 without brackets
	Port    uint16 // for "tcp"
	Path    string // for "unix"; resolved against the config file's folder
}

// Port is one listening address and what is served there. Network of an address
// that is faulty is empty.
type Port struct {
	Address            Address
	Target             *Target // the router, or the single target; nil when faulty
	SSL                *SSL    // nil means plain
	Middleware         []*Target
	ErrorHTMLFile      Text
	Agent              Agent
	ProxyTimeout       time.Duration
	ProxyTargetTimeout time.Duration
	AllowEncodedSlash  bool // allowEncodedSlash: %2F in a path is kept, not refused
	KeepOddHeaders     bool // keepOddHeaders: header names outside [A-Za-z0-9-] are forwarded
	Limits             Limits
	SSH                Text // where connections that speak SSH go; empty means none are looked for
}

// SSL is a port's ssl entry.
type SSL struct {
	Pos           Pos
	CertDir       Text
	PrimaryDomain Text
	Pair          KeyPair // key, cert, ca written directly under ssl
	SNI           []NamedPair
	LetsEncrypt   bool
	SelfSigned    bool
	ClientAuth    *ClientAuth
	NoHTTP2       bool // spdy: false
	MinVersion    Text // "" means TLS 1.2; else "1.2" or "1.3"
}

// KeyPair names the files of one certificate. Key.Value == "" means absent.
type KeyPair struct {
	Pos       Pos
	Key, Cert Text
	CA        []Text // chain files
}

// NamedPair is one line of ssl.SNI; Name may be "*.example.com".
type NamedPair struct {
	Name Text
	KeyPair
}

// ClientAuth is ssl.clientAuth.
type ClientAuth struct {
	Pos     Pos
	CA      Text
	Require bool // mode: require (the default); request otherwise
}

// Target is what answers: exactly one of Verb, Chain and Router is set. A
// *Target is nil where the file has a fault, which then is reported: in a
// chain, a rule or a port.
type Target struct {
	Pos    Pos
	Verb   Verb      // a handler or a middleware
	Chain  []*Target // [a, b, c]: middlewares first, the last one answers
	Router *Router   // {pattern: target}
}

// Router is an ordered map of pattern to target.
type Router struct {
	Pos   Pos
	Rules []*Rule
}

// Rule is one line of a router.
type Rule struct {
	Pattern Text
	Target  *Target
}

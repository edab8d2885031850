package router

// Rule is one line of a router: what to match, and what answers.
type Rule struct {
	Handler Handler
	Line    int // in the config file, for logs
}

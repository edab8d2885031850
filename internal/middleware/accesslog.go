package middleware

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"httpmaster/router"
)

const (
	tunnelOpen  = "open"
	tunnelClose = "close"
)

// AccessLog writes one line for each request, when it has been answered, and
// two for each tunnel: when it opens, with status 101, and when it has ended,
// with what it carried (m.BytesIn and m.BytesOut) and how long it lived.
//
// What a client sent is escaped, so no field and no line can be forged.
type AccessLog struct {
	File   *LogFile // not closed by AccessLog
	Format LogFormat
	Next   router.Handler
}

// exchange is one request that will be logged.
type exchange struct {
	file   *LogFile
	format LogFormat
	rec    *Recorder
	m      *router.Match
	came   time.Time
	entry  entry
	line   []byte
	opened func() // exchange.logOpen, bound once for all the requests it serves
}

var exchanges = sync.Pool{New: func() any {
	e := new(exchange)
	e.opened = e.logOpen
	return e
}}

// Serve has the request answered and logs it, even if the handler panics to
// break off an answer.
func (a *AccessLog) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	e := exchanges.Get().(*exchange)
	e.file, e.format = a.File, a.Format // and not a, behind which the whole config would stay
	e.rec, e.m, e.came = NewRecorder(w), m, time.Now()
	e.rec.AfterHijack = e.opened
	// Kept now, as elements further on may change the request.
	e.entry = entry{
		client:  m.Client,
		host:    m.Host,
		method:  r.Method,
		uri:     r.RequestURI,
		proto:   r.Proto,
		referer: r.Header.Get("Referer"),
		agent:   r.Header.Get("User-Agent"),
	}
	if r.Header["Upgrade"] != nil { // it may be refused before it is known to be a tunnel
		e.entry.uri = withoutQuery(e.entry.uri)
	}
	finished := false
	defer func() {
		if !finished { // a panic; somebody may still hold the recorder
			e.logBroken(r)
			return
		}
		e.logDone()
		e.rec.Release()
		e.release()
	}()
	a.Next.Serve(e.rec, r, m)
	e.rec.finish()
	finished = true
}

// logOpen writes the first line of a tunnel, which needs the file for its last one
// when no config has it any more.
func (e *exchange) logOpen() {
	e.file.Hold()
	e.entry.tunnel = tunnelOpen
	e.write()
}

// logBroken is for an answer that was broken off. One that had not begun gets
// the status that nginx made known for a client that left, or 500.
func (e *exchange) logBroken(r *http.Request) {
	switch {
	case e.rec.Status != 0:
	case r.Context().Err() != nil:
		e.rec.Status = 499
	default:
		e.rec.Status = http.StatusInternalServerError
	}
	e.logDone()
}

func (e *exchange) logDone() {
	if e.rec.Hijacked {
		e.entry.tunnel = tunnelClose
		e.entry.in, e.entry.out = e.m.BytesIn, e.m.BytesOut
		e.entry.bytes = e.m.BytesOut
	}
	e.write()
	if e.rec.Hijacked {
		e.file.letGo()
	}
}

func (e *exchange) write() {
	now := time.Now()
	e.entry.time = now
	e.entry.duration = now.Sub(e.came)
	e.entry.user = e.m.User
	if e.m.LogURI != "" {
		e.entry.uri = e.m.LogURI
	}
	e.entry.status = e.rec.Status
	if !e.rec.Hijacked {
		e.entry.bytes = e.rec.Bytes
	}
	if !e.rec.Began.IsZero() {
		e.entry.first = e.rec.Began.Sub(e.came)
	}
	if e.m.Rule != nil {
		e.entry.rule = e.m.Rule.Line
	}
	e.line = e.entry.appendTo(e.line[:0], e.format)
	e.file.WriteLine(e.line)
}

// withoutQuery is the URI of a tunnel as the log has it: browsers can send no
// header with a WebSocket, so what lets somebody in often stands in the query.
func withoutQuery(uri string) string {
	path, _, query := strings.Cut(uri, "?")
	if query {
		path += "?***"
	}
	return path
}

func (e *exchange) release() {
	line := e.line
	if cap(line) > 16<<10 { // one request with a huge URL
		line = nil
	}
	*e = exchange{line: line, opened: e.opened}
	exchanges.Put(e)
}

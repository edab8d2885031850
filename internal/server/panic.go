package server

import (
	"crypto/rand"
	"net/http"
	"runtime/debug"
)

// rescue keeps a handler's panic from ending more than its request. The client
// gets 500 with an id that the log has too, or, where the answer has begun
// already, no end of it.
func (l *listener) rescue(c *counting, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v) // how handlers break off an answer
	}
	l.panics.Add(1)
	id := rand.Text()[:10]
	l.log.Error("a request has failed by a fault of this program, please report it", "request", id, "port", l.key,
		"method", r.Method, "host", r.Host, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	if c.rec.Status != 0 {
		panic(http.ErrAbortHandler)
	}
	clear(c.rec.Header())
	c.rec.Header().Set("Connection", "close")
	c.port.errors.Write(c.rec, r, http.StatusInternalServerError, "something went wrong here; the log has more about request "+id)
}

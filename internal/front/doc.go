// Package front accepts connections for net/http's server: it bounds how many
// there are and how long each may take to say what it wants, does the TLS
// handshake, and puts a guard in front of what speaks HTTP/1.
//
//	l := front.New(listener, settings, log, counts)
//	feed := l.Feed()
//	srv := &http.Server{Handler: h, ConnState: l.State}
//	go srv.Serve(feed)
//	go l.Run()
//	...
//	l.Close()
package front

package guard

import (
	"net/http"
	"strconv"
)

// Refusal is an answer to a request that is not passed on.
type Refusal struct {
	Status int
	Reason string // for the client and the log
}

// Every reason there is. They are made once, so that a flood of bad requests
// costs no memory.
var (
	noRequest    = &Refusal{http.StatusBadRequest, "this is no HTTP request"}
	noVersion    = &Refusal{http.StatusBadRequest, "the request line does not end in HTTP/1.1 or HTTP/1.0"}
	otherVersion = &Refusal{http.StatusHTTPVersionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken on this connection"}
	badTarget    = &Refusal{http.StatusBadRequest, "the request line names no path or http URL"}
	noTunnel     = &Refusal{http.StatusMethodNotAllowed, "this is not a forward proxy, CONNECT is not served"}
	uriTooLong   = &Refusal{http.StatusRequestURITooLong, "the address is too long"}

	headTooLarge = &Refusal{http.StatusRequestHeaderFieldsTooLarge, "the request's head is too large"}
	tooManyLines = &Refusal{http.StatusRequestHeaderFieldsTooLarge, "the request has too many header lines"}
	tooSlow      = &Refusal{http.StatusRequestTimeout, "the request's head took too long to arrive"}
	cutShort     = &Refusal{http.StatusBadRequest, "the request ends in the middle of its head"}

	bareLF           = &Refusal{http.StatusBadRequest, "a line does not end in CR and LF"}
	bareCR           = &Refusal{http.StatusBadRequest, "CR without LF in front of a request"}
	folded           = &Refusal{http.StatusBadRequest, "a header line begins with white space"}
	spaceBeforeColon = &Refusal{http.StatusBadRequest, "white space in front of a header's colon"}
	noField          = &Refusal{http.StatusBadRequest, "a header line has no name that is one"}
	badValue         = &Refusal{http.StatusBadRequest, "a header has a control character in it"}

	noHost    = &Refusal{http.StatusBadRequest, "a request of HTTP/1.1 needs a Host header"}
	emptyHost = &Refusal{http.StatusBadRequest, "the Host header is empty"}
	manyHosts = &Refusal{http.StatusBadRequest, "more than one Host header"}
	badHost   = &Refusal{http.StatusBadRequest, "the host is no valid name or address"}
	otherHost = &Refusal{http.StatusBadRequest, "the Host header and the URL name different hosts"}

	manyLengths    = &Refusal{http.StatusBadRequest, "more than one Content-Length"}
	badLength      = &Refusal{http.StatusBadRequest, "the Content-Length is no number of bytes"}
	bothLengths    = &Refusal{http.StatusBadRequest, "both Content-Length and Transfer-Encoding"}
	codingInHTTP10 = &Refusal{http.StatusBadRequest, "Transfer-Encoding in HTTP/1.0"}
	manyCodings    = &Refusal{http.StatusBadRequest, "more than one Transfer-Encoding"}
	otherCoding    = &Refusal{http.StatusNotImplemented, "no Transfer-Encoding but chunked is known"}
)

// answer is r as it goes over the wire.
func (r *Refusal) answer() []byte {
	status := strconv.Itoa(r.Status) + " " + http.StatusText(r.Status)
	text := status + ": " + r.Reason + "\n"
	return []byte("HTTP/1.1 " + status + "\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: " + strconv.Itoa(len(text)) + "\r\n" +
		"Connection: close\r\n\r\n" + text)
}

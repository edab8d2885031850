package proxy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errFolder says that a name is that of a folder.
var errFolder = errors.New("is a folder")

// asset is one open regular file below a Static's folder.
type asset struct {
	*os.File
	name string // relative to the root
	info fs.FileInfo
}

// openAsset opens the regular file called name. Anything else, such as a named
// pipe, counts as not there; a folder gives errFolder.
func openAsset(root *os.Root, name string) (*asset, error) {
	// Without O_NONBLOCK a named pipe would block until somebody writes to it.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errFolder
	case !info.Mode().IsRegular():
		err = fs.ErrNotExist
	default:
		return &asset{File: f, name: name, info: info}, nil
	}
	f.Close()
	return nil, err
}

// send answers with the file, or with its .gz sibling where the client takes
// that. Ranges and conditions (RFC 9110, 13 and 14) are about what is sent: the
// sibling has its own ETag and its own bytes. The error is not nil only as long
// as nothing is written.
func (a *asset) send(w http.ResponseWriter, r *http.Request, root *os.Root) error {
	ctype, err := a.contentType()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", ctype)
	sent := a
	if packed := a.sibling(root); packed != nil {
		defer packed.Close()
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header) {
			h.Set("Content-Encoding", "gzip")
			sent = packed
			// ServeContent leaves the length out for what has an encoding,
			// as it may be made on the way. This is not, and a length must
			// not stand with the 412 that these two may lead to.
			if r.Header.Get("If-Match") == "" && r.Header.Get("If-Unmodified-Since") == "" {
				h.Set("Content-Length", strconv.FormatInt(packed.info.Size(), 10))
			}
		}
	}
	modified := sent.modified()
	if tag := sent.etag(modified); tag != "" {
		h.Set("ETag", tag)
	}
	http.ServeContent(w, r, "", modified, sent)
	return nil
}

// sendAsNotFound answers 404 with the file as the page.
func (a *asset) sendAsNotFound(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.FormatInt(a.info.Size(), 10))
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		io.CopyN(w, a, a.info.Size())
	}
}

// staleness is how much older than its file a .gz may be. Copying a folder
// writes the two in any order; who edits a file and forgets its .gz takes
// longer than this.
const staleness = 2 * time.Second

// sibling opens the precompressed form of the file, "name.gz". It is nil when
// there is none, and when it is older than the file, as it then holds what the
// file was before. The caller closes it.
func (a *asset) sibling(root *os.Root) *asset {
	packed, err := openAsset(root, a.name+".gz")
	if err != nil {
		return nil
	}
	if a.info.ModTime().Sub(packed.info.ModTime()) > staleness {
		packed.Close()
		return nil
	}
	return packed
}

// contentType goes by the file's extension, and by its first bytes where that
// says nothing.
func (a *asset) contentType() (string, error) {
	if ctype := mime.TypeByExtension(path.Ext(a.name)); ctype != "" {
		return ctype, nil
	}
	var head [512]byte // as much as DetectContentType looks at
	n, err := a.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	return http.DetectContentType(head[:n]), nil
}

// modified is the zero time where the file's own is no help: build tools that
// want the same bytes each time set it to the epoch or a second later.
func (a *asset) modified() time.Time {
	if t := a.info.ModTime(); t.Unix() > 1 {
		return t
	}
	return time.Time{}
}

// etag is made of time and size. It is weak while the file is so new that it
// may change again without either of them changing (RFC 9110, 8.8.1), and empty
// without a time.
func (a *asset) etag(modified time.Time) string {
	if modified.IsZero() {
		return ""
	}
	tag := fmt.Sprintf(`"%x-%x"`, modified.UnixNano(), a.info.Size())
	if time.Since(modified) < time.Second {
		return "W/" + tag
	}
	return tag
}

// acceptsGzip says whether the client takes gzip (RFC 9110, 12.5.3): it must
// have asked for it, by name or by "*", with a weight above 0.
func acceptsGzip(h http.Header) bool {
	any := false
	for _, field := range h["Accept-Encoding"] {
		for item := range strings.SplitSeq(field, ",") {
			name, params, _ := strings.Cut(item, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				return weight(params) > 0
			case "*":
				any = weight(params) > 0
			}
		}
	}
	return any
}

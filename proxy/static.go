package proxy

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"syscall"

	"httpmaster/router"
)

// Static serves the files below one folder and nothing outside it, whatever
// its symbolic links or the encoding of a request say.
//
// The folder is opened anew for each request, so one that is replaced as a
// whole, by a rename or by a link that is pointed elsewhere, is served from
// the next request on. A request sees one state of it from begin to end.
//
// A name that begins with a dot is not served, nor anything below it: .git,
// .env and .htpasswd lie in folders without being meant for visitors. The one
// exception is .well-known (RFC 8615). There are no listings of folders.
type Static struct {
	Errors *ErrorPage   // how errors are answered; nil for the built-in page
	Log    *slog.Logger // files that cannot be read; never nil

	root string           // the literal part of the argument
	rest *router.Template // picks the file below root; nil: the request's own path does
}

// NewStatic makes the handler for the argument of "static -> dir". Without a
// macro in it the request's whole path names the file below dir. With one, the
// literal text up to the last "/" before the first macro is the folder that is
// never left, and what the rest expands to names the file below it.
//
// The error is a *router.SyntaxError, its offset counted in dir, or says what
// is wrong with the folder.
func NewStatic(dir string, scope router.Scope) (*Static, error) {
	s := &Static{root: literalText(dir)}
	if macro := firstMacro(dir); macro >= 0 {
		split := strings.LastIndexByte(dir[:macro], '/') + 1
		if split == 0 {
			return nil, errors.New("the folder must begin with a fixed part that ends in \"/\", such as /var/www/[1]")
		}
		if _, err := router.ParseTemplate(dir, scope); err != nil {
			return nil, err
		}
		// Expanded as a URL's path and decoded again: what is not from the
		// request must come out as it went in.
		rest, err := router.ParseTemplate(strings.ReplaceAll(dir[split:], "%", "%25"), scope)
		if err != nil {
			return nil, err
		}
		s.root, s.rest = literalText(dir[:split]), rest
	}
	if err := checkFolder(s.root); err != nil {
		return nil, err
	}
	return s, nil
}

// firstMacro is where the first macro of a template begins, -1 without one.
func firstMacro(text string) int {
	for i := 0; i < len(text); i++ {
		if text[i] != '[' {
			continue
		}
		if !strings.HasPrefix(text[i:], "[[") {
			return i
		}
		i++
	}
	return -1
}

// literalText is what a template without macros stands for.
func literalText(text string) string { return strings.ReplaceAll(text, "[[", "[") }

// checkFolder finds at load what would make every request fail.
func checkFolder(name string) error {
	if name == "" {
		return errors.New("static needs a folder")
	}
	root, err := os.OpenRoot(name)
	if err == nil {
		return root.Close()
	}
	reason := err
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		reason = pathErr.Err
	}
	return errors.New("cannot open the folder " + name + ": " + reason.Error())
}

// Serve answers with the file that the request names.
func (s *Static) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.Errors.Write(w, r, http.StatusMethodNotAllowed, "only GET and HEAD are possible here")
		return
	}
	root, err := os.OpenRoot(s.root)
	if err != nil {
		s.Log.Error("the folder of static files cannot be opened", "folder", s.root, "error", err)
		s.Errors.Write(w, r, http.StatusServiceUnavailable, "the files are not available at the moment")
		return
	}
	defer root.Close()

	name, err := s.fileName(m)
	if err != nil {
		s.refuse(w, r, root, err)
		return
	}
	file, index, err := findAsset(root, name)
	if err != nil {
		s.refuse(w, r, root, err)
		return
	}
	defer file.Close()
	if index && !strings.HasSuffix(m.Path, "/") {
		redirectToFolder(w, r, m)
		return
	}
	if err := file.send(w, r, root); err != nil {
		s.refuse(w, r, root, err)
	}
}

// fileName gives the file that is asked for, relative to the root, slashes
// between its parts and perhaps one at its end. The error is fs.ErrNotExist for
// a name that is not served, router.ErrCapture for one that cannot be made.
func (s *Static) fileName(m *router.Match) (string, error) {
	escaped := m.Path
	if s.rest != nil {
		text, err := s.rest.Append(nil, m, router.PathText)
		if err != nil {
			return "", err
		}
		escaped = string(text)
	}
	var parts []string
	for part := range strings.SplitSeq(escaped, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return "", router.ErrCapture
		}
		if plain == "" {
			continue
		}
		// An encoded slash was no separator when the rule was matched and
		// when auth was asked, so it is none here.
		if strings.ContainsAny(plain, "/\x00") || plain[0] == '.' && plain != ".well-known" {
			return "", fs.ErrNotExist
		}
		parts = append(parts, plain)
	}
	name := strings.Join(parts, "/")
	if strings.HasSuffix(escaped, "/") {
		name += "/"
	}
	return name, nil
}

// findAsset opens the file called name, or the index.html of the folder called so,
// which index then says.
func findAsset(root *os.Root, name string) (file *asset, index bool, err error) {
	bare := strings.Trim(name, "/")
	if bare != "" {
		file, err = openAsset(root, bare)
		if err == nil && strings.HasSuffix(name, "/") {
			file.Close()
			return nil, false, fs.ErrNotExist
		}
		if !errors.Is(err, errFolder) {
			return file, false, err
		}
	}
	file, err = openAsset(root, path.Join(bare, "index.html"))
	if errors.Is(err, errFolder) {
		err = fs.ErrNotExist
	}
	return file, true, err
}

// redirectToFolder sends the client to the same path with a final slash, so
// that the relative links of the page work. The Location has no host and
// cannot be taken for one that has: it begins with exactly one slash.
func redirectToFolder(w http.ResponseWriter, r *http.Request, m *router.Match) {
	location := "/" + strings.TrimLeft(m.Forward, "/\\") + "/"
	if m.Query != "" {
		location += "?" + m.Query
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusMovedPermanently)
}

// refuse answers for a file that is not served: 404 with the folder's own
// 404.html where there is one.
func (s *Static) refuse(w http.ResponseWriter, r *http.Request, root *os.Root, err error) {
	var errno syscall.Errno
	switch {
	case errors.Is(err, router.ErrCapture):
		s.Errors.Write(w, r, http.StatusBadRequest, "the address does not name a file")
		return
	case errors.Is(err, fs.ErrPermission):
		s.Log.Warn("a static file may not be read", "folder", s.root, "error", err)
		s.Errors.Write(w, r, http.StatusForbidden, "this file may not be read")
		return
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errFolder):
	case !errors.As(err, &errno):
		// os.Root refuses a link that leads out of it with an error of its
		// own that is not the system's.
		s.Log.Warn("a static file is not served: a link leads outside the folder", "folder", s.root, "error", err)
	case isNameError(errno):
	default:
		s.Log.Error("a static file cannot be read", "folder", s.root, "error", err)
		s.Errors.Write(w, r, http.StatusInternalServerError, "this file cannot be read")
		return
	}
	page, err := openAsset(root, "404.html")
	if err != nil {
		s.Errors.Write(w, r, http.StatusNotFound, "there is no such file")
		return
	}
	defer page.Close()
	page.sendAsNotFound(w, r)
}

// isNameError says that the system refused the name, not the reading: part of
// it is no folder, it is too long, or its links run in circles.
func isNameError(errno syscall.Errno) bool {
	return errno == syscall.ENOTDIR || errno == syscall.ENAMETOOLONG || errno == syscall.ELOOP || errno == syscall.EINVAL
}

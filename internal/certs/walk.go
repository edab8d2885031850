package certs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	maxFileSize = 1 << 20 // no certificate file is larger; bytes
	maxEntries  = 20_000  // files and folders looked at in one certificate folder
)

// listing is the files below a folder. Two listings that are same were made
// of the same files with the same content, as far as their metadata tells.
type listing struct {
	dir       string
	entries   []entry
	truncated bool  // there are more than maxEntries
	err       error // the folder itself cannot be read; entries is empty then
}

// entry is one regular file, or something that could not be looked at.
type entry struct {
	path string      // with links as they are written
	real string      // absolute or below the working directory, links resolved
	info fs.FileInfo // nil when err is set
	err  error
}

// list walks through dir and its subfolders in alphabetical order. Symbolic
// links are followed, but no folder is entered twice.
func list(dir string) *listing {
	dir = filepath.Clean(dir)
	w := &walker{listing: &listing{dir: dir}, visited: make(map[string]bool)}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		err = w.folder(dir, real)
	}
	w.listing.err = err
	return w.listing
}

type walker struct {
	listing *listing
	visited map[string]bool // folders, by real path
	looked  int
}

// folder walks through one folder. What goes wrong below it becomes entries.
func (w *walker) folder(path, real string) error {
	if w.visited[real] {
		return nil
	}
	w.visited[real] = true
	children, err := os.ReadDir(real) // those read before an error are given as well
	for _, child := range children {
		if w.looked++; w.looked > maxEntries {
			w.listing.truncated = true
			return nil
		}
		w.child(filepath.Join(path, child.Name()), filepath.Join(real, child.Name()), child)
	}
	if err != nil && path != w.listing.dir {
		w.add(entry{path: path, real: real, err: err})
		return nil
	}
	return err
}

func (w *walker) child(path, real string, child fs.DirEntry) {
	var info fs.FileInfo
	var err error
	if child.Type()&fs.ModeSymlink != 0 {
		if resolved, failed := filepath.EvalSymlinks(real); failed == nil {
			real = resolved
		}
		info, err = os.Stat(real)
	} else {
		info, err = child.Info()
	}
	switch {
	case err != nil:
		w.add(entry{path: path, real: real, err: err})
	case info.IsDir():
		_ = w.folder(path, real) // only the top's error is not an entry
	case info.Mode().IsRegular(): // opening a FIFO would wait for its writer
		w.add(entry{path: path, real: real, info: info})
	}
}

func (w *walker) add(e entry) { w.listing.entries = append(w.listing.entries, e) }

// same tells whether nothing has changed between two listings.
func (l *listing) same(m *listing) bool {
	return m != nil && (l.err == nil) == (m.err == nil) && l.truncated == m.truncated &&
		slices.EqualFunc(l.entries, m.entries, sameEntry)
}

func sameEntry(a, b entry) bool {
	if a.path != b.path || a.real != b.real || (a.err == nil) != (b.err == nil) {
		return false
	}
	return a.err != nil || a.info.Size() == b.info.Size() && a.info.ModTime().Equal(b.info.ModTime()) &&
		a.info.Mode() == b.info.Mode() && os.SameFile(a.info, b.info)
}

// errTooLarge is for files that are not read to the end.
var errTooLarge = errors.New("larger than 1 MiB")

// readBounded reads a file of at most maxFileSize bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileSize {
		return nil, errTooLarge
	}
	return data, nil
}

// reason is an error of the file system without the path, which is named
// beside it.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

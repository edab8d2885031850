package certs

import (
	"path/filepath"
	"slices"
	"time"
)

// merge decides what is served: what the folder holds, and of what it held
// before the certificates that it may not take away. Those are all of them
// while the folder is being written to (final is false) or is gone as a whole,
// and otherwise those whose files are still there, but broken.
func (f *Folder) merge(before []*Certificate, now time.Time, final bool) (fresh, kept []*Certificate) {
	fresh = f.Usable()
	at := make(map[string]int)
	for i, c := range fresh {
		at[string(c.Leaf.Raw)] = i
	}
	for _, old := range before {
		if i, ok := at[string(old.Leaf.Raw)]; ok {
			if !fresh[i].whole && len(fresh[i].Issuers) < len(old.Issuers) {
				fresh[i] = old // a file of its chain is broken or gone
			}
			continue
		}
		if !old.expired(now) && (!final || f.gone || f.broke(old)) {
			kept = append(kept, old)
		}
	}
	return fresh, kept
}

// broke tells whether the files that c came from are still there and do not
// hold what they should.
func (f *Folder) broke(c *Certificate) bool {
	return slices.ContainsFunc(c.Files, f.broken) && slices.ContainsFunc(c.KeyFiles, f.exists)
}

// broken tells whether a file that held a certificate now holds none that can
// be used, or something damaged beside it.
func (f *Folder) broken(path string) bool {
	file := f.byPath[path]
	if file == nil {
		return f.hidden(path)
	}
	return len(file.Problems) > 0 || len(file.Certificates) == 0 ||
		slices.ContainsFunc(file.Certificates, func(c *Certificate) bool { return !c.Usable() && !c.Replaced })
}

func (f *Folder) exists(path string) bool { return f.byPath[path] != nil || f.hidden(path) }

// hidden tells whether path lies in a subfolder that cannot be read now, which
// is listed as if it were a file.
func (f *Folder) hidden(path string) bool {
	for dir := filepath.Dir(path); dir != f.Dir && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if f.byPath[dir] != nil {
			return true
		}
	}
	return false
}

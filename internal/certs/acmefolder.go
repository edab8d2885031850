package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// acmeFolder keeps account, certificates and challenges in files that only
// their owner can read, each written in one step.
type acmeFolder struct {
	dir  string
	made []string // dir and folders above it that were not there

	mu      sync.Mutex
	unsaved map[string][]byte // what could not be written
}

// openFolder makes dir if it is missing, tries to write to it, and removes
// what a crash has left behind.
func openFolder(dir string) (*acmeFolder, error) {
	f := &acmeFolder{dir: dir, unsaved: make(map[string][]byte)}
	for up := dir; !exists(up) && up != filepath.Dir(up); up = filepath.Dir(up) {
		f.made = append(f.made, up)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, folderError(dir, err)
	}
	temp, err := writeTemp(dir, nil)
	if err != nil {
		return nil, folderError(dir, err)
	}
	if err := os.Remove(temp); err != nil {
		return nil, folderError(dir, err)
	}
	return f, f.tidy()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// checkFolder tells whether openFolder would succeed, as far as can be told
// without writing.
func checkFolder(dir string) error {
	for {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
			dir = filepath.Dir(dir)
			continue
		case err != nil:
			return folderError(dir, err)
		case !info.IsDir():
			return folderError(dir, errors.New("not a folder"))
		}
		if err := checkWritable(dir); err != nil {
			return folderError(dir, err)
		}
		return nil
	}
}

func folderError(dir string, err error) error {
	return &SettingError{"configDir", fmt.Sprintf("%s: cannot be written: %s; the account and the certificates are kept there: "+
		"make it a folder that belongs to the server's user, or name another one", dir, reason(err))}
}

// tidy removes challenges of orders that nobody finishes any more, and files
// that were not written to their end. Another process may be using the folder.
func (f *acmeFolder) tidy() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return folderError(f.dir, err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, ".new-") && !strings.HasSuffix(name, "+http-01") && !strings.HasSuffix(name, "+token") {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(filepath.Join(f.dir, name)) // it does no harm
		}
	}
	return nil
}

// paths gives what the server's user must own: the folder, its files, and the
// folders that were made for it.
func (f *acmeFolder) paths() []string {
	paths := append([]string{f.dir}, f.made...)
	entries, _ := os.ReadDir(f.dir) // it was read a moment ago
	for _, e := range entries {
		paths = append(paths, filepath.Join(f.dir, e.Name()))
	}
	return paths
}

// get gives a file's content; the error is fs.ErrNotExist when there is none.
func (f *acmeFolder) get(name string) ([]byte, error) {
	f.mu.Lock()
	data, ok := f.unsaved[name]
	f.mu.Unlock()
	if ok {
		return data, nil
	}
	return readBounded(filepath.Join(f.dir, name))
}

// put writes a file. One that cannot be written is at least remembered.
func (f *acmeFolder) put(name string, data []byte) error {
	temp, err := writeTemp(f.dir, data)
	if err == nil {
		if err = os.Rename(temp, filepath.Join(f.dir, name)); err != nil {
			err = errors.Join(err, os.Remove(temp))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.unsaved[name] = data
		return folderError(f.dir, err)
	}
	delete(f.unsaved, name)
	return nil
}

// remove removes a file, which need not be there.
func (f *acmeFolder) remove(name string) error {
	f.mu.Lock()
	delete(f.unsaved, name)
	f.mu.Unlock()
	if err := os.Remove(filepath.Join(f.dir, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// has tells whether there is a certificate for name that is valid now.
func (f *acmeFolder) has(name string) bool {
	data, err := f.get(name)
	if err != nil {
		return false
	}
	pair, err := tls.X509KeyPair(data, data)
	return err == nil && time.Now().Before(pair.Leaf.NotAfter)
}

// validToken tells whether token can be an authority's (RFC 8555, section
// 8.3): base64url, with nothing in it that a file name may not have.
func validToken(token string) bool {
	if len(token) < 16 || len(token) > 200 {
		return false
	}
	for _, c := range []byte(token) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

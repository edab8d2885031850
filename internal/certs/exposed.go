package certs

import (
	"os"
	"path/filepath"
	"runtime"
)

const textExposed = "every user of this machine can read the private key in it: take that away with chmod o-rwx"

// exposed tells whether users who are neither a file's owner nor in its group
// can read it: its mode lets them, and so do the folders on the way to it. On
// Windows modes say nothing about others.
func exposed(path string) bool {
	const read, enter = 0o4, 0o1
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil || runtime.GOOS == "windows" || !hasMode(real, read) {
		return false
	}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		if !hasMode(dir, enter) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

func hasMode(path string, bit os.FileMode) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&bit != 0
}

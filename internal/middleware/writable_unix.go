//go:build unix

package middleware

import "syscall"

// checkWritable asks the system whether this process may write to a file, or
// make files in a folder.
func checkWritable(name string, folder bool) error {
	mode := uint32(2) // W_OK of access(2)
	if folder {
		mode |= 1 // X_OK
	}
	return syscall.Access(name, mode)
}

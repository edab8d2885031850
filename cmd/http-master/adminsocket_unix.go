//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// checkOwn tells what keeps a folder from being one in which nobody but this
// process' user, and root, can put an admin socket.
func checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case owner != os.Getuid() && os.Getuid() != 0:
		return fmt.Errorf("%s belongs to another user", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write to %s", dir)
	}
	return nil
}

// ownerOf names who owns a file, for people; "" when that is not known.
func ownerOf(file string) string {
	info, err := os.Lstat(file)
	if err != nil {
		return ""
	}
	return userName(int(info.Sys().(*syscall.Stat_t).Uid))
}

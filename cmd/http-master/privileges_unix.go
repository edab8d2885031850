//go:build unix

package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// dropPrivileges makes the process, all its threads, run as userName and
// groupName; an empty group means the user's own. Supplementary groups are
// given up first, and paths become that user's. Empty names change nothing.
func dropPrivileges(userName, groupName string, paths []string) error {
	if userName == "" && groupName == "" {
		return nil
	}
	uid, gid := -1, -1
	if userName != "" {
		u, err := lookupUser(userName)
		if err != nil {
			return fmt.Errorf("user %q: %w", userName, err)
		}
		uid, gid = u.uid, u.gid
	}
	if groupName != "" {
		var err error
		if gid, err = lookupGroup(groupName); err != nil {
			return fmt.Errorf("group %q: %w", groupName, err)
		}
	}
	if syscall.Getuid() == uid && (gid < 0 || syscall.Getgid() == gid) {
		return nil
	}
	for _, path := range paths {
		if err := os.Lchown(path, uid, gid); err != nil {
			return fmt.Errorf("cannot give what the server keeps to user %q: %w", userName, err)
		}
	}
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("cannot give up supplementary groups: %w: only root can change user or group", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("cannot become group %d: %w", gid, err)
	}
	if uid >= 0 {
		if err := syscall.Setuid(uid); err != nil {
			return fmt.Errorf("cannot become user %q: %w", userName, err)
		}
	}
	return nil
}

type ids struct{ uid, gid int }

func lookupUser(name string) (ids, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return ids{}, fmt.Errorf("there is no such user on this machine")
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return ids{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return ids{uid, gid}, err
}

func lookupGroup(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		if g, err = user.LookupGroupId(name); err != nil {
			return 0, fmt.Errorf("there is no such group on this machine")
		}
	}
	return strconv.Atoi(g.Gid)
}

// keepOwner gives f the owner and group of an earlier file, nil for none. Only
// root can; for others a file that stays theirs is all that is asked for.
func keepOwner(f *os.File, earlier os.FileInfo) error {
	if earlier == nil || os.Getuid() != 0 {
		return nil
	}
	stat := earlier.Sys().(*syscall.Stat_t)
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

// userName gives the name of a user, or the number where it has none.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

//go:build unix

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// identity is who the server becomes: a user, and one group, for the others are
// given up.
type identity struct {
	uid, gid     uint32
	title, group string // to name in advice
}

func lookupIdentity(userName, groupName string) (identity, error) {
	u, err := user.Lookup(userName)
	if err != nil {
		if u, err = user.LookupId(userName); err != nil {
			return identity{}, fmt.Errorf("there is no user %q on this machine", userName)
		}
	}
	gid := u.Gid
	if groupName != "" {
		g, err := user.LookupGroup(groupName)
		if err != nil {
			if g, err = user.LookupGroupId(groupName); err != nil {
				return identity{}, fmt.Errorf("there is no group %q on this machine", groupName)
			}
		}
		gid = g.Gid
	}
	uidNumber, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gidNumber, gidErr := strconv.ParseUint(gid, 10, 32)
	return identity{uint32(uidNumber), uint32(gidNumber), u.Username, groupTitle(gid)}, errors.Join(uidErr, gidErr)
}

// The bits of a mode, as they stand for others.
const (
	mayRead  fs.FileMode = 4
	mayWrite fs.FileMode = 2
	mayEnter fs.FileMode = 1
)

// may tells what mode, owner and group let id do. Access lists are not looked
// at.
func (id identity) may(info fs.FileInfo, want fs.FileMode) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok || id.uid == 0:
		return true
	case stat.Uid == id.uid:
		mode >>= 6
	case stat.Gid == id.gid:
		mode >>= 3
	}
	return mode&want == want
}

// problem says why id cannot use f, and what to do about it; "" if it can, or
// if that cannot be told from here.
func (id identity) problem(f namedFile) string {
	path, err := filepath.Abs(f.path)
	if err != nil {
		return ""
	}
	if problem := id.barred(path); problem != "" {
		return problem
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		if problem := id.barred(real); problem != "" {
			return problem
		}
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && f.use == appendFile {
		return id.cannotMake(path)
	}
	if err != nil {
		return "" // whoever needs it has said so
	}
	switch {
	case f.use == appendFile:
		return id.lacks(path, mayWrite)
	case f.use == readTree && info.IsDir():
		return id.tree(path)
	case info.IsDir():
		return id.lacks(path, mayRead|mayEnter)
	}
	return id.lacks(path, mayRead)
}

// cannotMake says why id cannot make a file called path.
func (id identity) cannotMake(path string) string {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil || id.may(info, mayWrite|mayEnter) {
		return ""
	}
	return fmt.Sprintf("%s is %s, so it cannot make the file there; name one in a folder of its own, as `install -d -o %s FOLDER` makes it", dir, ownership(info), id.title)
}

// barred names the first folder on the way to path that id may not enter.
func (id identity) barred(path string) string {
	for i := 1; i < len(path); i++ {
		if path[i] != filepath.Separator {
			continue
		}
		if problem := id.lacks(path[:i], mayEnter); problem != "" {
			return problem + " pass, or move what it needs elsewhere"
		}
	}
	return ""
}

// lacks says what id needs on path and has not.
func (id identity) lacks(path string, want fs.FileMode) string {
	info, err := os.Stat(path)
	if err != nil || id.may(info, want) {
		return ""
	}
	bits := ""
	for i, bit := range []fs.FileMode{mayRead, mayWrite, mayEnter} {
		if want&bit != 0 {
			bits += "rwx"[i : i+1]
		}
	}
	return fmt.Sprintf("%s is %s; `chgrp %s %[1]s && chmod g+%[4]s %[1]s` lets it", path, ownership(info), id.group, bits)
}

// maxTree bounds how many files of a certificate folder are looked at.
const maxTree = 10_000

// tree finds the first file or folder below dir that id cannot read.
func (id identity) tree(dir string) string {
	looked := 0
	var problem string
	seen := make(map[string]bool)
	var walk func(path string)
	walk = func(path string) {
		real, err := filepath.EvalSymlinks(path)
		if looked++; err != nil || seen[real] || looked > maxTree || problem != "" {
			return
		}
		seen[real] = true
		info, err := os.Stat(real)
		want := mayRead
		if err == nil && info.IsDir() {
			want |= mayEnter
		}
		switch {
		case err != nil || !info.IsDir() && !info.Mode().IsRegular():
		case id.barred(real) != "" || !id.may(info, want):
			problem = fmt.Sprintf("%s is %s; `chgrp -R %s %s && chmod -R g+rX %[4]s` lets it read all of them, certificates that are renewed included", path, ownership(info), id.group, dir)
		case info.IsDir():
			entries, _ := os.ReadDir(real) // what cannot be listed here has been said
			for _, e := range entries {
				walk(filepath.Join(path, e.Name()))
			}
		}
	}
	walk(dir)
	return problem
}

// ownership is mode, owner and group the way ls writes them.
func ownership(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Mode().String()
	}
	owner := strconv.Itoa(int(stat.Uid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	return strings.Join([]string{info.Mode().String(), owner, groupTitle(strconv.Itoa(int(stat.Gid)))}, " ")
}

func groupTitle(gid string) string {
	if g, err := user.LookupGroupId(gid); err == nil {
		return g.Name
	}
	return gid
}

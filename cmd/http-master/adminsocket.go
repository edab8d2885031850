package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// socketFile is what admin sockets are called, each in a folder of its own.
const socketFile = "admin.sock"

// rootFolder is where admin sockets of root's servers are.
const rootFolder = "/run/http-master"

// socketFolders gives the folders in which admin sockets may be, the one in which
// this process would put its own first: systemd's, the session's, root's, or one
// in the folder for temporary files.
func socketFolders() []string {
	var list []string
	if dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); dir != "" {
		list = append(list, dir)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		list = append(list, filepath.Join(dir, "http-master"))
	}
	temporary := filepath.Join(os.TempDir(), "http-master-"+strconv.Itoa(os.Getuid()))
	if os.Getuid() == 0 {
		return append(list, rootFolder, temporary)
	}
	return append(list, temporary, rootFolder)
}

// socketFolder is the name of the folder for the server of a config: there may be
// many on a machine.
func socketFolder(config string) (string, error) {
	path, err := filepath.Abs(config)
	if err != nil {
		return "", err
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	return fmt.Sprintf("%.20s-%.4x", name, sha256.Sum256([]byte(path))), nil
}

// prepareSocket gives the place of the admin socket for a server of config that
// does not name one, and makes the folder for it. Windows has none.
func prepareSocket(config string) (string, error) {
	if runtime.GOOS == "windows" {
		return "", nil
	}
	name, err := socketFolder(config)
	if err != nil {
		return "", err
	}
	outer := socketFolders()[0]
	mode := os.FileMode(0o700)
	if outer == rootFolder {
		mode = 0o755 // the servers below may become different users
	}
	for _, make := range []struct {
		dir  string
		mode os.FileMode
	}{{outer, mode}, {filepath.Join(outer, name), 0o700}} {
		if err := os.Mkdir(make.dir, make.mode); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
		if err := checkOwn(make.dir); err != nil {
			return "", err
		}
	}
	return filepath.Join(outer, name, socketFile), nil
}

// findSocket gives the admin socket of the server of config that does not name
// one. It need not be there.
func findSocket(config string) (string, error) {
	name, err := socketFolder(config)
	if err != nil {
		return "", err
	}
	folders := socketFolders()
	for _, dir := range append(folders, foreignFolders()...) {
		path := filepath.Join(dir, name, socketFile)
		if _, err := os.Lstat(path); err == nil || errors.Is(err, os.ErrPermission) {
			return path, nil
		}
	}
	return filepath.Join(folders[0], name, socketFile), nil
}

// allSockets gives the admin sockets that can be seen.
func allSockets() []string {
	var list []string
	seen := make(map[string]bool)
	for _, dir := range append(socketFolders(), foreignFolders()...) {
		found, _ := filepath.Glob(filepath.Join(dir, "*", socketFile))
		for _, path := range found {
			if !seen[path] {
				seen[path] = true
				list = append(list, path)
			}
		}
	}
	return list
}

// foreignFolders are those of other users' servers, for root.
func foreignFolders() []string {
	if os.Getuid() != 0 {
		return nil
	}
	sessions, _ := filepath.Glob("/run/user/*/http-master")
	temporary, _ := filepath.Glob(filepath.Join(os.TempDir(), "http-master-[0-9]*"))
	return append(sessions, temporary...)
}

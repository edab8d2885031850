package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"
)

// maxPassword is where bcrypt stops looking; what is longer would be accepted
// with a wrong end.
const maxPassword = 72

// passwd adds a user to an htpasswd file or changes the user's password. It
// asks twice on a terminal, without echo; from a pipe it reads one line.
func passwd(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	words, code, done := parseArgs(commands.Flags("passwd", nil), args, stdout, stderr)
	switch {
	case done:
		return code
	case len(words) != 2:
		return usageError(stderr, "passwd: which file and which user? passwd FILE USER")
	}
	file, user := words[0], words[1]
	if err := checkUserName(user); err != nil {
		return usageError(stderr, "passwd: %v", err)
	}
	password, err := askPassword(user, stdin, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "http-master: passwd: %v\n", err)
		return exitFault
	}
	added, err := setPassword(file, user, password)
	if err != nil {
		fmt.Fprintf(stderr, "http-master: passwd: %v\n", err)
		return exitFault
	}
	if added {
		fmt.Fprintf(stdout, "added %s to %s\n", user, file)
	} else {
		fmt.Fprintf(stdout, "changed the password of %s in %s\n", user, file)
	}
	return exitOK
}

// checkUserName refuses what an htpasswd line or Basic credentials (RFC 7617,
// section 2) cannot hold.
func checkUserName(user string) error {
	if user == "" || strings.HasPrefix(user, "#") || strings.ContainsFunc(user, func(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }) {
		return errors.New("a user's name has no colon and no control character, and does not begin with #")
	}
	return nil
}

func askPassword(user string, stdin *os.File, stderr io.Writer) ([]byte, error) {
	fd := int(stdin.Fd())
	if !term.IsTerminal(fd) {
		line, err := bufio.NewReader(stdin).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return checkPassword(bytes.TrimRight(line, "\r\n"))
	}
	return hidden(fd, func() ([]byte, error) { return askTwice(user, fd, stderr) })
}

// askTwice asks on a terminal without echo.
func askTwice(user string, fd int, stderr io.Writer) ([]byte, error) {
	fmt.Fprintf(stderr, "New password for %s: ", user)
	first, err := term.ReadPassword(fd)
	fmt.Fprintln(stderr)
	if err != nil {
		return nil, err
	}
	if _, err := checkPassword(first); err != nil {
		return nil, err
	}
	fmt.Fprint(stderr, "The same once more: ")
	second, err := term.ReadPassword(fd)
	fmt.Fprintln(stderr)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, errors.New("these were two different passwords, nothing was changed")
	}
	return first, nil
}

// hidden calls ask while the terminal shows nothing of what is typed. The echo
// goes before ask prints anything, as [term.ReadPassword] alone would turn it
// off only when a fast typist has begun. A signal that ends the program
// meanwhile, such as that of Ctrl-C, gives the terminal its echo back first; the
// shell behind would else be left without.
func hidden(fd int, ask func() ([]byte, error)) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	asked := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-signals:
			term.Restore(fd, before)
			os.Exit(exitFault)
		case <-asked:
		}
	})
	var answer []byte
	if err = echoOff(fd); err == nil {
		answer, err = ask()
	}
	signal.Stop(signals)
	close(asked)
	watcher.Wait()
	return answer, errors.Join(err, term.Restore(fd, before))
}

func checkPassword(password []byte) ([]byte, error) {
	switch {
	case len(password) == 0:
		return nil, errors.New("the password is empty, nothing was changed")
	case len(password) > maxPassword:
		return nil, fmt.Errorf("the password has more than %d bytes, which is what bcrypt can tell apart; nothing was changed", maxPassword)
	}
	return password, nil
}

// setPassword writes the file anew with user's line replaced or added, and
// everything else as it was. A server that reads meanwhile sees the old file or
// the new one, never a part.
func setPassword(file, user string, password []byte) (added bool, err error) {
	hash, err := bcrypt.GenerateFromPassword(password, bcrypt.DefaultCost)
	if err != nil {
		return false, err
	}
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // the link stays
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	content, added := replaceLine(old, user, user+":"+string(hash))
	return added, replaceFile(file, content)
}

// replaceLine puts line in place of user's lines, or at the end.
func replaceLine(content []byte, user, line string) (result []byte, added bool) {
	added = true
	var out bytes.Buffer
	for old := range bytes.Lines(content) {
		if !bytes.HasPrefix(old, []byte(user+":")) {
			out.Write(bytes.TrimSuffix(old, []byte("\n")))
			out.WriteByte('\n')
		} else if added {
			out.WriteString(line + "\n")
			added = false
		}
	}
	if added {
		out.WriteString(line + "\n")
	}
	return out.Bytes(), added
}

// replaceFile gives file a new content in one step, with the mode and owner
// that it had. A new file is for its owner and group alone.
func replaceFile(file string, content []byte) error {
	mode := fs.FileMode(0o640)
	info, err := os.Stat(file)
	if err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".passwd-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already when all went well
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(mode), keepOwner(temp, info), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

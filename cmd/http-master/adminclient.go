package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"httpmaster/config"
	"httpmaster/internal/status"
)

// adminCommand is a command that talks to a running server.
type adminCommand struct {
	name           string
	socket, config string
	json           bool
	args           []string // those that are no flags
	stdout, stderr io.Writer

	client http.Client
}

// adminOptions reads the flags that all such commands have. done is true when the
// command ends here, with code.
func adminOptions(name string, args []string, stdout, stderr io.Writer) (c *adminCommand, code int, done bool) {
	c = &adminCommand{name: name, stdout: stdout, stderr: stderr}
	flags := commands.Flags(name, map[string]any{"config": &c.config, "socket": &c.socket, "json": &c.json})
	if c.args, code, done = parseArgs(flags, args, stdout, stderr); done {
		return nil, code, true
	}
	if err := c.connect(); err != nil {
		fmt.Fprintf(stderr, "http-master: %v\n", err)
		return nil, exitFault, true
	}
	return c, 0, false
}

// connect finds the server's socket.
func (c *adminCommand) connect() error {
	if c.socket == "" {
		var err error
		if c.socket, err = c.findServer(); err != nil {
			return err
		}
	}
	c.client.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.socket)
		},
	}
	return nil
}

// findServer gives the socket of the server of the config, or without one that
// of the only server there is.
func (c *adminCommand) findServer() (string, error) {
	if c.config != "" {
		cfg, faults := config.Load(c.config)
		if _, err := os.Stat(c.config); err != nil {
			return "", errors.New(faults.Errors()[0].String())
		}
		switch admin := cfg.Modules.Admin; {
		case admin.Off:
			return "", fmt.Errorf("%s:%d: the server has no admin socket, because modules.admin is false", c.config, admin.Pos.Line)
		case admin.Socket.Value != "":
			return cfg.Resolve(admin.Socket.Value), nil
		}
		return findSocket(c.config)
	}
	switch found := allSockets(); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", errors.New("no running server was found; --config FILE says which one is meant, --socket FILE where its admin socket is, and only its own user and root can see it")
	default:
		return "", fmt.Errorf("there are several servers, say which one with --config FILE or --socket FILE:\n  %s", strings.Join(found, "\n  "))
	}
}

// ask sends a request, and reads the answer into what into points at. When the
// server says that it could not do what was asked for, that is in answer.
func (c *adminCommand) ask(method, path string, into any) (answer status.Answer, err error) {
	request, err := http.NewRequest(method, "http://admin"+path, nil)
	if err != nil {
		return answer, err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return answer, c.explain(err)
	}
	defer response.Body.Close()
	if response.StatusCode < 300 && into != nil {
		return answer, json.NewDecoder(response.Body).Decode(into)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("the server at %s answered %s, which this version does not understand", c.socket, response.Status)
	}
	return answer, nil
}

// explain says what err, of a connection to the socket, means.
func (c *adminCommand) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.config != "":
		return fmt.Errorf("no server runs with %s: there is no %s", c.config, c.socket)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no server runs there: there is no %s", c.socket)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no server listens on %s any more", c.socket)
	case errors.Is(err, fs.ErrPermission):
		who := "its own user and root"
		switch owner := ownerOf(c.socket); owner {
		case "":
		case "root":
			who = owner
		default:
			who = owner + " and root"
		}
		return fmt.Errorf("%s can only be used by %s; try sudo", c.socket, who)
	}
	return fmt.Errorf("the server at %s: %w", c.socket, errors.Unwrap(err))
}

// do asks for something to be done, and says how it went.
func (c *adminCommand) do(method, path, done string) int {
	answer, err := c.ask(method, path, nil)
	switch {
	case err != nil:
		fmt.Fprintf(c.stderr, "http-master: %v\n", err)
		return exitFault
	case c.json:
		c.printJSON(answer)
	case answer.Error == "":
		fmt.Fprintln(c.stdout, done)
	default:
		for _, fault := range answer.Faults {
			fmt.Fprintln(c.stderr, fault)
		}
		fmt.Fprintf(c.stderr, "http-master: %s\n", answer.Error)
	}
	if answer.Error != "" {
		return exitFault
	}
	return exitOK
}

// show asks for something to look at.
func (c *adminCommand) show(path string, into any, table func()) int {
	answer, err := c.ask(http.MethodGet, path, into)
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	switch {
	case err != nil:
		fmt.Fprintf(c.stderr, "http-master: %v\n", err)
		return exitFault
	case c.json:
		c.printJSON(into)
	default:
		table()
	}
	return exitOK
}

func (c *adminCommand) printJSON(v any) {
	e := json.NewEncoder(c.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // nobody reads on
}

// reload has the server read its config again.
func reload(args []string, stdout, stderr io.Writer) int {
	c, code, done := adminOptions("reload", args, stdout, stderr)
	switch {
	case done:
		return code
	case len(c.args) > 0:
		return usageError(stderr, "reload: unexpected argument %q", c.args[0])
	}
	return c.do(http.MethodPost, "/reload", "config reloaded")
}

// upgradeServer has a new process, of the program that is installed now, take the
// server's place.
func upgradeServer(args []string, stdout, stderr io.Writer) int {
	c, code, done := adminOptions("upgrade", args, stdout, stderr)
	switch {
	case done:
		return code
	case len(c.args) > 0:
		return usageError(stderr, "upgrade: unexpected argument %q", c.args[0])
	}
	return c.do(http.MethodPost, "/upgrade", "upgraded: the new process serves, the old one ends with its last request and tunnel")
}

// stopServer has the server finish what is under way and end.
func stopServer(args []string, stdout, stderr io.Writer) int {
	c, code, done := adminOptions("stop", args, stdout, stderr)
	switch {
	case done:
		return code
	case len(c.args) > 0:
		return usageError(stderr, "stop: unexpected argument %q", c.args[0])
	}
	return c.do(http.MethodPost, "/stop", "stopping: requests are finished, tunnels closed")
}

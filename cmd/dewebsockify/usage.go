package main

import (
	"slices"

	"httpmaster/internal/command"
)

// Flags of a tunnel, which ssh-config has as well, and the one that both have.
var (
	tunnelFlags = []command.Flag{
		{Name: "password-file", Arg: "FILE", Text: "the password of the URL's user, the first line of FILE", Values: command.Files},
		{Name: "header", Arg: "'Name: value'", Text: "send this too; may be given several times"},
		{Name: "header-file", Arg: "FILE", Text: "send the headers in FILE too, one a line", Values: command.Files},
		{Name: "proxy", Arg: "URL", Text: "connect through this proxy: http://, https:// or socks5://, with user:password@ if it asks for them"},
		{Name: "host", Arg: "NAME", Text: "call the server NAME where the network can see it (TLS server name and Host header); the certificate must still be for the host in URL, or for NAME if that is an address"},
		{Name: "ca", Arg: "FILE", Text: "trust the authorities in FILE (PEM), and no others", Values: command.Files},
		{Name: "cert", Arg: "FILE", Text: "show the server this certificate (PEM)", Values: command.Files},
		{Name: "key", Arg: "FILE", Text: "the certificate's key; without it, the key is in the certificate's file", Values: command.Files},
		{Name: insecureSetting, Text: "do not verify the server's certificate"},
	}
	versionFlag = command.Flag{Name: "version", Short: "v", Text: "print the version"}
)

// commands is what --help, the manual page and the completions are made of;
// docs/dewebsockify.md says more.
var commands = command.Program{
	Name:  "dewebsockify",
	Short: "turns a WebSocket back into a local TCP port",
	Commands: []command.Command{
		{
			Forms: []command.Form{
				{Args: "[options] URL PORT", Text: "listen on 127.0.0.1:PORT"},
				{Args: "[options] URL HOST:PORT", Text: "listen there; others can reach 0.0.0.0:PORT"},
				{Args: "[options] URL unix:PATH", Text: "listen on a Unix socket, for this user only"},
				{Args: "[options] URL -", Text: "one tunnel, from stdin and to stdout"},
				{Args: "[options] -L PORT=URL ...", Text: "several forwards; -L takes HOST:PORT=URL and unix:PATH=URL as well"},
				{Args: "--config FILE", Text: "several forwards, from a YAML file"},
			},
			Text: urlText,
			Flags: slices.Concat(tunnelFlags, []command.Flag{
				{Name: "L", Arg: "LISTEN=URL", Text: "one of several forwards; may be given several times"},
				{Name: "config", Arg: "FILE", Text: "read the forwards from FILE", Values: command.Files},
				{Name: "verbose", Text: "say more: when tunnels begin and end, and failed attempts"},
				versionFlag,
			}),
		},
		{
			Name:  "ssh-config",
			Forms: []command.Form{{Args: "[options] NAME URL", Text: "print lines for ~/.ssh/config"}},
			Text:  "The options are for the dewebsockify that ssh will call.",
			Flags: slices.Concat(tunnelFlags, []command.Flag{
				{Name: "user", Arg: "USER", Text: "whom to log in as"},
				versionFlag,
			}),
		},
		{
			Name:   "completion",
			Forms:  []command.Form{{Args: "SHELL", Text: "print what completes these command lines in bash, zsh or fish"}},
			Values: command.Shells,
		},
	},
	Sections: []command.Section{
		{Title: "Examples", Text: exampleText},
		{Title: "Environment", Text: "HTTPS_PROXY (for wss), HTTP_PROXY (for ws), ALL_PROXY and NO_PROXY are honoured."},
		{Title: "Tunnels", Text: tunnelText},
		{Title: "Exit codes", Text: exitText},
	},
	SeeAlso: []string{"ssh_config(5)", "http-master(1)"},
}

// usage is what --help prints.
var usage = commands.Usage()

const urlText = `
URL is ws:// or wss:// (http:// and https:// mean the same), with user:password@
before the host where the server asks for them; characters such as @ : / # in
them are written %40 %3A %2F %23. Other users of this machine can see them in the
list of processes: use --password-file. PORT 0 takes a free port and prints it.`

const exampleText = `
  dewebsockify wss://myserver.com/services/ssh 2222
      then: ssh -p 2222 me@localhost
  dewebsockify -L 2222=wss://myserver.com/services/ssh -L 5900=wss://myserver.com/vnc
  dewebsockify ssh-config myserver wss://myserver.com/services/ssh >>~/.ssh/config
      then: ssh myserver
  ssh -o ProxyCommand='dewebsockify wss://myserver.com/ssh/%h/%p -' me@db1.lan
      (ssh itself puts host and port for %h and %p)`

const tunnelText = `
Every local connection gets a tunnel of its own. When http-master is at the other
end and the connection to it is lost, dewebsockify reconnects for as long as the
server waits (5 minutes, if it is not configured otherwise), and the tunnel goes on
with nothing lost. The end of stdin is passed on, and the tunnel ends when the
server has sent everything. Other servers can do neither: the tunnel ends with the
connection, or with stdin. SIGUSR1 prints what every tunnel does.`

const exitText = `
  0  stopped by a signal; with -, the tunnel ended normally
  1  with -, the tunnel broke, and could not be resumed
  2  the command line or the config file is wrong
  3  with -, the server or the proxy cannot be reached
  4  with -, the server or the proxy refused the tunnel
  5  with -, TLS with the server failed, for instance because of its certificate
  6  a local port or socket cannot be opened
When listening, what goes wrong with one connection is printed, and the connection
is closed.`

package main

import "httpmaster/internal/command"

// Flags that several commands have.
var (
	configFlag = command.Flag{Name: "config", Short: "c", Arg: "FILE", Text: "the config, YAML or JSON", Values: command.Files}
	userFlag   = command.Flag{Name: "user", Arg: "NAME", Text: "drop privileges to this user once the ports are open", Values: command.Users}
	groupFlag  = command.Flag{Name: "group", Arg: "NAME", Text: "and to this group", Values: command.Groups}
	jsonFlag   = command.Flag{Name: "json", Text: "as JSON, for programs"}
	adminFlags = []command.Flag{
		{Name: "config", Short: "c", Arg: "FILE", Text: "the config of the server that is meant, if there are several", Values: command.Files},
		{Name: "socket", Arg: "FILE", Text: "the server's admin socket, instead", Values: command.Files},
		jsonFlag,
	}
)

// commands is what --help, the manual page and the completions are made of.
var commands = command.Program{
	Name:  "http-master",
	Short: "a reverse proxy configured by one readable file",
	Commands: []command.Command{
		{
			Forms: []command.Form{{Args: "--config FILE", Text: "run it"}},
			Text: `
It serves web sites, is a proxy before applications, and carries SSH and other TCP
services in WebSockets on the same ports, as FILE says.`,
			Flags: []command.Flag{
				configFlag,
				{Name: "watch", Text: "reload when FILE changes (as watchConfig: true)"},
				{Name: "silent", Text: "only warnings and errors on the terminal"},
				userFlag,
				groupFlag,
				{Name: "show-rules", Text: "print every port's rules at start"},
				{Name: "version", Short: "v", Text: "print the version"},
			},
		},
		{
			Name:   "check",
			Forms:  []command.Form{{Args: "--config FILE", Text: "say what is wrong with FILE, open no port, make no file"}},
			Flags:  []command.Flag{configFlag, userFlag, groupFlag},
			Values: command.Files,
		},
		explainCommand,
		{
			Name:  "cert-scan",
			Forms: []command.Form{{Args: "DIR", Text: "say what certificates a folder holds"}},
			Text: `
It tells every file, the names, the issuer and the end of each certificate, its
key, its chain, for which of its names it is the one that clients get, and what
has to be mended. It looks at a folder as the server does. The exit code is 0 if
all is well, and 1 if something has to be mended.`,
			Flags:  []command.Flag{jsonFlag},
			Values: command.Folders,
		},
		{
			Name:   "passwd",
			Forms:  []command.Form{{Args: "FILE USER", Text: "set a password in a file for auth; asks for it, or reads it from standard input"}},
			Values: command.Files,
		},
		{Name: "status", Forms: []command.Form{{Text: "what a running server serves, and how it does"}}, Flags: adminFlags},
		{
			Name: "tunnels",
			Forms: []command.Form{
				{Text: "the open tunnels of a running server"},
				{Args: "close ID", Text: "end one of them"},
			},
			Flags:  adminFlags,
			Values: "close",
		},
		{
			Name:  "reload",
			Forms: []command.Form{{Text: "have a running server read its config again; says what is wrong with it if it is refused"}},
			Flags: adminFlags,
		},
		{
			Name:  "upgrade",
			Forms: []command.Form{{Text: "have the program that is installed now take a running server's place, with its ports"}},
			Text: `
The server starts the file that it was started from anew. When the new process
serves, the old one ends with its last request and tunnel. If the new one does
not come to that, nothing has changed and the text says why.`,
			Flags: adminFlags,
		},
		{Name: "stop", Forms: []command.Form{{Text: "have a running server finish what is under way and stop"}}, Flags: adminFlags},
		{
			Name:   "completion",
			Forms:  []command.Form{{Args: "SHELL", Text: "print what completes these command lines in bash, zsh or fish"}},
			Text:   completionText,
			Values: command.Shells,
		},
	},
	Sections: []command.Section{
		{Title: "Signals", Text: `
SIGTERM and SIGINT finish what is under way and stop, a second one stops at once.
SIGHUP and SIGUSR1 reload the config; a faulty one changes nothing. SIGUSR2 is
upgrade.`},
		{Title: "Exit codes", Text: `
0 fine, 1 something is wrong and the text says what, 2 the command line is wrong.`},
	},
	SeeAlso: []string{"http-master-config(5)", "dewebsockify(1)"},
}

var explainCommand = command.Command{
	Name:  "explain",
	Forms: []command.Form{{Args: "--config FILE URL", Text: "say how a request for URL would be answered and why"}},
	Text: `
It tells the port, the rules that are tried with their lines, what they capture,
every element of the chain, and the target in the end. No port is opened and no
request is made; only where a tunnel's target is checked, its name is looked up.
http:// and https:// ask for a page, ws:// and wss:// for a WebSocket. The exit
code is 0 if something in the config answers, with whatever status, and 1 if
nothing does or the config is faulty.`,
	Flags: []command.Flag{
		configFlag,
		{Name: "from", Arg: "ADDRESS", Text: "the client's address, for allow and deny"},
		{Name: "method", Arg: "METHOD", Text: "GET if not given", Values: "GET HEAD POST PUT PATCH DELETE OPTIONS"},
		{Name: "port", Arg: "KEY", Text: "the port as the config has it, where URL's own is not it"},
		jsonFlag,
	},
}

const completionText = `
Put it where the shell looks for it, for instance
  http-master completion bash >~/.local/share/bash-completion/completions/http-master
  http-master completion zsh >~/.zfunc/_http-master     (a folder of $fpath)
  http-master completion fish >~/.config/fish/completions/http-master.fish`

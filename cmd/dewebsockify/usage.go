package main

// usage is what --help prints; docs/dewebsockify.md says more.
const usage = `dewebsockify: turns a WebSocket back into a local TCP port

Usage:
  dewebsockify [options] URL PORT         listen on 127.0.0.1:PORT
  dewebsockify [options] URL HOST:PORT    listen there; others can reach 0.0.0.0:PORT
  dewebsockify [options] URL unix:PATH    listen on a Unix socket, for this user only
  dewebsockify [options] URL -            one tunnel, from stdin and to stdout
  dewebsockify [options] -L PORT=URL ...  several forwards; -L takes HOST:PORT=URL
                                          and unix:PATH=URL as well
  dewebsockify --config FILE              several forwards, from a YAML file
  dewebsockify ssh-config [options] [--user USER] NAME URL
                                          print lines for ~/.ssh/config

URL is ws:// or wss:// (http:// and https:// mean the same), with user:password@
before the host where the server asks for them; characters such as @ : / # in
them are written %40 %3A %2F %23. Other users of this machine can see them in the
list of processes: use --password-file. PORT 0 takes a free port and prints it.

Options:
  --password-file FILE     the password of the URL's user, the first line of FILE
  --header 'Name: value'   send this too; may be given several times
  --header-file FILE       send the headers in FILE too, one a line
  --proxy URL              connect through this proxy: http://, https:// or
                           socks5://, with user:password@ if it asks for them
  --host NAME              call the server NAME where the network can see it (TLS
                           server name and Host header); the certificate must still
                           be for the host in URL, or for NAME if that is an address
  --ca FILE                trust the authorities in FILE (PEM), and no others
  --cert FILE --key FILE   show the server this certificate (PEM); without --key,
                           the key is in the certificate's file
  --insecure               do not verify the server's certificate
  --verbose                say more: when tunnels begin and end, and failed attempts
  -v, --version            print the version
  -h, --help               print this

Examples:
  dewebsockify wss://myserver.com/services/ssh 2222
      then: ssh -p 2222 me@localhost
  dewebsockify -L 2222=wss://myserver.com/services/ssh -L 5900=wss://myserver.com/vnc
  dewebsockify ssh-config myserver wss://myserver.com/services/ssh >>~/.ssh/config
      then: ssh myserver
  ssh -o ProxyCommand='dewebsockify wss://myserver.com/ssh/%h/%p -' me@db1.lan
      (ssh itself puts host and port for %h and %p)

HTTPS_PROXY (for wss), HTTP_PROXY (for ws), ALL_PROXY and NO_PROXY are honoured.
Every local connection gets a tunnel of its own. When http-master is at the other
end and the connection to it is lost, dewebsockify reconnects for as long as the
server waits (5 minutes, if it is not configured otherwise), and the tunnel goes on
with nothing lost. The end of stdin is passed on, and the tunnel ends when the
server has sent everything. Other servers can do neither: the tunnel ends with the
connection, or with stdin. SIGUSR1 prints what every tunnel does.

Exit codes:
  0  stopped by a signal; with -, the tunnel ended normally
  1  with -, the tunnel broke, and could not be resumed
  2  the command line or the config file is wrong
  3  with -, the server or the proxy cannot be reached
  4  with -, the server or the proxy refused the tunnel
  5  with -, TLS with the server failed, for instance because of its certificate
  6  a local port or socket cannot be opened
When listening, what goes wrong with one connection is printed, and the connection
is closed.
`

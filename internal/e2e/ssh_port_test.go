//go:build unix

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestSSHAndHTTPSOnOnePort holds that ssh -p PORT and https:// work beside each
// other.
func TestSSHAndHTTPSOnOnePort(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	ssh := need(t, "openssh-client", "ssh")
	curl := need(t, "curl", "curl")
	port := freePort(t)
	file := t.TempDir() + "/config.yaml"
	writeFile(t, file, fmt.Sprintf(`ports:
  "127.0.0.1:%d":
    router: {"*": "reject -> 418"}
    ssl: {selfSigned: true}
    ssh: "127.0.0.1:%d"
`, port, d.port))
	server := startServer(t, file)
	config := d.clientConfig(t, "HostName 127.0.0.1", fmt.Sprintf("Port %d", port))
	url := fmt.Sprintf("https://127.0.0.1:%d/", port)
	for range 2 {
		if got := mustRun(t, nil, ssh, "-F", config, "server", "echo through"); got != "through\n" {
			t.Errorf("ssh said %q", got)
		}
		if got := mustRun(t, nil, curl, "-sk", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", url); got != "418 2" {
			t.Errorf("curl said %q", got)
		}
	}
	sum := strings.Fields(mustRun(t, nil, ssh, "-F", config, "server", "head -c 20000000 /dev/zero | sha256sum"))
	got := mustRun(t, nil, "/bin/sh", "-c", ssh+" -F "+config+" server 'head -c 20000000 /dev/zero' | sha256sum")
	if len(sum) == 0 || !strings.HasPrefix(got, sum[0]) {
		t.Errorf("20 MB arrived with the sum %s, were sent with %s", got, sum)
	}
	if log := server.output.String(); !strings.Contains(log, "tunnel closed") {
		t.Errorf("no tunnel in the log:\n%s", log)
	}
}

// TestDescriptorLimitIsRaised holds that a soft limit on descriptors, which
// shells and old init systems set low, does not limit connections.
func TestDescriptorLimitIsRaised(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	file := t.TempDir() + "/config.yaml"
	writeFile(t, file, fmt.Sprintf("ports: {\"127.0.0.1:%d\": \"reject -> 418\"}\n", port))
	server := start(t, nil, "/bin/sh", "-c", "ulimit -Sn 64 && exec \"$@\"", "sh", serverProgram, "--config", file)
	server.waitFor(t, 0, "listening on ")
	for range 300 {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n")
		var status [12]byte
		if _, err := conn.Read(status[:]); err != nil || string(status[:]) != "HTTP/1.1 418" {
			t.Fatalf("got %q, %v", status, err)
		}
	}
}

//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *running) url(on row, path string) string {
	if on.site.tls {
		return "https://" + r.address + path
	}
	return "http://" + r.address + path
}

// wrk loads path with small requests.
func wrk(path string) loadFunc {
	return func(ctx context.Context, l *lab, on row, r *running) (result, error) {
		return l.wrk(ctx, 64, "", r.url(on, path))
	}
}

const uploadScript = `local f = io.open(%q, "rb"); wrk.method = "POST"; wrk.body = f:read("*a"); f:close()`

// wrkBytes loads path with requests that carry size bytes one way or the other.
func wrkBytes(path string, size int, script string) loadFunc {
	return func(ctx context.Context, l *lab, on row, r *running) (result, error) {
		if script != "" {
			script := fmt.Sprintf(script, filepath.Join(l.dir, "upload"))
			return gibibytes(l.wrk(ctx, 8, write(l.dir, "upload.lua", script), r.url(on, path)))(size)
		}
		return gibibytes(l.wrk(ctx, 8, "", r.url(on, path)))(size)
	}
}

// gibibytes makes a count of requests one of GiB.
func gibibytes(res result, err error) func(size int) (result, error) {
	return func(size int) (result, error) {
		res.work *= float64(size) / (1 << 30)
		res.rate *= float64(size) / (1 << 30)
		return res, err
	}
}

// wrkHosts asks for one host after another.
func wrkHosts(ctx context.Context, l *lab, on row, r *running) (result, error) {
	script := fmt.Sprintf(`local i, n = 0, %d
request = function() i = (i * 1103515245 + 12345) %% 2147483648; return wrk.format(nil, nil, {Host = "h" .. (i %% n) .. ".test"}) end`, on.site.rules)
	return l.wrk(ctx, 64, write(l.dir, "hosts.lua", script), r.url(on, "/small"))
}

var wrkLine = map[string]*regexp.Regexp{
	"requests": regexp.MustCompile(`(?m)^\s+(\d+) requests in`),
	"rate":     regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)`),
	"50":       regexp.MustCompile(`(?m)^\s+50%\s+([\d.]+\w+)`),
	"99":       regexp.MustCompile(`(?m)^\s+99%\s+([\d.]+\w+)`),
	"bad":      regexp.MustCompile(`(?m)^\s+(Non-2xx.*|Socket errors: .*)`),
}

func (l *lab) wrk(ctx context.Context, connections int, script, url string) (result, error) {
	args := []string{"-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(l.length.Seconds()+0.5)), "--latency", "--timeout", "20s"}
	if script != "" {
		args = append(args, "-s", script)
	}
	out, err := command(ctx, loadCores, "wrk", append(args, url)...).CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("%w\n%s", err, out)
	}
	field := func(name string) string {
		if m := wrkLine[name].FindSubmatch(out); m != nil {
			return string(m[1])
		}
		return ""
	}
	if bad := field("bad"); bad != "" {
		return result{}, fmt.Errorf("wrk: %s", bad)
	}
	res := result{}
	res.work, _ = strconv.ParseFloat(field("requests"), 64)
	res.rate, _ = strconv.ParseFloat(field("rate"), 64)
	if res.work == 0 {
		return result{}, fmt.Errorf("wrk had no answer:\n%s", out)
	}
	res.p50, res.p99 = seconds(field("50")), seconds(field("99"))
	return res, nil
}

func seconds(text string) float64 {
	d, _ := time.ParseDuration(text)
	return d.Seconds()
}

var (
	h2loadRate = regexp.MustCompile(`finished in [\d.]+\w+, ([\d.]+) req/s`)
	h2loadDone = regexp.MustCompile(`requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed`)
)

// h2load loads path over HTTP/2.
func h2load(path string) loadFunc {
	return func(ctx context.Context, l *lab, on row, r *running) (result, error) {
		times := filepath.Join(l.dir, "h2load.log")
		_ = os.Remove(times) // h2load appends
		out, err := command(ctx, loadCores, "h2load", "-t1", "-c16", "-m16", fmt.Sprintf("-D%d", int(l.length.Seconds()+0.5)),
			"--log-file="+times, r.url(on, path)).CombinedOutput()
		done, rate := h2loadDone.FindSubmatch(out), h2loadRate.FindSubmatch(out)
		if err != nil || done == nil || rate == nil || string(done[1]) != string(done[2]) || string(done[3]) != "0" {
			return result{}, fmt.Errorf("h2load: %v\n%s", err, out)
		}
		res := result{}
		res.work, _ = strconv.ParseFloat(string(done[1]), 64)
		res.rate, _ = strconv.ParseFloat(string(rate[1]), 64)
		res.p50, res.p99, err = percentiles(times)
		return res, err
	}
}

// percentiles reads h2load's log: start, status and microseconds of each
// request.
func percentiles(file string) (p50, p99 float64, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	var all []float64
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			us, _ := strconv.ParseFloat(fields[2], 64)
			all = append(all, us/1e6)
		}
	}
	if len(all) == 0 {
		return 0, 0, fmt.Errorf("%s is empty", file)
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100], nil
}

// self runs a part of this program on the load's core.
func (l *lab) self(ctx context.Context, args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		panic(err) // Linux always knows
	}
	cmd := command(ctx, loadCores, program, append([]string{"part"}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// parts runs a load of our own, which prints work, rate, p50 and p99.
func parts(name, mode string) loadFunc {
	return func(ctx context.Context, l *lab, on row, r *running) (result, error) {
		return l.part(ctx, name, mode, on, r)
	}
}

func (l *lab) part(ctx context.Context, name, mode string, on row, r *running) (result, error) {
	out, err := l.self(ctx, name, modeOf(mode, on), r.address, l.length.String()).Output()
	if err != nil {
		return result{}, err
	}
	var res result
	_, err = fmt.Sscan(string(out), &res.work, &res.rate, &res.p50, &res.p99)
	return res, err
}

// modeOf is the mode that reaches a row: plain TCP where it speaks no WebSocket.
func modeOf(mode string, on row) string {
	if mode == "tunnel" && !on.framed {
		return "raw"
	}
	return mode
}

// stream moves bytes one way through tunnels.
func stream(direction string) loadFunc {
	return func(ctx context.Context, l *lab, on row, r *running) (result, error) {
		return l.part(ctx, direction, "tunnel", on, r)
	}
}

// hold opens connections and measures what they have added to the server's
// memory.
func hold(mode string, n int) loadFunc {
	return func(ctx context.Context, l *lab, on row, r *running) (result, error) {
		mode, n := modeOf(mode, on), n
		if on.most > 0 {
			n = min(n, on.most)
		}
		if err := l.holding(ctx, mode, 1, r, func() {}); err != nil { // what the first one costs is not idle memory
			return result{}, err
		}
		before, after := r.memory(), 0.
		err := l.holding(ctx, mode, n, r, func() {
			time.Sleep(3 * time.Second) // buffers that are given back when idle
			after = r.memory()
		})
		return result{work: float64(n), amount: (after - before) / float64(n)}, err
	}
}

// holding calls measure while n connections are open.
func (l *lab) holding(ctx context.Context, mode string, n int, r *running, measure func()) error {
	cmd := l.self(ctx, "hold", mode, r.address, strconv.Itoa(n))
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		_ = cmd.Wait()
		return fmt.Errorf("%d connections could not be opened: %w", n, err)
	}
	measure()
	_ = in.Close()
	return cmd.Wait()
}

// startUp gives how long the start took; once has measured it.
func startUp(_ context.Context, _ *lab, _ row, r *running) (result, error) {
	return result{work: 1, amount: r.ready.Seconds()}, nil
}

// rest gives the memory after one request.
func rest(ctx context.Context, _ *lab, on row, r *running) (result, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url(on, "/small"), nil)
	if err != nil {
		return result{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return result{}, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return result{work: 1, amount: r.memory()}, err
}

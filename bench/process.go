//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Where things run: the server under test alone, everything else on the other
// core or cores.
const (
	serverCore = "0"
	loadCores  = "1-" // up to the last one
)

// tick is the unit of /proc's CPU times (USER_HZ, 100 on every Linux port).
const tick = 10 * time.Millisecond

// process is a running program in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	output *bytes.Buffer
}

// cores makes "1-" the cores from 1 to the last.
func cores(list string) string {
	if !strings.HasSuffix(list, "-") {
		return list
	}
	online, err := os.ReadFile("/sys/devices/system/cpu/online") // "0-1"
	if err != nil {
		return strings.TrimSuffix(list, "-")
	}
	last := string(bytes.TrimSpace(online))
	return list + last[strings.LastIndexAny(last, "-,")+1:]
}

// command gives a program that will run on the named cores only.
func command(ctx context.Context, on, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cores(on), program}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func start(ctx context.Context, dir, on, program string, args ...string) (*process, error) {
	cmd := command(ctx, on, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	p := &process{cmd: cmd, output: new(bytes.Buffer)}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// stop ends the whole group.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// listens waits until address accepts.
func (p *process) listens(address string) error {
	for range 3000 {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		if errors.Is(syscall.Kill(p.cmd.Process.Pid, 0), syscall.ESRCH) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s does not listen on %s:\n%s", p.cmd.Args[3], address, p.output)
}

// family is the process and its descendants.
func (p *process) family() []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		if pid, fields, err := readStat(file); err == nil {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{p.cmd.Process.Pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// readStat gives the fields of a /proc/PID/stat that follow the program's name.
func readStat(file string) (pid int, fields []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, nil, err
	}
	pid, err = strconv.Atoi(filepath.Base(filepath.Dir(file)))
	fields = strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if err == nil && len(fields) < 15 {
		err = errors.New("it is too short")
	}
	return pid, fields, err
}

// cpu is what the family has used, its ended and awaited children included.
func (p *process) cpu() time.Duration {
	var ticks int64
	for _, pid := range p.family() {
		_, fields, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended; its parent has its time
		}
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// memory is the family's proportional share of resident memory, in bytes.
func (p *process) memory() float64 {
	var kib float64
	for _, pid := range p.family() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				kib += n
			}
		}
	}
	return kib * 1024
}

// freePort gives a port that nothing listens on.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

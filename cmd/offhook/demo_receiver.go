package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// receiverProcess is `offhook receive` as a process of its own, watched through
// what it prints.
type receiverProcess struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	url   string
	// ended is closed when the process is gone and everything it printed has
	// been noted; err is set by then.
	ended chan struct{}
	err   error
}

// startReceiverProcess starts a receiver on a free port of loopback and calls
// note for every request that it judges. It answers the share fail with 500.
func startReceiverProcess(fail string, note func(receipt)) (*receiverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	// Its standard input stays open as long as this process lives, and it ends
	// with it: nothing is left behind, whatever happens here.
	cmd := exec.Command(self, "receive", "--listen", "127.0.0.1:0", "--secret", "-", "--until-eof", "--json", "--fail", fail)
	cmd.Stderr = os.Stderr
	// A group of its own: Ctrl-C is for the demo, which ends the receiver last.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r := &receiverProcess{cmd: cmd, ended: make(chan struct{})}
	if r.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	lines := bufio.NewScanner(stdout)
	var hello struct{ Listening string }
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &hello) != nil || hello.Listening == "" {
		r.stdin.Close()
		return nil, fmt.Errorf("start a receiver: it does not say where it listens: %w", cmd.Wait())
	}
	r.url = hello.Listening
	go r.follow(lines, note)
	return r, nil
}

// follow reads until the process has closed its output, which is its end.
func (r *receiverProcess) follow(lines *bufio.Scanner, note func(receipt)) {
	defer close(r.ended)
	for lines.Scan() {
		var rec receipt
		if json.Unmarshal(lines.Bytes(), &rec) == nil && rec.Verdict != "" {
			note(rec)
		}
	}
	r.err = r.cmd.Wait()
}

// tell gives the receiver the secret of its endpoint.
func (r *receiverProcess) tell(secret string) error {
	if _, err := io.WriteString(r.stdin, secret+"\n"); err != nil {
		return fmt.Errorf("tell the receiver its secret: %w", err)
	}
	return nil
}

// stop ends the receiver and returns when everything it said has been noted.
func (r *receiverProcess) stop() error {
	r.stdin.Close()
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
	return r.err
}

// gone says how the receiver ended.
func (r *receiverProcess) gone() error {
	return fmt.Errorf("the receiver has ended: %s", r.cmd.ProcessState)
}

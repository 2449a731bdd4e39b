package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// watchMemory samples the resident memory of a process until ctx ends and gives
// its peak in MB.
func watchMemory(ctx context.Context, pid int) <-chan float64 {
	out := make(chan float64, 1)
	go func() {
		peak := 0.0
		for ctx.Err() == nil {
			peak = max(peak, residentMB(pid))
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
		out <- peak
	}()
	return out
}

func residentMB(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / 1e6
}

// cpu is the CPU time that the server and Postgres have used so far.
func (s *service) cpu(b testing.TB, server *runningServer) time.Duration {
	b.Helper()
	var folder string
	if err := s.pool.QueryRow(b.Context(), `SHOW data_directory`).Scan(&folder); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	postmaster, _ := strconv.Atoi(line)
	own, _, _ := cpuTime(server.cmd.Process.Pid)
	theirs, reaped, _ := cpuTime(postmaster)
	sum := own + theirs + reaped
	processes, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range processes {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if used, _, parent := cpuTime(pid); parent == postmaster {
			sum += used
		}
	}
	return sum
}

// cpuTime reads what a process has used, what its ended children had, and who
// its parent is (proc(5)).
func cpuTime(pid int) (own, reaped time.Duration, parent int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, found := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 15 {
		return 0, 0, 0
	}
	const tick = 10 * time.Millisecond
	at := func(i int) time.Duration {
		n, _ := strconv.Atoi(fields[i])
		return time.Duration(n) * tick
	}
	parent, _ = strconv.Atoi(fields[1])
	return at(11) + at(12), at(13) + at(14), parent
}

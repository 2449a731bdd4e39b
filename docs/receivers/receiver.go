// Command receiver is a receiver of offhook's webhooks. Nothing but the standard library.
//
//	WEBHOOK_SECRET=whsec_… go run receiver.go [port] [file]
//
// It verifies every request, keeps each event once, and knows the order within
// an attempt. Put your own work where it says so.
package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance = 5 * time.Minute // between the sender's clock and ours
	maxBody   = 1 << 20         // more than any event has
)

// verify returns 0 for a genuine request, else the status that refuses it.
func verify(keys [][]byte, h http.Header, body []byte, now time.Time) int {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return http.StatusBadRequest
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return http.StatusBadRequest // perhaps genuine, and sent again by somebody who listened
	}
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		version, value, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.DecodeString(value)
		if version != "v1" || err != nil {
			continue
		}
		for _, key := range keys {
			mac := hmac.New(sha256.New, key)
			fmt.Fprintf(mac, "%s.%s.", id, stamp)
			mac.Write(body) // the bytes as they came
			if hmac.Equal(given, mac.Sum(nil)) {
				return 0
			}
		}
	}
	return http.StatusUnauthorized
}

// kept is an event in the file.
type kept struct {
	ID       string `json:"id"`
	Attempt  string `json:"attempt"`
	Sequence int    `json:"sequence"`
	Body     string `json:"body"`
}

// store keeps events in a file, a line each. With a database, make webhook-id a
// primary key and do your work in the same transaction.
type store struct {
	mu   sync.Mutex
	file *os.File
	seen map[string]bool
	last map[string]int // attempt → the highest sequence
}

func open(path string) (*store, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s := &store{file: file, seen: map[string]bool{}, last: map[string]int{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 4*maxBody)
	for lines.Scan() {
		var e kept
		if json.Unmarshal(lines.Bytes(), &e) == nil { // a crash may have cut one off; it was never answered with 200
			s.remember(e)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	_, err = file.WriteString("\n")
	return s, err
}

func (s *store) remember(e kept) {
	s.seen[e.ID] = true
	s.last[e.Attempt] = max(s.last[e.Attempt], e.Sequence)
}

// keep returns what the event is: verified, repeated, late or after a gap.
func (s *store) keep(h http.Header, body []byte) (string, error) {
	sequence, _ := strconv.Atoi(h.Get("Offhook-Sequence")) // no attempt, no sequence
	previous, _ := strconv.Atoi(h.Get("Offhook-Prev-Sequence"))
	e := kept{h.Get("webhook-id"), h.Get("Offhook-Attempt"), sequence, string(body)}
	line, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[e.ID] {
		return "repeated", nil
	}
	last := s.last[e.Attempt]
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return "", err
	}
	if err := s.file.Sync(); err != nil { // who answers 200 has it for good
		return "", err
	}
	s.remember(e)
	// Your own work goes here: the body is the event.
	switch {
	case e.Attempt != "" && sequence < last:
		return "late", nil // it was overtaken: the word of the later event stands
	case e.Attempt != "" && previous > last:
		return "after a gap", nil // GET /v1/events?attempt_id=… has what is missing
	}
	return "verified", nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// argument is the n-th one, or its default.
func argument(n int, otherwise string) string {
	if len(os.Args) > n {
		return os.Args[n]
	}
	return otherwise
}

func run() error {
	var keys [][]byte // one secret, or several while one replaces the other
	for _, secret := range strings.Split(os.Getenv("WEBHOOK_SECRET"), ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"))
		if err != nil || len(key) == 0 {
			return fmt.Errorf("set WEBHOOK_SECRET to the endpoint's secret, which begins with whsec_")
		}
		keys = append(keys, key)
	}
	events, err := open(argument(2, "events.ndjson"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+argument(1, "9000"))
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s/\n", listener.Addr())
	http.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		answer := func(status int, verdict string) {
			of := func(name string) string {
				if v := r.Header.Get(name); v != "" {
					return v
				}
				return "-"
			}
			fmt.Printf("%s %d %s attempt %s sequence %s\n", verdict, status, of("Offhook-Event"), of("Offhook-Attempt"), of("Offhook-Sequence"))
			w.WriteHeader(status)
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			answer(http.StatusRequestEntityTooLarge, "rejected")
			return
		}
		if refused := verify(keys, r.Header, body, time.Now()); refused != 0 {
			answer(refused, "rejected")
			return
		}
		verdict, err := events.keep(r.Header, body)
		if err != nil {
			answer(http.StatusInternalServerError, "not kept ("+err.Error()+")") // it will come again
			return
		}
		answer(http.StatusOK, verdict)
	})
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

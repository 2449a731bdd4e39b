package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// followAgain and followBackoff are how soon, and how late, a stream that has
	// ended is opened again.
	followAgain   = 300 * time.Millisecond
	followBackoff = 5 * time.Second
	// followSilence is how long a stream may say nothing. Every 15 seconds the
	// server says that it is there.
	followSilence = 45 * time.Second
)

// follower prints events as they come. It always asks for what is behind its
// cursor, so whatever happens in between, nothing is missing and nothing comes
// twice.
type follower struct {
	client *shellClient
	query  url.Values
	notes  io.Writer // for people
	each   func([]json.RawMessage) error
}

// run follows until ctx ends, which is no error; then it says how to go on.
func (f *follower) run(ctx context.Context) error {
	if err := f.begin(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	away := false
	for wait := followAgain; ctx.Err() == nil; {
		before := f.query.Get("cursor")
		err := f.stream(ctx, func() {
			if away {
				fmt.Fprintln(f.notes, "offhook: the server answers again")
			}
			away = false
		})
		var refused *refusal
		var gone *unreachable
		switch {
		case ctx.Err() != nil:
			continue
		case errors.As(err, &refused) && !refused.passing():
			return err
		case err != nil && !errors.As(err, &refused) && !errors.As(err, &gone):
			return err // it cannot be printed
		case err != nil && !away:
			fmt.Fprintf(f.notes, "offhook: %v\n  going on as soon as it answers\n", err)
			away = true
		}
		if wait = min(2*wait, followBackoff); f.query.Get("cursor") != before {
			wait = followAgain
		}
		_ = pause(ctx, wait) // ends the loop when ctx has ended
	}
	if at := f.query.Get("cursor"); at != "" {
		fmt.Fprintf(f.notes, "offhook: go on from here with --cursor %s\n", at)
	}
	return nil
}

// begin finds the place to begin behind, unless somebody said it: that of what
// happened since then, which is printed first, or the end of the log.
func (f *follower) begin(ctx context.Context) error {
	if f.query.Get("cursor") != "" {
		return nil
	}
	each := f.each
	query := maps.Clone(f.query)
	if !query.Has("since") {
		query.Set("since", time.Now().UTC().Format(time.RFC3339Nano))
		each = func([]json.RawMessage) error { return nil }
	}
	if _, err := f.client.all(ctx, "/v1/events", query, 0, each); err != nil {
		return err
	}
	f.query.Set("cursor", query.Get("cursor"))
	return nil
}

// stream reads one stream of server-sent events until it ends. open is called
// when the server has begun it.
func (f *follower) stream(ctx context.Context, open func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := f.client.send(ctx, http.MethodGet, "/v1/events/stream?"+f.query.Encode(), body{})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	open()
	silence := time.AfterFunc(followSilence, cancel)
	defer silence.Stop()
	var id, data string
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil // however it ended, what was not whole comes again
		}
		silence.Reset(followSilence)
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			data = value
		case line == "":
			if data != "" {
				if err := f.each([]json.RawMessage{json.RawMessage(data)}); err != nil {
					return err
				}
			}
			if id != "" {
				f.query.Set("cursor", id)
			}
			id, data = "", ""
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// How often the end of the log is looked at, and how long a server that is away
// is left alone.
const (
	followEvery   = 300 * time.Millisecond
	followBackoff = 5 * time.Second
)

// follower prints events as they come. It asks for what is behind its cursor,
// so whatever happens in between, nothing is missing and nothing comes twice.
type follower struct {
	client *shellClient
	query  url.Values
	notes  io.Writer // for people
	each   func([]json.RawMessage) error
}

// run follows until ctx ends, which is no error; then it says how to go on.
func (f *follower) run(ctx context.Context) error {
	f.query.Set("limit", fmt.Sprint(maxPage))
	if err := f.begin(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	away := false
	for wait := followEvery; ctx.Err() == nil; {
		p, err := f.client.list(ctx, "/v1/events", f.query)
		var refused *refusal
		switch {
		case ctx.Err() != nil:
			continue
		case errors.As(err, &refused) && !refused.passing():
			return err
		case err != nil:
			if !away {
				fmt.Fprintf(f.notes, "offhook: %v\n  going on as soon as it answers\n", err)
			}
			away, wait = true, min(2*wait, followBackoff)
		default:
			if away {
				fmt.Fprintln(f.notes, "offhook: the server answers again")
			}
			away, wait = false, followEvery
			if err := f.each(p.Data); err != nil {
				return err
			}
			if p.NextCursor != nil {
				f.query.Set("cursor", *p.NextCursor)
			}
			if len(p.Data) == maxPage {
				continue // there is more already
			}
		}
		_ = pause(ctx, wait) // ends the loop when ctx has ended
	}
	if at := f.query.Get("cursor"); at != "" {
		fmt.Fprintf(f.notes, "offhook: go on from here with --cursor %s\n", at)
	}
	return nil
}

// begin finds the end of the log, when nobody said where to begin.
func (f *follower) begin(ctx context.Context) error {
	if f.query.Get("cursor") != "" || f.query.Get("since") != "" {
		return nil
	}
	p, err := f.client.list(ctx, "/v1/events", url.Values{"limit": {"1"}, "since": {time.Now().UTC().Format(time.RFC3339Nano)}})
	if err != nil {
		return err
	}
	if p.NextCursor != nil {
		f.query.Set("cursor", *p.NextCursor)
	}
	return nil
}

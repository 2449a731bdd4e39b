package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/sim"
)

// restClient talks to the API as anybody would.
type restClient struct {
	base string // http://127.0.0.1:port
	key  string
	http http.Client
}

func newRESTClient(base, key string) *restClient {
	return &restClient{base: base, key: key, http: http.Client{Timeout: 10 * time.Second}}
}

// post sends in and reads the answer into out.
func (c *restClient) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	return c.call(ctx, http.MethodPost, path, body, out)
}

// call makes a request and, with out set, reads its answer. Anything but 2xx is
// an error that shows the problem's text.
func (c *restClient) call(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return &answerError{request: method + " " + path, status: resp.StatusCode, text: string(bytes.TrimSpace(answer))}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// remove deletes what was made; made is its path.
func (c *restClient) remove(ctx context.Context, made string) error {
	return c.call(ctx, http.MethodDelete, made, nil, nil)
}

// registerEndpoint registers the receiver and returns the endpoint's id and
// secret.
func (c *restClient) registerEndpoint(ctx context.Context, url string) (id, secret string, err error) {
	var made struct{ ID, Secret string }
	err = c.post(ctx, "/v1/endpoints", map[string]any{
		"url": url, "description": "offhook demo", "profile": "live",
	}, &made)
	return made.ID, made.Secret, err
}

// buildCentre creates the queues and agents of the simulated centre and fills
// in their ids. In the server the names of queues end in suffix.
func (c *restClient) buildCentre(ctx context.Context, suffix string) ([]queue.Queue, []queue.Agent, error) {
	var made struct{ ID int64 }
	queues := sim.Queues()
	for i := range queues {
		fields := withoutID(queues[i])
		fields["name"] = queues[i].Name + suffix
		if err := c.post(ctx, "/v1/queues", fields, &made); err != nil {
			return nil, nil, err
		}
		queues[i].ID = made.ID
	}
	agents := sim.Agents(queues)
	for i := range agents {
		if err := c.post(ctx, "/v1/agents", withoutID(agents[i]), &made); err != nil {
			return nil, nil, err
		}
		agents[i].ID = made.ID
	}
	return queues, agents, nil
}

// withoutID is v as JSON sees it, without the id, which the server gives.
func withoutID(v any) map[string]any {
	var fields map[string]any
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		panic(err) // a queue or an agent is always JSON
	}
	delete(fields, "id")
	return fields
}

// importChunk is how many members are added at once.
const importChunk = 500

// importMembers fills the lists of the outbound queues and returns the members
// with their ids.
func (c *restClient) importMembers(ctx context.Context, members []queue.Member) ([]queue.Member, error) {
	type number struct {
		Number   string `json:"number"`
		Priority int    `json:"priority"`
	}
	for from := 0; from < len(members); {
		list := members[from].QueueID
		var rows []map[string]any
		for _, m := range members[from:] {
			if m.QueueID != list || len(rows) == importChunk {
				break
			}
			numbers := make([]number, len(m.Numbers))
			for i, n := range m.Numbers {
				numbers[i] = number{n.Number, n.Priority}
			}
			rows = append(rows, map[string]any{"name": m.Name, "numbers": numbers, "priority": m.Priority, "variables": m.Variables})
		}
		var made struct{ Data []struct{ ID int64 } }
		if err := c.post(ctx, fmt.Sprintf("/v1/queues/%d/members", list), rows, &made); err != nil {
			return nil, err
		}
		if len(made.Data) != len(rows) {
			return nil, fmt.Errorf("POST /v1/queues/%d/members: %d of %d members were made", list, len(made.Data), len(rows))
		}
		for i := range rows {
			members[from+i].ID = made.Data[i].ID
		}
		from += len(rows)
	}
	return members, nil
}

// dial has an agent take a member from his list. A refusal is part of the game.
func (c *restClient) dial(ctx context.Context, pick queue.Dial) error {
	path := fmt.Sprintf("/v1/members/%d/attempts", pick.Member.ID)
	err := c.post(ctx, path, map[string]any{"agent_id": pick.AgentID}, nil)
	var refused *answerError
	if errors.As(err, &refused) && refused.status == http.StatusConflict {
		return nil
	}
	return err
}

// stopDialling disables the outbound queues: who is inside is served, and nobody
// else is called.
func (c *restClient) stopDialling(ctx context.Context, queues []queue.Queue) error {
	for _, q := range queues {
		if !q.Type.Outbound() {
			continue
		}
		if err := c.call(ctx, http.MethodPatch, fmt.Sprintf("/v1/queues/%d", q.ID), []byte(`{"enabled": false}`), nil); err != nil {
			return err
		}
	}
	return nil
}

// answerError is an answer that is no 2xx.
type answerError struct {
	request, text string
	status        int
}

func (e *answerError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.request, e.status, http.StatusText(e.status), e.text)
}

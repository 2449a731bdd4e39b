package main

import (
	"bytes"
	"context"
	"encoding/json"
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
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
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

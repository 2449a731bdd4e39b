package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// refilledDesk tells when a piece of an import is in.
type refilledDesk struct {
	*desk.Desk
	refilled func()
}

func (d *refilledDesk) Refill(int64) { d.refilled() }

// An import that ends after each piece, as with a server that is killed again
// and again, adds every member once, and tells of every bad row once.
func TestImportIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := &refilledDesk{Desk: desk.New(b.store.DeskLog(1), desk.Config{Now: b.now, Logger: slog.New(slog.DiscardHandler)})}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() { stop(); <-ended }()
	made, err := d.Do(t.Context(), queue.SaveQueue{Queue: queue.DefaultQueue(0, "list", queue.Preview)})
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{cfg: Config{
		Store: b.store, Now: b.now, Zones: time.LoadLocation, Patience: time.Minute, Logger: slog.New(slog.DiscardHandler),
		Desk: func(int64) (Desk, bool) { return d, true },
	}}
	const n = 3*importPiece + 7
	var body strings.Builder
	body.WriteString("number\n")
	for i := range n {
		if i%1000 == 500 {
			body.WriteString("\"\"\n")
			continue
		}
		fmt.Fprintf(&body, "+49%d\n", i)
	}
	parameters := importParameters{QueueID: made.Changed[0].(*queue.Queue).ID, OnDuplicate: store.DuplicateKeep, Extra: extrasRefused, Media: mediaCSV}
	task := store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: kindMembersImport}
	if parameters.Bytes, err = b.store.Upload(t.Context(), store.Task{DomainID: 1, ID: task.ID}, strings.NewReader(body.String()), maxUpload, b.now()); err != nil {
		t.Fatal(err)
	}
	if task.Parameters, err = json.Marshal(parameters); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.CreateTask(t.Context(), task, store.By{At: b.now()}); err != nil {
		t.Fatal(err)
	}

	runner := &taskRunner{store: b.store}
	var result *imported
	for lives := 1; result == nil; lives++ {
		claimed, err := b.store.ClaimTask(t.Context(), []string{kindMembersImport}, "somebody", b.now())
		if err != nil || lives > 5 {
			t.Fatalf("life %d: %v", lives, err)
		}
		life, kill := context.WithCancel(t.Context())
		pieces := 0
		d.refilled = func() {
			if pieces++; pieces == 1 && lives < 5 { // the fifth life finds nothing left to add
				kill()
			}
		}
		j := &job{runner: runner, task: claimed}
		switch err := h.importMembers(life, j); {
		case err == nil:
			result, _ = j.result.(*imported)
		case !errors.Is(err, context.Canceled):
			t.Fatalf("life %d: %v", lives, err)
		}
		kill()
		b.forward(2 * store.TaskHold)
	}
	members, err := b.store.Members(t.Context(), 1, store.MemberFilter{QueueID: parameters.QueueID, Limit: 2 * n})
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for i := range n {
		if i%1000 == 500 {
			bad++
		}
	}
	numbers := map[string]bool{}
	for _, m := range members {
		numbers[m.Numbers[0].Number] = true
	}
	if len(members) != n-bad || len(numbers) != n-bad {
		t.Errorf("%d members with %d numbers, want %d", len(members), len(numbers), n-bad)
	}
	if result.Rows != n || result.Added != int64(n-bad) || result.Bad != int64(bad) || len(result.Errors) != bad || result.Errors[1].Line != 1502 {
		t.Errorf("result %+v, want %d rows, %d bad", result, n, bad)
	}
}

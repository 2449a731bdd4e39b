package desk

import (
	"context"
	"time"

	"github.com/offhook/offhook/queue"
)

// Head is the end of a domain's log.
type Head struct {
	// Seq is the last event's number, RecordedAt the instant it was committed.
	Seq        int64
	RecordedAt time.Time
	// Version rises by one with every batch, also with one that has no events.
	// Every stored record carries the version that changed it.
	Version int64
}

// Snapshot is stored state: everything open at Head, or what changed up to it.
type Snapshot struct {
	Domain  queue.Domain
	Head    Head
	Records []queue.Record
}

// Batch is what one transaction writes.
type Batch struct {
	// Head is the log's end after the batch.
	Head   Head
	Events []queue.Event
	// Changed holds each record once, in its last version. An *Attempt in the
	// state leaving goes from the open attempts to the history.
	Changed []queue.Record
}

// Log is the store, as the desk sees it. One Log serves one domain.
type Log interface {
	// Load reads all open state.
	Load(ctx context.Context) (Snapshot, error)
	// Update runs one transaction: it locks the domain's head row, reads what
	// changed since have.Version (a Snapshot with no records when nothing did),
	// calls step once, and writes the batch. A batch whose Head equals the
	// Snapshot's writes nothing. After an error nothing may be assumed about
	// what was written.
	Update(ctx context.Context, have Head, step func(Snapshot) (Batch, error)) error
	// IDs takes n consecutive fresh ids from the installation's sequence and
	// returns the first.
	IDs(ctx context.Context, n int) (int64, error)
}

package desk

import (
	"context"
	"errors"
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
	// Notes say who asked for what; they are kept beside the batch.
	Notes []Note
}

// Note is one line of the audit log: who asked for a change, and what it was.
// The desk adds nothing but the instant.
type Note struct {
	At time.Time
	// KeyID and KeyName name the API key, Role is what it may do; RequestID finds
	// the request in the server's log.
	KeyID, KeyName, Role, RequestID string
	// Action is what was done, such as queue.update, to the object.
	Action, Kind, ObjectID string
	// Before and After are JSON objects with what differs; nil when there is
	// nothing to show.
	Before, After []byte
	// Once, if set, is the claim under which the request is carried out. The
	// claim is marked with Kind and ObjectID in the transaction, which fails
	// when it is not in force any more. A note without an Action marks only.
	Once Once
}

// Clerk writes the note about the commands of one request. Both run within the
// transaction, so they must be quick, and neither keep nor change the engine.
type Clerk struct {
	// Look, if set, sees the engine right before the first command.
	Look func(*queue.Engine)
	// Guard, if set, is asked before that; with an error of it no command is
	// carried out, and each is answered with the error.
	Guard func(*queue.Engine) error
	// Note, if set, is asked when the commands have changed something; false when
	// no note is wanted.
	Note func(answers []Answer) (Note, bool)
}

// ErrStale is what Update returns, wrapped, when a *queue.Member of the batch was
// not made of the row as it is now (see [queue.Member.Changed]): somebody edited
// or deleted him, or he was dialled elsewhere. Nothing was written then.
var ErrStale = errors.New("a member has changed meanwhile")

// Log is the store, as the desk sees it. One Log serves one domain. Open state
// are all queues, agents, calendars and trunks, the open attempts, and the
// members who are in one; what changed are these, members who no longer are in
// an attempt, and numbers that were forbidden.
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

// Ready asks for members who may be dialled.
type Ready struct {
	QueueID int64
	// Zones are the time zones in which it is time to call: members of others are
	// left out. "" stands for members without one.
	Zones []string
	At    time.Time
	Limit int
}

// Lists is where the members of outbound queues are kept.
type Lists interface {
	// Ready returns up to q.Limit members of the queue who are in no open attempt,
	// are not stopped and have ReadyAt at or before q.At, in the order in which
	// they are dialled (priority descending, ReadyAt, id), and the log's version at
	// which they were read, all in one snapshot. Those whose time is over are among
	// them: the engine stops them. Numbers on the do-not-call list are marked.
	Ready(ctx context.Context, q Ready) ([]*queue.Member, int64, error)
	// Zones returns the distinct time zones of the queue's members who may still
	// be dialled, at some time.
	Zones(ctx context.Context, queueID int64) ([]string, error)
}

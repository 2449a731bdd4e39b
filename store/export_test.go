package store

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// AppendNotices is appendNotices for the tests outside of the package.
var AppendNotices = appendNotices

// The statements whose plans the tests look at.
var (
	ReadySQL   = readySQL
	WaitingSQL = waitingMembers
	ZonesSQL   = zonesSQL
)

// ScanBound is how many tries one page looks at.
const ScanBound = scanBound

// PageStatements are the statements of one page of the lists of tries.
func PageStatements(f TryFilter) map[string]string {
	return map[string]string{
		"tries": pageSQL(f, tryFields, "", ""), "deliveries": pageSQL(f, deliveryFields, andParked, lastOnly), "last": lastScanned(f),
	}
}

// PageArgs are the first arguments of these.
func PageArgs(f TryFilter, domainID int64, endpointID string) []any {
	id, err := endpointUUID(endpointID)
	if err != nil {
		panic(err)
	}
	return f.args(domainID, id)
}

// How a desk locks its domain's row.
const (
	LockByPlace = lockByPlace
	LockByID    = lockByID
)

// Statement is one that a list is read by, with its arguments and how many rows
// it may look at.
type Statement struct {
	SQL   string
	Args  []any
	Bound int
}

// EventStatements are those of a page of the log up to a head.
func EventStatements(f EventFilter, domainID, head int64) (all []Statement) {
	for _, c := range f.scans(head) {
		all = append(all, Statement{c.statement(), f.args(domainID, &c), c.bound})
	}
	return all
}

// AttemptStatement is that of a page of finished attempts.
func AttemptStatement(f AttemptFilter, domainID int64) Statement {
	return Statement{f.finishedSQL(), f.args(domainID), attemptsBound}
}

// AuditStatement is that of a page of the audit log.
func AuditStatement(f AuditFilter, domainID int64) Statement {
	sql, args := f.auditSQL()
	return Statement{sql, append([]any{domainID}, args...), auditBound}
}

// SingleStatements read one thing and what belongs to it, by what is named.
func SingleStatements(domainID, attemptID int64, event queue.UUID, seqs []int64, first time.Time) map[string]Statement {
	return map[string]Statement{
		"event":              {eventByID, []any{domainID, [16]byte(event)}, 10},
		"events of attempt":  {eventsOfAttempt, []any{domainID, attemptID}, 20},
		"attempt":            {finishedAttemptSQL, []any{domainID, attemptID}, 10},
		"tries of events":    {triesOfEvents, []any{domainID, seqs, first}, 20},
		"parked of events":   {parkedOfEvents, []any{domainID, seqs}, 20},
		"the log, as a feed": {eventsAfter, []any{domainID, time.Unix(0, 0), int64(0), 50}, 60},
	}
}

// StatsStatement is that of an endpoint's tries.
func StatsStatement(domainID int64, endpointID string, since, until time.Time) Statement {
	id, err := endpointUUID(endpointID)
	if err != nil {
		panic(err)
	}
	return Statement{tryStats, []any{domainID, id, since, until, statsBound}, statsBound}
}

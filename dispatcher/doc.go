// Package dispatcher takes events from a domain's log to webhook endpoints.
//
// Each endpoint has a cursor over the log with two marks. Up to settled,
// every event is delivered, filtered out, parked or refused; up to claimed it
// may have been sent. Claimed is raised in the store before the first request
// of a batch leaves, settled after the outcomes are written. So after a crash
// the events between the two that have no outcome are known: each gets a try
// with the outcome unknown and is sent again.
//
// Requests run in lanes, one lane an attempt: one request at a time, in
// sequence. A failed event is parked with the instant of its next try, and
// what follows it in its lane is held behind it. Only failures become rows of
// their own; a success is one row in a bulk insert.
//
// Any number of processes deliver from one store, the replicas. Each endpoint
// has a lease, which one replica holds at a time (lease.go): every few seconds a
// replica says that it lives, takes its share of what is free, and hands back
// what is more. Every claim and settlement carries the lease's epoch, and the
// store refuses what comes from an older one, so that nothing of a replica that
// was killed or cut off is written after the next one has read where things
// stand. The promise does not depend on it: two that sent at once would send an
// event twice, each time in order, and both requests have their row.
//
// Decisions are pure functions in files of their own: schedule.go, outcome.go,
// sign.go, guard.go, match.go, lane.go. The machinery around them: log.go reads
// and renders each event once for all endpoints, worker.go reads for one
// endpoint, deliver.go sends for it, outbox.go keeps what the store must learn,
// recover.go and drain.go are its beginning and its end; settle.go and claim.go
// write for all of them, send.go makes the request.
package dispatcher

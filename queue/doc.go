// Package queue is the engine of a contact centre: queues, agents, attempts
// and offers; commands in, events out.
//
// The engine is pure. It reads no clock, no random source, no file and no
// environment: the instant of a command and every id it may need come in with
// the command, so the same commands give the same events on every machine.
// Whoever holds an [Engine] serialises access to it (package desk does).
//
// Words: an attempt is one pass of one member through one queue and owns all
// events of that pass. An offer is one proposal of an attempt to one agent.
// The member leg and the agent leg are the two sides of a call; for a chat the
// member leg is the conversation, for a task there is none.
//
// All instants are UTC with millisecond resolution; a zero time.Time means
// "not set" and is null in JSON.
package queue

// Package sim is a small contact centre made of commands: callers, chats and
// tasks that come and lose patience, agents who answer, decline, pause and
// forget, and a telephone switch that carries out the engine's orders and
// reports back.
//
// It is pure. Instants come in with the calls, and everything that looks like
// chance is a hash of the seed and of what is decided (this attempt, this
// offer), so that one seed gives one history on one engine, and what one caller
// does never depends on who else came in between. Whoever holds a [Centre]
// serialises access to it.
//
// A Centre is driven like the engine itself: feed it the events of the log with
// Observe, ask NextDue when it wants to act, and carry out the commands of Due.
// In virtual time that is a loop over both clocks; in real time it is a timer.
//
// A [Floor] is the plain sister for figures: one inbound queue, agents who always
// answer, callers by chance ([Traffic]) or as they came ([List]). It runs an
// engine of its own in virtual time and returns a [Tally], whose identities hold
// to the millisecond; [Measures] are the formulas over it and [Estimated] the
// confidence interval over several runs.
package sim

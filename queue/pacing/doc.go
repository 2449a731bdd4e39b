// Package pacing decides how many lines a predictive dialler opens. It has no
// clock and no chance of its own: the engine tells a Pacer what became of its
// calls, shows it the queue as it stands, and gets a number back. The same
// calls in the same order give the same numbers, and a State that went through
// JSON goes on where it was.
//
// The rule in one sentence: open another line as long as, at every moment at
// which lines in flight may still be answered, the chance that no agent is left
// for one answer more stays under a bound; and move the bound so that no more
// people are dropped than the settings allow. docs/pacing.md tells it at length.
package pacing

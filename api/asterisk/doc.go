// Package asterisk translates what an Asterisk switch says about its queues
// into commands of an external queue (queue.DistributionExternal).
//
// Two sources are understood. The manager interface (AMI) is the good one: it
// has an instant for everything when the switch runs with timestampevents, and
// with the classes call and dialplan it tells how calls ended. A queue_log is
// the poorer one; see [LogTranslator] for what it cannot know.
//
// How much an AMI login may read decides how much is known:
//
//   - agent, call, dialplan (or all): everything. How a caller left stands in
//     the channel variable QUEUESTATUS, why a phone did not answer in the
//     Hangup of its channel.
//   - agent and call, without dialplan: a caller who left without hanging up is
//     taken for a queue timeout, because the variable cannot be seen.
//   - agent (and user) alone: every abandonment is taken for a hang-up, a
//     ringing phone that the caller's hang-up cut short closes with it, and
//     causes are derived. Losers of a ring-all close when the winner connects.
//
// In every stream the switch is silent about callers whom it refused to queue
// (FULL, JOINEMPTY); where QUEUESTATUS can be seen they are counted, see
// [Stats]. Wrap-up time is not an event either.
//
// [Translator] and [LogTranslator] are pure: they read no clock. [Player] reads
// a file, [Client] a live switch.
package asterisk

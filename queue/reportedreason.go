package queue

import (
	"fmt"
	"slices"
)

// TransferBlind and TransferAttended are what a report of a switch gives as its
// Reason when a leg has gone on elsewhere.
const (
	TransferBlind    = "transfer_blind"
	TransferAttended = "transfer_attended"
)

var transferReasons = []string{TransferBlind, TransferAttended, string(ReasonTransferred)}

// missedReasons are those that a switch may give: all but skipped.
var missedReasons = []string{
	string(MissedDeclined), string(MissedTimeout), string(MissedBusy), string(MissedUnreachable),
	string(MissedMemberHangup), string(MissedAgentGone), string(MissedBridgeFailed), string(MissedCancelled), string(MissedFailed),
}

// leftReasons are the reasons that a switch may give for a caller who was not
// connected. Transferred is taken for withdrawn, when he still waited.
var leftReasons = []Reason{
	ReasonMemberHangupWaiting, ReasonMemberHangupOffer, ReasonMaxWait, ReasonNoAgents, ReasonKeyExit,
	ReasonWithdrawn, ReasonCancelled, ReasonRecovered, ReasonShutdown, ReasonTransferred,
}

// validateReasons refuses words that decide how an offer, a conversation or an
// attempt ends, and that nobody knows: they would be taken for no word at all.
func (c *SwitchReport) validateReasons() error {
	known := transferReasons
	switch c.Event {
	case SwitchMissed:
		known = missedReasons
	case SwitchEnded:
		known = slices.Concat(transferReasons, missedReasons)
	case SwitchTransferred:
	case SwitchLeft:
		if c.ResultReason != "" && !slices.Contains(leftReasons, c.ResultReason) {
			return invalid("result_reason", fmt.Sprintf("result_reason %q is none that a switch gives; use one of %v, or none for a hang-up", c.ResultReason, leftReasons))
		}
	default:
		return nil // what made a detection decide is free text
	}
	if c.Reason != "" && !slices.Contains(known, c.Reason) {
		return invalid("reason", fmt.Sprintf("reason %q is not known to %s; use one of %v, or none", c.Reason, c.Event, known))
	}
	return nil
}

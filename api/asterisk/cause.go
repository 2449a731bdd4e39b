package asterisk

import (
	"strconv"

	"github.com/offhook/offhook/queue"
)

// q850 names the causes that Asterisk gives as numbers (engine.md Part C). The
// number 26, "answered elsewhere", is what Asterisk hangs the other phones of a
// ring-all up with.
var q850 = map[int]queue.Cause{
	1: "UNALLOCATED_NUMBER", 2: "NO_ROUTE_TRANSIT_NET", 3: "NO_ROUTE_DESTINATION",
	6: "CHANNEL_UNACCEPTABLE", 7: "CALL_AWARDED_DELIVERED", 8: "PRE_EMPTED",
	16: queue.CauseNormalClearing, 17: "USER_BUSY", 18: "NO_USER_RESPONSE", 19: "NO_ANSWER",
	20: "SUBSCRIBER_ABSENT", 21: "CALL_REJECTED", 22: "NUMBER_CHANGED",
	23: "REDIRECTION_TO_NEW_DESTINATION", 25: "EXCHANGE_ROUTING_ERROR", 26: queue.CauseLoseRace,
	27: "DESTINATION_OUT_OF_ORDER", 28: "INVALID_NUMBER_FORMAT", 29: "FACILITY_REJECTED",
	30: "RESPONSE_TO_STATUS_ENQUIRY", 31: "NORMAL_UNSPECIFIED", 34: "NORMAL_CIRCUIT_CONGESTION",
	38: "NETWORK_OUT_OF_ORDER", 41: queue.CauseTemporaryFailure, 42: "SWITCH_CONGESTION",
	43: "ACCESS_INFO_DISCARDED", 44: "REQUESTED_CHAN_UNAVAIL", 45: "PRE_EMPTED",
	50: "FACILITY_NOT_SUBSCRIBED", 52: "OUTGOING_CALL_BARRED", 54: "INCOMING_CALL_BARRED",
	57: "BEARERCAPABILITY_NOTAUTH", 58: "BEARERCAPABILITY_NOTAVAIL", 63: "SERVICE_UNAVAILABLE",
	65: "BEARERCAPABILITY_NOTIMPL", 66: "CHAN_NOT_IMPLEMENTED", 69: "FACILITY_NOT_IMPLEMENTED",
	79: "SERVICE_NOT_IMPLEMENTED", 81: "INVALID_CALL_REFERENCE", 88: "INCOMPATIBLE_DESTINATION",
	95: "INVALID_MSG_UNSPECIFIED", 96: "MANDATORY_IE_MISSING", 97: "MESSAGE_TYPE_NONEXIST",
	98: "WRONG_MESSAGE", 99: "IE_NONEXIST", 100: "INVALID_IE_CONTENTS", 101: "WRONG_CALL_STATE",
	102: "RECOVERY_ON_TIMER_EXPIRE", 103: "MANDATORY_IE_LENGTH_ERROR", 111: "PROTOCOL_ERROR",
	127: "INTERWORKING",
}

// ending is what the switch said about the end of a channel.
type ending struct {
	cause queue.Cause
	sip   int // 0 = the switch gave none
}

// telling reports whether the ending says more than that a channel ended.
func (e ending) telling() bool { return e.cause != "" }

// sipCancelled is what a phone answers to a CANCEL: whoever sent that knows why.
const sipCancelled = 487

// endingOf reads Cause and TechCause of a Hangup or HangupRequest. The numbers 0
// (unknown), 16 (normal) and a bare 127 say nothing that the event itself does
// not, nor does the code 487: the ending is then empty, and the engine derives
// cause and code.
func endingOf(p *Packet) ending {
	n, err := strconv.Atoi(p.Value("Cause"))
	if err != nil || n <= 0 {
		return ending{}
	}
	sip, err := strconv.Atoi(p.Value("TechCause"))
	if err != nil || sip < 300 || sip > 699 {
		sip = 0
	}
	if n == 16 || n == 127 && sip == 0 || sip == sipCancelled {
		return ending{}
	}
	name, ok := q850[n]
	if !ok {
		name = "NORMAL_UNSPECIFIED"
	}
	return ending{cause: name, sip: sip}
}

// missedFor says why a phone did not answer: as the engine takes its cause, but a
// phone about which nothing is known rang out, and one that another agent outran
// was cancelled.
func missedFor(c queue.Cause) queue.MissedReason {
	switch c {
	case "":
		return queue.MissedTimeout
	case queue.CauseLoseRace:
		return queue.MissedCancelled
	default:
		return queue.MissedByCause(c)
	}
}

// dialEnding reads the refusals that DialEnd tells and the Hangup of a Local
// channel does not.
func dialEnding(status string) ending {
	switch status {
	case "BUSY":
		return ending{cause: "USER_BUSY"}
	case "CONGESTION":
		return ending{cause: "NORMAL_CIRCUIT_CONGESTION"}
	default:
		return ending{}
	}
}

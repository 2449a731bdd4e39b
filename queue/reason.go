package queue

// Reason is the fine result of an attempt: ext.result_reason (engine.md B.9).
type Reason string

// The reasons of engine.md B.9. Callback (the queue's overflow has put the caller
// on the list of those to be called back), calendar_closed and queue_disabled
// (the queue does not keep who waits) are additions to that table.
const (
	ReasonServed              Reason = "served"
	ReasonReportedSuccess     Reason = "reported_success"
	ReasonReportedAbandoned   Reason = "reported_abandoned"
	ReasonReportedCancel      Reason = "reported_cancel"
	ReasonProcessingTimeout   Reason = "processing_timeout"
	ReasonTransferred         Reason = "transferred"
	ReasonMemberHangupWaiting Reason = "member_hangup_waiting"
	ReasonMemberHangupOffer   Reason = "member_hangup_offering"
	ReasonMaxWait             Reason = "max_wait"
	ReasonNoAgents            Reason = "no_agents"
	ReasonBridgeFailed        Reason = "bridge_failed"
	ReasonCancelled           Reason = "cancelled"
	ReasonWithdrawn           Reason = "withdrawn"
	ReasonMaxOffers           Reason = "max_offers"
	ReasonCallback            Reason = "callback"
	ReasonKeyExit             Reason = "key_exit"
	ReasonRecovered           Reason = "recovered"
	ReasonShutdown            Reason = "shutdown"
	ReasonClientIdle          Reason = "client_idle"
	ReasonDialogIdle          Reason = "dialog_idle"
	ReasonAgentIdle           Reason = "agent_idle"
	ReasonIVRCompleted        Reason = "ivr_completed"
	ReasonShortIVR            Reason = "short_ivr"
	ReasonBusy                Reason = "busy"
	ReasonNoAnswer            Reason = "no_answer"
	ReasonRejected            Reason = "rejected"
	ReasonUnreachable         Reason = "unreachable"
	ReasonBadNumber           Reason = "bad_number"
	ReasonNetwork             Reason = "network"
	ReasonBarred              Reason = "barred"
	ReasonMachine             Reason = "machine"
	ReasonAMDNotSure          Reason = "amd_notsure"
	ReasonAMDCancel           Reason = "amd_cancel"
	ReasonAgentNoAnswer       Reason = "agent_no_answer"
	ReasonSkipped             Reason = "skipped"
	ReasonAgentGone           Reason = "agent_gone"
	ReasonAgentHangup         Reason = "agent_hangup"
	ReasonLostRace            Reason = "lost_race"
	ReasonDNC                 Reason = "dnc"
	ReasonCalendarClosed      Reason = "calendar_closed"
	ReasonQueueDisabled       Reason = "queue_disabled"
)

// MissedReason says why an offer ended without a connection: ext.missed_reason.
type MissedReason string

// The closed set of missed reasons (engine.md B.9).
const (
	MissedDeclined     MissedReason = "declined"
	MissedTimeout      MissedReason = "timeout"
	MissedBusy         MissedReason = "busy"
	MissedUnreachable  MissedReason = "unreachable"
	MissedSkipped      MissedReason = "skipped"
	MissedMemberHangup MissedReason = "member_hangup"
	MissedAgentGone    MissedReason = "agent_gone"
	MissedBridgeFailed MissedReason = "bridge_failed"
	MissedCancelled    MissedReason = "cancelled"
	MissedFailed       MissedReason = "failed"
)

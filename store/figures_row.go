package store

import "time"

// QueueFigures is a row of analyst.queue_intervals: the key figures of a queue
// in an interval. Counts are attempts, times are milliseconds, shares are
// between 0 and 1, and what would divide by nothing is nil. A test holds the
// words to those of the database.
type QueueFigures struct {
	DomainID  int64  `json:"-"`
	QueueID   int64  `json:"-"`
	QueueName string `json:"-"`
	QueueType string `json:"-"`

	IntervalStart             time.Time `json:"interval_start" format:"date-time" doc:"when the interval begins"`
	IntervalEnd               time.Time `json:"interval_end" format:"date-time" doc:"when it ends; that instant belongs to the next"`
	Offered                   int64     `json:"offered" doc:"attempts that joined in the interval and have left; every figure below counts an attempt once, when it has left, in the interval of its joined_at"`
	Handled                   int64     `json:"handled" doc:"of these, attempts with bridged_at"`
	Abandoned                 int64     `json:"abandoned" doc:"cc_result = abandoned and no bridged_at"`
	Others                    int64     `json:"others" doc:"offered - handled - abandoned: cancelled without a conversation"`
	Open                      int64     `json:"open" doc:"attempts that joined in the interval and have not left yet; counted nowhere else"`
	Refused                   int64     `json:"refused" doc:"who was refused at the door in the interval and has no attempt: counted nowhere else"`
	RefusedFull               int64     `json:"refused_full" doc:"of these, because too many were waiting (queue_full)"`
	RefusedClosed             int64     `json:"refused_closed" doc:"of these, because the queue was disabled or its calendar closed"`
	ShortAbandons             int64     `json:"short_abandons" doc:"abandoned with leaving_at - joined_at <= short (5 s)"`
	AbandonmentRate           *float64  `json:"abandonment_rate" doc:"abandoned / offered"`
	AbandonmentRateNet        *float64  `json:"abandonment_rate_net" doc:"(abandoned - short_abandons) / (offered - short_abandons)"`
	WaitMS                    int64     `json:"wait_ms" doc:"sum of the waits: bridged_at - joined_at of handled attempts, leaving_at - joined_at of the rest"`
	HandledWaitMS             int64     `json:"handled_wait_ms" doc:"sum of bridged_at - joined_at over handled"`
	ASAMS                     *float64  `json:"asa_ms" doc:"average speed of answer: handled_wait_ms / handled"`
	MeanWaitMS                *float64  `json:"mean_wait_ms" doc:"wait_ms / offered"`
	LongestWaitMS             *int64    `json:"longest_wait_ms" doc:"the longest wait; null when nobody was offered"`
	HandledInTime             int64     `json:"handled_in_time" doc:"handled with a wait <= threshold (20 s)"`
	AbandonedInTime           int64     `json:"abandoned_in_time" doc:"abandoned with a wait <= threshold"`
	ServiceLevel              *float64  `json:"service_level" doc:"kind 1, the one that is meant where no kind is named: handled_in_time / offered"`
	ServiceLevel2             *float64  `json:"service_level_2" doc:"kind 2: handled_in_time / (offered - abandoned_in_time)"`
	ServiceLevel3             *float64  `json:"service_level_3" doc:"kind 3: handled_in_time / handled"`
	ServiceLevel4             *float64  `json:"service_level_4" doc:"kind 4: (handled_in_time + abandoned_in_time) / offered"`
	AsteriskServiceLevelPerf  *float64  `json:"asterisk_service_level_perf" doc:"Asterisk's ServicelevelPerf as a share: kind 3, handled_in_time / handled"`
	AsteriskServiceLevelPerf2 *float64  `json:"asterisk_service_level_perf_2" doc:"Asterisk's ServicelevelPerf2 as a share: kind 4 of completed and abandoned calls only, where abandoned means that the caller hung up: (handled_in_time + hung up in time) / (handled + hung up)"`
	TalkMS                    int64     `json:"talk_ms" doc:"sum of ended_at - bridged_at, with hold"`
	WrapUpMS                  int64     `json:"wrap_up_ms" doc:"sum of leaving_at - processing_at; nothing for an attempt without processing"`
	AHTMS                     *float64  `json:"aht_ms" doc:"average handle time: (talk_ms + wrap_up_ms) / handled"`
	AHTOutboundMS             *float64  `json:"aht_outbound_ms" doc:"the same with ring counted, in outbound queues only: (talk_ms + wrap_up_ms + ring_handled_ms) / handled"`
	Offers                    int64     `json:"offers" doc:"offers to agents (attempt.offering with an agent)"`
	Misses                    int64     `json:"misses" doc:"offers that ended in attempt.missed"`
	MissRate                  *float64  `json:"miss_rate" doc:"misses / offers"`
	RingHandledMS             int64     `json:"ring_handled_ms" doc:"sum over handled of bridged_at - the last offering_at"`
	RingMissedMS              int64     `json:"ring_missed_ms" doc:"sum over missed offers of attempt.missed - attempt.offering"`
	Transferred               int64     `json:"transferred" doc:"handled with result_reason = transferred"`
	TransferRate              *float64  `json:"transfer_rate" doc:"transferred / handled"`
	Solved                    int64     `json:"solved" doc:"handled with cc_result = success whose member (by member_id, else by destination, which makes it an estimate) did not join this queue again within 168 hours of joined_at; provisional until then"`
	FCR                       *float64  `json:"fcr" doc:"first contact resolution: solved / handled"`
	Dialled                   int64     `json:"dialled" doc:"attempts of outbound queues with dial_at: the attempts of the figures below"`
	Answered                  int64     `json:"answered" doc:"dialled with member_answered_at"`
	Connected                 int64     `json:"connected" doc:"dialled with call_bill_sec > 0"`
	ConnectRate               *float64  `json:"connect_rate" doc:"connected / dialled"`
	LiveAnswered              int64     `json:"live_answered" doc:"answered with amd_result HUMAN or NOTSURE"`
	LiveAnswerRate            *float64  `json:"live_answer_rate" doc:"live_answered / dialled; 0 in queues without answering machine detection"`
	Contacts                  int64     `json:"contacts" doc:"dialled with bridged_at"`
	ContactRate               *float64  `json:"contact_rate" doc:"contacts / dialled"`
	RightPartyContacts        int64     `json:"right_party_contacts" doc:"contacts with cc_result = success"`
	RightPartyContactRate     *float64  `json:"right_party_contact_rate" doc:"right_party_contacts / dialled"`
	AttemptsPerContact        *float64  `json:"attempts_per_contact" doc:"dialled / contacts"`
	Conversions               int64     `json:"conversions" doc:"contacts that the agent reported as a success (result_reason = reported_success)"`
	ConversionRate            *float64  `json:"conversion_rate" doc:"conversions / contacts"`
	Dropped                   int64     `json:"dropped" doc:"dialled, answered by a person (amd_result null, HUMAN or NOTSURE), and not bridged within drop_after (2 s) of person_at, else of member_answered_at"`
	DroppedRate               *float64  `json:"dropped_rate" doc:"dropped / (dropped + contacts that were not dropped)"`
	DroppedUnbridged          int64     `json:"dropped_unbridged" doc:"the other reading: dialled, answered by a person, cc_result = abandoned, call_bill_sec > 0 and no bridged_at"`
	DroppedUnbridgedRate      *float64  `json:"dropped_unbridged_rate" doc:"dropped_unbridged / (dropped_unbridged + contacts)"`
	AMDMachines               int64     `json:"amd_machines" doc:"answered with amd_result MACHINE"`
	AMDMachineShare           *float64  `json:"amd_machine_share" doc:"amd_machines / answered"`
	AMDDelayMS                *float64  `json:"amd_delay_ms" doc:"mean time from member_answered_at to the result of the detection, which is person_at, else bridged_at, else ended_at; without CANCEL"`
	Busy                      int64     `json:"busy" doc:"dialled, not answered, and call_cause USER_BUSY; or, where call_cause says none of the four, the switch's call_sip_code 486 or 600"`
	BusyShare                 *float64  `json:"busy_share" doc:"busy / dialled"`
	NoAnswer                  int64     `json:"no_answer" doc:"the same with NO_ANSWER or NO_USER_RESPONSE; 408 or 480"`
	NoAnswerShare             *float64  `json:"no_answer_share" doc:"no_answer / dialled"`
	Invalid                   int64     `json:"invalid" doc:"the same with UNALLOCATED_NUMBER, NUMBER_CHANGED or INVALID_NUMBER_FORMAT; 404, 410, 484 or 604"`
	InvalidShare              *float64  `json:"invalid_share" doc:"invalid / dialled"`
	Network                   int64     `json:"network" doc:"the same with NORMAL_CIRCUIT_CONGESTION, NETWORK_OUT_OF_ORDER or DESTINATION_OUT_OF_ORDER; 500 to 599"`
	NetworkShare              *float64  `json:"network_share" doc:"network / dialled"`
	MeanQueueLength           *float64  `json:"mean_queue_length" doc:"wait_ms / length of the interval (Little)"`
	Traffic                   *float64  `json:"traffic" doc:"offered traffic in Erlang: (talk_ms + wrap_up_ms) / length of the interval"`
}

// AgentFigures is a row of analyst.agent_intervals: what an agent did in an
// interval, in the units of QueueFigures.
type AgentFigures struct {
	DomainID  int64  `json:"-"`
	AgentID   int64  `json:"-"`
	AgentName string `json:"-"`

	IntervalStart        time.Time `json:"interval_start" format:"date-time" doc:"when the interval begins"`
	IntervalEnd          time.Time `json:"interval_end" format:"date-time" doc:"when it ends; that instant belongs to the next"`
	LoginMS              int64     `json:"login_ms" doc:"time with a status other than offline, cut at the borders of the interval; the sum of the eight times that follow"`
	IdleMS               int64     `json:"idle_ms" doc:"of that, online and in no other state"`
	RingingMS            int64     `json:"ringing_ms" doc:"with an offer: state offering on a channel, and bridged on none"`
	TalkingMS            int64     `json:"talking_ms" doc:"in a conversation: state bridged on a channel. Of several attempts on one channel the newest gives its state"`
	WrappingMS           int64     `json:"wrapping_ms" doc:"state processing or wrap_up on a channel"`
	ReservedMS           int64     `json:"reserved_ms" doc:"state reserved: a member is being dialled for the agent"`
	MissedMS             int64     `json:"missed_ms" doc:"state missed: the pause after an offer that was missed"`
	PauseMS              int64     `json:"pause_ms" doc:"status pause, with nobody ringing or talking"`
	BreakOutMS           int64     `json:"break_out_ms" doc:"status break_out: sent away after too many misses"`
	Occupancy            *float64  `json:"occupancy" doc:"(ringing_ms + talking_ms + wrapping_ms) / (login_ms - pause_ms - break_out_ms)"`
	OccupancyWithoutRing *float64  `json:"occupancy_without_ring" doc:"(talking_ms + wrapping_ms) / (login_ms - pause_ms - break_out_ms)"`
	Utilisation          *float64  `json:"utilisation" doc:"(talking_ms + wrapping_ms) / login_ms"`
	Availability         *float64  `json:"availability" doc:"idle_ms / (login_ms - pause_ms - break_out_ms)"`
	Offers               int64     `json:"offers" doc:"attempt.offering to the agent in the interval"`
	Misses               int64     `json:"misses" doc:"of these offers, those that ended in attempt.missed, whenever that was"`
	MissRate             *float64  `json:"miss_rate" doc:"misses / offers"`
	RingMissedMS         int64     `json:"ring_missed_ms" doc:"sum over these of attempt.missed - attempt.offering"`
	Handled              int64     `json:"handled" doc:"attempts that joined in the interval, have left, and had their conversation with the agent; after an attended transfer the last agent"`
	RingHandledMS        int64     `json:"ring_handled_ms" doc:"sum over handled of bridged_at - the last offering_at"`
	TalkMS               int64     `json:"talk_ms" doc:"sum of ended_at - bridged_at over handled"`
	WrapUpMS             int64     `json:"wrap_up_ms" doc:"sum of leaving_at - processing_at over the attempts that joined in the interval and that the agent accepted"`
	AHTMS                *float64  `json:"aht_ms" doc:"average handle time: (talk_ms + wrap_up_ms) / handled"`
	HandledPerHour       *float64  `json:"handled_per_hour" doc:"contacts per agent hour: handled / (login_ms - pause_ms - break_out_ms) in hours"`
}

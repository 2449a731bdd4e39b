package queue

import (
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/queue/pacing"
)

// Type is the life cycle that a queue's attempts follow (engine.md B.7).
type Type string

// The eight queue types. Pooled types find an agent while the member waits;
// reserved types fix the agent before the member is reached; ivr has none.
const (
	Offline     Type = "offline"
	Inbound     Type = "inbound"
	IVR         Type = "ivr"
	Preview     Type = "preview"
	Progressive Type = "progressive"
	Predictive  Type = "predictive"
	Chat        Type = "chat"
	Task        Type = "task"
)

// Built lists the types this version of the engine carries out. A queue of
// another type is refused with the code invalid.
var Built = []Type{Offline, Inbound, IVR, Preview, Progressive, Predictive, Chat, Task}

// Outbound reports whether the engine has the member called, by Dial: every
// type but inbound, chat and task, whose subscribers Join.
func (t Type) Outbound() bool { return t == IVR || t == Predictive || t.reserved() }

// reserved types fix the agent before the member is reached.
func (t Type) reserved() bool { return t == Progressive || t.agentFirst() }

// agentFirst types have the agent accept before the member is dialled.
func (t Type) agentFirst() bool { return t == Offline || t == Preview }

// Channel is the medium of an attempt: the events' field `channel`.
type Channel string

// The closed set of channels (engine.md A.3).
const (
	ChannelCall Channel = "call"
	ChannelChat Channel = "chat"
	ChannelTask Channel = "task"
)

// Channels lists every channel in the order in which agents hold their slots.
var Channels = [...]Channel{ChannelCall, ChannelChat, ChannelTask}

// Channel returns the medium of the type: chat, task, and call for the rest.
func (t Type) Channel() Channel {
	switch t {
	case Chat:
		return ChannelChat
	case Task:
		return ChannelTask
	default:
		return ChannelCall
	}
}

// Distribution says who chooses the agent of an attempt.
type Distribution string

// Engine: this package matches attempts with agents and orders the switch.
// External: a telephone switch does, and its adapter reports (engine.md B.15b).
const (
	DistributionEngine   Distribution = "engine"
	DistributionExternal Distribution = "external"
)

// QueueRef names a queue in an event's envelope.
type QueueRef struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// Queue is the configuration of one queue. Durations are whole seconds; zero
// means what the field says. DefaultQueue gives the settings of engine.md B.17.
type Queue struct {
	ID           int64        `json:"id"`
	Name         string       `json:"name"`
	Type         Type         `json:"type"`
	Distribution Distribution `json:"distribution"`
	Enabled      bool         `json:"enabled"`
	// Priority orders the queues of one agent, higher first.
	Priority int `json:"priority"`
	// Strategy chooses among free agents of the same level; MaxLevel is the
	// highest level of a skill that attempts are offered to from the start.
	Strategy Strategy     `json:"strategy"`
	Skills   []QueueSkill `json:"skills,omitempty"`
	MaxLevel int          `json:"max_level"`
	// Buckets are classes of attempts that are ordered before all else, and that
	// skills may be for. Order is that of attempts of the same priority.
	// StrictFIFO offers the first only: the others wait until he is connected or
	// gone. AgeStepSec raises the priority of who waits by one in so many
	// seconds; 0 = never.
	Buckets    []Bucket  `json:"buckets,omitempty"`
	Order      WaitOrder `json:"order"`
	StrictFIFO bool      `json:"strict_fifo"`
	AgeStepSec int       `json:"age_step_sec"`
	// OneLiveCall keeps the queue's attempts from agents who are in something
	// live on another channel: chats and tasks from who is in a call, calls from
	// who is in a chat or task.
	OneLiveCall bool `json:"one_live_call"`
	// StickySec is how long only an attempt's own agent may be offered it.
	// StickyIgnoreStatus waits for him even while he is offline.
	StickySec          int  `json:"sticky_sec"`
	StickyIgnoreStatus bool `json:"sticky_ignore_status"`
	// ResumeSec gives a subscriber who gave up waiting his place back when he
	// comes again within so many seconds; 0 = off.
	ResumeSec int `json:"resume_sec"`
	// Overflow is what happens to who waits for long, in order of time.
	Overflow []OverflowStep `json:"overflow,omitempty"`
	// Variables travel with every attempt; a member's variable of the same
	// name wins (engine.md D11).
	Variables map[string]string `json:"variables,omitempty"`

	// UseProcessing turns post-processing on: after the conversation the agent
	// has ProcessingSec for his report. RenewSec before the end the agent's
	// screen offers more time; Renewals is how often he may take it, 0 = no
	// limit.
	UseProcessing bool `json:"use_processing"`
	ProcessingSec int  `json:"processing_sec"`
	RenewSec      int  `json:"renew_sec"`
	Renewals      int  `json:"renewals"`
	// ProcessingTimeoutResult is the result of an attempt whose agent has not
	// reported when ProcessingSec is over; empty = success. With
	// ProcessingTimeoutRetry the member of an outbound queue is then tried again,
	// after WaitBetweenRetriesSec (engine.md D9). How a conversation ended stands
	// when that was no ordinary end, such as a transfer.
	ProcessingTimeoutResult CCResult `json:"processing_timeout_result,omitempty"`
	ProcessingTimeoutRetry  bool     `json:"processing_timeout_retry"`
	// WrapUpSec is the agent's pause after an attempt without processing.
	WrapUpSec int `json:"wrap_up_sec"`

	OfferTimeoutSec  int `json:"offer_timeout_sec"`
	BridgeTimeoutSec int `json:"bridge_timeout_sec"`
	// MaxWaitSec ends the waiting; 0 = no limit for tasks, 24 h for the rest
	// (the safety net of engine.md B.10, 21).
	MaxWaitSec int `json:"max_wait_sec"`
	// NoAgentsSec ends the waiting when for so long no agent of the queue has
	// been online; 0 = off.
	NoAgentsSec int `json:"no_agents_sec"`
	// KeepOnMaxWait: the overflow of the switch keeps the call when max_wait or
	// no_agents ends the attempt, so cause and code stay null.
	KeepOnMaxWait bool `json:"keep_on_max_wait"`
	// MaxWaiting refuses a join with queue_full; 0 = no limit.
	MaxWaiting int `json:"max_waiting"`
	// MaxOffers ends a task after so many misses; 0 = no limit.
	MaxOffers int `json:"max_offers"`
	// RejoinSec is how long a conversation whose agent has lost his leg waits for
	// him; 0 = it ends at once (engine.md B.10, 5).
	RejoinSec int `json:"rejoin_sec"`
	// MaxTalkSec ends a conversation that nobody ended (safety net); 0 = 4 h, in
	// a chat after the last message.
	MaxTalkSec int `json:"max_talk_sec"`

	// Delays of an agent's channel after a miss (engine.md B.10, 2).
	NoAnswerDelaySec int `json:"no_answer_delay_sec"`
	RejectDelaySec   int `json:"reject_delay_sec"`
	BusyDelaySec     int `json:"busy_delay_sec"`
	// MaxNoAnswer consecutive misses put the agent on break_out; 0 = off.
	// CountDeclined makes a decline count as well as a timeout.
	MaxNoAnswer   int  `json:"max_no_answer"`
	CountDeclined bool `json:"count_declined"`

	// Idle limits of a chat after it was bridged; 0 = off.
	ClientIdleSec int `json:"client_idle_sec"`
	AgentIdleSec  int `json:"agent_idle_sec"`
	DialogIdleSec int `json:"dialog_idle_sec"`

	// Settings of the outbound types. OriginateTimeoutSec is how long a member's
	// phone may ring; the order to dial has 5 s more.
	OriginateTimeoutSec int `json:"originate_timeout_sec"`
	// AMD turns answering machine detection on (ivr, progressive, predictive).
	// It may take AMDTotalAnalysisMs milliseconds; a second later it is NOTSURE,
	// which is taken for a person with AllowNotSure.
	AMD                bool `json:"amd"`
	AMDTotalAnalysisMs int  `json:"amd_total_analysis_ms"`
	AllowNotSure       bool `json:"allow_notsure"`
	// MinDurationSec makes an ivr call a success.
	MinDurationSec int `json:"min_duration_sec"`
	// SkipAllowed lets a preview agent pass a member over, who is ready again
	// after SkipDelaySec, but for this agent after SkipExcludeSec only: whoever
	// dials him before names the agent in Dial.Exclusions.
	SkipAllowed    bool `json:"skip_allowed"`
	SkipDelaySec   int  `json:"skip_delay_sec"`
	SkipExcludeSec int  `json:"skip_exclude_sec"`
	// ProgressiveCount is how many members may be dialled for one agent at once.
	// ReofferSec is how long a member whom his agent did not take waits for any
	// agent; 0 = not at all.
	ProgressiveCount int `json:"progressive_count"`
	ReofferSec       int `json:"reoffer_sec"`
	// MaxAttempts ends a member after so many counted attempts; 0 = no limit.
	// WaitBetweenRetriesSec is the pause where no rule names another,
	// RetryAbandonedSec the one after a person found no agent; 0 = never again.
	MaxAttempts           int `json:"max_attempts"`
	WaitBetweenRetriesSec int `json:"wait_between_retries_sec"`
	RetryAbandonedSec     int `json:"retry_abandoned_sec"`
	// PerNumbers: MaxAttempts counts for each number of a member by itself.
	// RetryRules go before the default rules; the first that fits decides.
	PerNumbers bool        `json:"per_numbers"`
	RetryRules []RetryRule `json:"retry_rules,omitempty"`
	// MaxCalls bounds the calls of an outbound queue at once, CallsPerSec the new
	// ones within any second; 0 = no limit. Trunks are those that its calls may
	// leave by; empty = all.
	MaxCalls    int     `json:"max_calls"`
	CallsPerSec int     `json:"calls_per_sec"`
	Trunks      []int64 `json:"trunks,omitempty"`
	// CalendarID is when the queue is open; 0 = always. CloseWaiting ends the
	// waiting of those who are inside when it closes, or the queue is disabled.
	CalendarID   int64 `json:"calendar_id"`
	CloseWaiting bool  `json:"close_waiting"`
	// Pacing is how far ahead of its agents a predictive queue dials, and by
	// which law the dropped calls of predictive and progressive ones are counted;
	// null = by that of the United States. It means nothing in other types.
	Pacing *Law `json:"pacing"`
}

// DefaultQueue returns an enabled queue of the type with the defaults of
// engine.md B.17, distributed by the engine, with post-processing.
func DefaultQueue(id int64, name string, t Type) Queue {
	q := Queue{
		ID: id, Name: name, Type: t, Distribution: DistributionEngine, Enabled: true,
		UseProcessing: true, ProcessingSec: 30, RenewSec: 15, Renewals: 1, ProcessingTimeoutResult: ResultSuccess,
		Strategy: LongestIdle, MaxLevel: maxLevel, Order: FIFO, StickySec: 5,
		OfferTimeoutSec: 20, BridgeTimeoutSec: 5, MaxWaitSec: 3600,
		NoAnswerDelaySec: 10, RejectDelaySec: 10, BusyDelaySec: 60, CountDeclined: true,
		OriginateTimeoutSec: 60, AMDTotalAnalysisMs: 5000, MinDurationSec: 3,
		SkipAllowed: true, SkipDelaySec: 300, SkipExcludeSec: 3600, ProgressiveCount: 1,
		MaxAttempts: 3, WaitBetweenRetriesSec: 1800, RetryAbandonedSec: 72 * 3600,
	}
	switch t {
	case Chat:
		q.OfferTimeoutSec = 30
		q.ClientIdleSec, q.AgentIdleSec = 3600, 3600
	case Task:
		q.OfferTimeoutSec = 30
		q.MaxWaitSec = 0
	case Predictive:
		q.MaxWaitSec = 10
	case IVR:
		q.UseProcessing = false
		q.MaxCalls = 30
	}
	if t.paced() {
		law := pacing.US()
		q.Pacing = &law
	}
	return q
}

// ExternalQueue returns the queue that is made when a switch names one that is
// not known: inbound, external, without processing (engine.md B.15b).
func ExternalQueue(id int64, name string) Queue {
	q := DefaultQueue(id, name, Inbound)
	q.Distribution = DistributionExternal
	q.UseProcessing = false
	return q
}

// Ref returns the queue's name in envelopes.
func (q *Queue) Ref() QueueRef { return QueueRef{ID: q.ID, Name: q.Name, Type: q.Type} }

// Validate reports the first setting that cannot be carried out, as an *Error
// with the code invalid and the field's JSON name.
func (q *Queue) Validate() error {
	if q.Name == "" || len(q.Name) > 200 {
		return invalid("name", "a queue needs a name of at most 200 bytes")
	}
	if !slices.Contains(Built, q.Type) {
		return invalid("type", fmt.Sprintf("queue type %q is not built; use one of %v", q.Type, Built))
	}
	if q.Distribution != DistributionEngine && q.Distribution != DistributionExternal {
		return invalid("distribution", `distribution is "engine" or "external"`)
	}
	if q.UseProcessing && q.ProcessingSec <= 0 {
		return invalid("processing_sec", "processing_sec must be positive when use_processing is on")
	}
	switch q.ProcessingTimeoutResult {
	case "", ResultSuccess, ResultAbandoned, ResultCancel:
	default:
		return invalid("processing_timeout_result", "processing_timeout_result is success, abandoned or cancel")
	}
	if q.OfferTimeoutSec <= 0 {
		return invalid("offer_timeout_sec", "offer_timeout_sec must be positive")
	}
	if q.Type.Outbound() {
		if err := q.validateOutbound(); err != nil {
			return err
		}
	}
	for _, check := range [...]func() error{q.validateList, q.validateOrder, q.validateSkills, q.validateOverflow} {
		if err := check(); err != nil {
			return err
		}
	}
	return q.validateLimits()
}

func (q *Queue) validateOutbound() error {
	switch {
	case q.Distribution == DistributionExternal:
		return invalid("distribution", "members of an outbound queue are dialled by the engine")
	case q.OriginateTimeoutSec <= 0 || q.OriginateTimeoutSec > 600:
		return invalid("originate_timeout_sec", "originate_timeout_sec must be between 1 and 600")
	case q.AMD && (q.AMDTotalAnalysisMs <= 0 || q.AMDTotalAnalysisMs > 60_000):
		return invalid("amd_total_analysis_ms", "amd_total_analysis_ms must be between 1 and 60000")
	case q.Type == Progressive && (q.ProgressiveCount < 1 || q.ProgressiveCount > 100):
		return invalid("progressive_count", "progressive_count must be between 1 and 100")
	case q.Pacing != nil:
		if err := q.Pacing.Validate(); err != nil {
			return invalid("pacing", err.Error())
		}
		return nil
	default:
		return nil
	}
}

func (q *Queue) validateLimits() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"processing_sec", q.ProcessingSec}, {"renew_sec", q.RenewSec}, {"renewals", q.Renewals},
		{"wrap_up_sec", q.WrapUpSec}, {"offer_timeout_sec", q.OfferTimeoutSec},
		{"bridge_timeout_sec", q.BridgeTimeoutSec}, {"max_wait_sec", q.MaxWaitSec},
		{"no_agents_sec", q.NoAgentsSec}, {"max_waiting", q.MaxWaiting}, {"max_offers", q.MaxOffers},
		{"rejoin_sec", q.RejoinSec}, {"max_talk_sec", q.MaxTalkSec}, {"no_answer_delay_sec", q.NoAnswerDelaySec},
		{"reject_delay_sec", q.RejectDelaySec}, {"busy_delay_sec", q.BusyDelaySec},
		{"max_no_answer", q.MaxNoAnswer}, {"client_idle_sec", q.ClientIdleSec},
		{"agent_idle_sec", q.AgentIdleSec}, {"dialog_idle_sec", q.DialogIdleSec},
		{"originate_timeout_sec", q.OriginateTimeoutSec}, {"amd_total_analysis_ms", q.AMDTotalAnalysisMs},
		{"min_duration_sec", q.MinDurationSec}, {"skip_delay_sec", q.SkipDelaySec},
		{"skip_exclude_sec", q.SkipExcludeSec}, {"progressive_count", q.ProgressiveCount},
		{"reoffer_sec", q.ReofferSec}, {"max_attempts", q.MaxAttempts},
		{"wait_between_retries_sec", q.WaitBetweenRetriesSec}, {"retry_abandoned_sec", q.RetryAbandonedSec},
		{"age_step_sec", q.AgeStepSec}, {"sticky_sec", q.StickySec}, {"resume_sec", q.ResumeSec},
	} {
		if f.value < 0 || f.value > int(30*24*time.Hour/time.Second) {
			return invalid(f.name, f.name+" must be between 0 and 2592000")
		}
	}
	return nil
}

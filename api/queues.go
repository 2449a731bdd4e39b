package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Queue is a queue as the API shows it. It has the fields of queue.Queue in
// their order, so that one converts into the other and a new setting cannot be
// forgotten here.
type Queue struct {
	ID           int64              `json:"id" doc:"Given by the server."`
	Name         string             `json:"name" minLength:"1" maxLength:"200" doc:"Unique in the domain."`
	Type         queue.Type         `json:"type" doc:"The life cycle that attempts follow."`
	Distribution queue.Distribution `json:"distribution" enum:"engine,external" doc:"engine: offhook matches attempts with agents. external: a telephone switch does and reports."`
	Enabled      bool               `json:"enabled" doc:"A disabled queue refuses joins; who waits in it stays, unless close_waiting ends that."`
	Priority     int                `json:"priority" minimum:"-1000000" maximum:"1000000" doc:"Orders the queues of one agent, higher first."`
	Strategy     queue.Strategy     `json:"strategy" enum:"longest-idle,round-robin,random,fewest-calls,least-talk-time,top-down,skill-capacity" doc:"Who of several free agents of the same level is offered an attempt."`
	Skills       []queue.QueueSkill `json:"skills" maxItems:"50" doc:"Agents with one of these skills are offered attempts, besides those who name the queue."`
	MaxLevel     int                `json:"max_level" minimum:"0" maximum:"100" doc:"The highest skill level that attempts are offered to at first; overflow can add more."`

	Buckets     []queue.Bucket  `json:"buckets" maxItems:"50" doc:"Classes of attempts, ordered before any priority."`
	Order       queue.WaitOrder `json:"order" enum:"fifo,lifo" doc:"Who is first of those with the same priority: who came first, or who came last."`
	StrictFIFO  bool            `json:"strict_fifo" doc:"Only the first is offered; the others wait until he is connected or gone."`
	AgeStepSec  int             `json:"age_step_sec" doc:"So many seconds of waiting count like 1 of priority; 0 = not at all."`
	OneLiveCall bool            `json:"one_live_call" doc:"Chats and tasks are not offered to agents who are in a call, calls not to agents who are in a chat or task."`

	StickySec          int                  `json:"sticky_sec" doc:"How long an attempt with sticky_agent_id is offered to that agent only."`
	StickyIgnoreStatus bool                 `json:"sticky_ignore_status" doc:"It waits for him even while he is offline."`
	ResumeSec          int                  `json:"resume_sec" doc:"Who gave up waiting and comes again within this time has his old place; 0 = off."`
	Overflow           []queue.OverflowStep `json:"overflow" maxItems:"20" doc:"What happens to who waits for long: steps in order of after_sec."`

	Variables map[string]string `json:"variables" doc:"Travel with every attempt; a member's variable of the same name wins."`

	UseProcessing           bool           `json:"use_processing" doc:"After the conversation the agent has time for a report."`
	ProcessingSec           int            `json:"processing_sec" doc:"That time."`
	RenewSec                int            `json:"renew_sec" doc:"So long before the end an agent's screen offers more time."`
	Renewals                int            `json:"renewals" doc:"How often more time may be taken; 0 = no limit."`
	ProcessingTimeoutResult queue.CCResult `json:"processing_timeout_result,omitempty" enum:"success,abandoned,cancel" doc:"The result when the agent has not reported by then."`
	ProcessingTimeoutRetry  bool           `json:"processing_timeout_retry" doc:"Outbound queues: the member is then tried again, after wait_between_retries_sec."`
	WrapUpSec               int            `json:"wrap_up_sec" doc:"The agent's pause after an attempt without processing."`

	OfferTimeoutSec  int  `json:"offer_timeout_sec" doc:"How long an agent is rung."`
	BridgeTimeoutSec int  `json:"bridge_timeout_sec" doc:"How long the switch has for connecting."`
	MaxWaitSec       int  `json:"max_wait_sec" doc:"Ends the waiting; 0 = no limit for tasks, 24 h for the rest."`
	NoAgentsSec      int  `json:"no_agents_sec" doc:"Ends the waiting when for so long no agent of the queue was online; 0 = off."`
	KeepOnMaxWait    bool `json:"keep_on_max_wait" doc:"The switch keeps the call when waiting ends, so it has no cause."`
	MaxWaiting       int  `json:"max_waiting" doc:"More joins are refused; 0 = no limit."`
	MaxOffers        int  `json:"max_offers" doc:"Ends a task after so many misses; 0 = no limit."`
	RejoinSec        int  `json:"rejoin_sec" doc:"How long a conversation whose agent has lost his line waits for him to come back; 0 = it ends."`
	MaxTalkSec       int  `json:"max_talk_sec" doc:"Ends a conversation that nobody ended; 0 = 4 h."`

	NoAnswerDelaySec int  `json:"no_answer_delay_sec" doc:"The agent's pause after an offer that he did not answer."`
	RejectDelaySec   int  `json:"reject_delay_sec" doc:"After one that he declined."`
	BusyDelaySec     int  `json:"busy_delay_sec" doc:"After one that found him busy."`
	MaxNoAnswer      int  `json:"max_no_answer" doc:"So many misses in a row put the agent on break_out; 0 = off."`
	CountDeclined    bool `json:"count_declined" doc:"A decline counts as a miss too."`

	ClientIdleSec int `json:"client_idle_sec" doc:"Ends a chat whose client is silent; 0 = off."`
	AgentIdleSec  int `json:"agent_idle_sec" doc:"Ends a chat whose agent is silent; 0 = off."`
	DialogIdleSec int `json:"dialog_idle_sec" doc:"Ends a chat that is silent on both sides; 0 = off."`

	OriginateTimeoutSec int  `json:"originate_timeout_sec" doc:"Outbound types: how long a member's phone may ring, 1 to 600."`
	AMD                 bool `json:"amd" doc:"ivr, progressive, predictive: examine who answers for an answering machine."`
	AMDTotalAnalysisMs  int  `json:"amd_total_analysis_ms" doc:"How long that may take, in milliseconds; a second later it is NOTSURE."`
	AllowNotSure        bool `json:"allow_notsure" doc:"NOTSURE is taken for a person."`
	MinDurationSec      int  `json:"min_duration_sec" doc:"ivr: a shorter call is abandoned, short_ivr."`

	SkipAllowed    bool `json:"skip_allowed" doc:"preview: the agent may pass a member over."`
	SkipDelaySec   int  `json:"skip_delay_sec" doc:"When a member who was skipped is ready again."`
	SkipExcludeSec int  `json:"skip_exclude_sec" doc:"When he is for the agent who skipped him."`

	ProgressiveCount int `json:"progressive_count" doc:"progressive: so many members are dialled for one agent, 1 to 100."`
	ReofferSec       int `json:"reoffer_sec" doc:"progressive: how long a member whom his agent did not take waits for any agent; 0 = not at all."`

	MaxAttempts           int `json:"max_attempts" doc:"Ends a member after so many counted attempts; 0 = no limit."`
	WaitBetweenRetriesSec int `json:"wait_between_retries_sec" doc:"The pause of a member where no rule names another."`
	RetryAbandonedSec     int `json:"retry_abandoned_sec" doc:"His pause after he answered and found no agent; 0 = never again."`

	PerNumbers bool              `json:"per_numbers" doc:"max_attempts counts for each number of a member by itself."`
	RetryRules []queue.RetryRule `json:"retry_rules" doc:"When a member is tried again, before the default rules; the first rule that fits decides."`

	MaxCalls    int     `json:"max_calls" doc:"Outbound types: the calls at once; 0 = no limit."`
	CallsPerSec int     `json:"calls_per_sec" doc:"The new calls within any second; 0 = no limit."`
	Trunks      []int64 `json:"trunks" doc:"The trunks that the calls may leave by; none = all."`

	CalendarID   int64 `json:"calendar_id" doc:"When the queue is open; 0 = always."`
	CloseWaiting bool  `json:"close_waiting" doc:"The waiting of those who are inside ends when the calendar closes, or the queue is disabled."`

	Pacing *queue.Law `json:"pacing" doc:"predictive, progressive: how far ahead of the agents members are dialled, and the law by which dropped calls are counted. Null = that of the United States."`
}

// queueNulls are the settings of a queue that may be null.
var queueNulls = []string{"pacing"}

// TransformSchema shows the law on dropped calls where it belongs. What a
// request leaves out of it stays as it was, at first that of the United States.
func (Queue) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	law := huma.SchemaFromType(r, reflect.TypeFor[queue.Law]())
	law.Required, law.Nullable = nil, true
	law.Description = s.Properties["pacing"].Description
	s.Properties["pacing"] = law
	return s
}

// NewQueue is the body that creates a queue: name, type, and the settings that
// shall differ from the defaults of that type.
type NewQueue Queue

// TransformSchema makes everything but name and type optional.
func (NewQueue) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return settingsSchema(Queue{}.TransformSchema(r, s), "name", "type")
}

// QueueChange is the body that changes a queue: the settings that shall change.
type QueueChange Queue

// TransformSchema makes everything optional.
func (QueueChange) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return settingsSchema(Queue{}.TransformSchema(r, s))
}

func settingsSchema(s *huma.Schema, required ...string) *huma.Schema {
	delete(s.Properties, "id")
	s.Required = required
	s.Properties["type"].Enum = queueTypes()
	return s
}

// queueTypes are the values that a queue's type may have.
func queueTypes() []any {
	types := make([]any, len(queue.Built))
	for i, t := range queue.Built {
		types[i] = string(t)
	}
	return types
}

type queueOut struct{ Body Queue }

type queueCreated struct {
	Location string `header:"Location"`
	Body     Queue
}

// QueuePath names a queue in a path.
type QueuePath struct {
	ID int64 `path:"id" minimum:"1" doc:"The queue."`
}

func (h *handler) queueRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/queues", id: "listQueues", tag: tagQueues, role: store.RoleAnalyst,
		summary: "List queues", doc: "In the order of their ids. With name, the one queue of that name or none.",
	}, h.listQueues)
	register(h, operation{
		method: http.MethodPost, path: "/v1/queues", id: "createQueue", tag: tagQueues, role: store.RoleAdmin,
		status: http.StatusCreated, conflicts: true,
		summary: "Create a queue", doc: "Settings that are not given have the defaults of the type.",
	}, h.createQueue)
	register(h, operation{
		method: http.MethodGet, path: "/v1/queues/{id}", id: "readQueue", tag: tagQueues, role: store.RoleAnalyst,
		summary: "Read a queue",
	}, h.readQueue)
	register(h, operation{
		method: http.MethodPatch, path: "/v1/queues/{id}", id: "changeQueue", tag: tagQueues, role: store.RoleAdmin,
		conflicts: true, summary: "Change a queue",
		doc: "Only the settings in the body change; lists, and `variables`, are replaced as a whole. Attempts that are open keep what they started with, except that who waits is ordered and offered by the settings as they are now.",
	}, h.changeQueue)
	register(h, operation{
		method: http.MethodDelete, path: "/v1/queues/{id}", id: "deleteQueue", tag: tagQueues, role: store.RoleAdmin,
		conflicts: true, summary: "Delete a queue", doc: "Refused with in_use while attempts are open in it.",
	}, h.deleteQueue)
}

func (h *handler) listQueues(ctx context.Context, c caller, in *struct {
	Page
	Name string `query:"name" maxLength:"200" doc:"Only the queue of this name."`
}) (*listOut[Queue], error) {
	var found []*queue.Queue
	err := h.read(ctx, c, func(e *queue.Engine) {
		if in.Name == "" {
			found = e.Queues()
		} else if q := e.QueueByName(in.Name); q != nil {
			found = []*queue.Queue{q}
		}
	})
	if err != nil {
		return nil, err
	}
	some, next, err := pageByID(found, in.Page, "q", func(q *queue.Queue) int64 { return q.ID })
	if err != nil {
		return nil, err
	}
	out := &listOut[Queue]{Body: list[Queue]{Data: []Queue{}, NextCursor: next}}
	for _, q := range some {
		out.Body.Data = append(out.Body.Data, viewQueue(q))
	}
	return out, nil
}

func (h *handler) createQueue(ctx context.Context, c caller, in *struct {
	Body    NewQueue
	RawBody []byte
}) (*queueCreated, error) {
	q := Queue(queue.DefaultQueue(0, in.Body.Name, in.Body.Type))
	if err := overlay(in.RawBody, &q, queueNulls...); err != nil {
		return nil, err
	}
	saved, err := h.saveQueue(ctx, c, queue.Queue(q))
	if err != nil {
		return nil, err
	}
	return &queueCreated{Location: location("queues", saved.ID), Body: viewQueue(saved)}, nil
}

func (h *handler) readQueue(ctx context.Context, c caller, in *QueuePath) (*queueOut, error) {
	q, err := h.queue(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &queueOut{viewQueue(q)}, nil
}

func (h *handler) changeQueue(ctx context.Context, c caller, in *struct {
	QueuePath
	Body    QueueChange
	RawBody []byte
}) (*queueOut, error) {
	h.settings.Lock()
	defer h.settings.Unlock()
	if err := h.catchUp(ctx, c); err != nil {
		return nil, err
	}
	q, err := h.queue(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	changed := Queue(*q)
	if in.Body.Variables != nil {
		changed.Variables = nil // else the old ones would shine through
	}
	if err := overlay(in.RawBody, &changed, queueNulls...); err != nil {
		return nil, err
	}
	changed.ID = in.ID
	saved, err := h.saveQueue(ctx, c, queue.Queue(changed))
	if err != nil {
		return nil, err
	}
	return &queueOut{viewQueue(saved)}, nil
}

func (h *handler) deleteQueue(ctx context.Context, c caller, in *QueuePath) (*struct{}, error) {
	_, err := h.do(ctx, c, queue.RemoveQueue{ID: in.ID})
	return nil, err
}

// queue reads one queue of the caller's domain.
func (h *handler) queue(ctx context.Context, c caller, id int64) (*queue.Queue, error) {
	var q *queue.Queue
	found, err := h.find(ctx, c, func(e *queue.Engine) bool {
		q = e.Queue(id)
		return q != nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problem(queue.CodeUnknownQueue, fmt.Sprintf("No queue %d is visible with this key.", id))
	}
	return q, nil
}

// saveQueue creates or changes a queue and returns it as the engine keeps it.
func (h *handler) saveQueue(ctx context.Context, c caller, q queue.Queue) (*queue.Queue, error) {
	result, err := h.do(ctx, c, queue.SaveQueue{Queue: q})
	if err != nil {
		return nil, err
	}
	for _, r := range result.Changed {
		if saved, ok := r.(*queue.Queue); ok {
			return saved, nil
		}
	}
	return h.queue(ctx, c, q.ID) // nothing changed
}

func viewQueue(q *queue.Queue) Queue {
	v := Queue(*q)
	if v.Variables == nil {
		v.Variables = map[string]string{}
	}
	if v.Trunks == nil {
		v.Trunks = []int64{}
	}
	if v.RetryRules == nil {
		v.RetryRules = []queue.RetryRule{}
	}
	if v.Skills == nil {
		v.Skills = []queue.QueueSkill{}
	}
	if v.Buckets == nil {
		v.Buckets = []queue.Bucket{}
	}
	if v.Overflow == nil {
		v.Overflow = []queue.OverflowStep{}
	}
	return v
}

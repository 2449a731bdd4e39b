package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// maxReports is how many reports one request may bring, and maxReportsBody how
// many bytes.
const (
	maxReports     = 1000
	maxReportsBody = 4 << 20
	maxReportText  = 500 // bytes in one text of a report; variables have their own
	maxVariables   = 32 << 10
	maxPriority    = 1_000_000
)

// eventAgentStatus is the one report that is about an agent and not about an
// attempt; it is here so that an adapter can keep it in order with the others.
const eventAgentStatus = "agent_status"

// eventCalls is the report about all calls of a switch, after its driver was away.
const eventCalls = "calls"

// SwitchReport is one report of a telephone switch. The attempt is named by
// attempt_id or by channel_id; which other fields count depends on the event.
type SwitchReport struct {
	AttemptID int64             `json:"attempt_id" doc:"The attempt; or channel_id names it."`
	ChannelID string            `json:"channel_id" doc:"The switch's id of one of the attempt's legs, which also says which leg it is."`
	Leg       queue.Leg         `json:"leg" enum:"member,agent"`
	Event     queue.SwitchEvent `json:"event" doc:"ringing, answered: leg. bridged, bridge_failed, amd, ended, message. transferred: where to. For queues that a switch distributes also joined, offered, missed, left. agent_status: the agent's status. calls: what the switch still has."`
	At        time.Time         `json:"at" doc:"When it happened; now when absent. It is clamped between the attempt's last event and now."`

	AgentID        int64  `json:"agent_id"`
	AgentRef       string `json:"agent_ref" doc:"The agent's name in the switch; one that is not known creates an agent."`
	AgentName      string `json:"agent_name" doc:"For an agent that is created."`
	AgentChannelID string `json:"agent_channel_id" doc:"The switch's id of the agent's call."`
	QueueID        int64  `json:"queue_id" doc:"joined, transferred: the queue, or queue_name."`
	QueueName      string `json:"queue_name" doc:"joined, transferred: a name that is not known creates an external queue."`
	OfferNo        int    `json:"offer_no"`

	Reason       string       `json:"reason" doc:"missed: why. ended: transfer_blind or transfer_attended when the leg went on elsewhere. transferred: transfer_attended, else it was blind. agent_status: what goes with the status."`
	ResultReason queue.Reason `json:"result_reason" doc:"left: why, such as max_wait, no_agents, key_exit or withdrawn; empty = he hung up. A word that is not known is refused."`
	Cause        queue.Cause  `json:"cause" doc:"Why the leg ended, by its FreeSWITCH name, such as USER_BUSY."`
	SIPCode      int          `json:"sip_code"`
	AMDResult    string       `json:"amd_result" doc:"HUMAN, MACHINE (MASHINE is understood), NOTSURE, CANCEL, or a detector's own label."`
	Status       queue.Status `json:"status" enum:"online,offline,pause,break_out" doc:"agent_status: the status."`

	Destination      *string           `json:"destination"`
	MemberName       *string           `json:"member_name"`
	MemberChannelID  string            `json:"member_channel_id"`
	DialAt           time.Time         `json:"dial_at"`
	MemberAnsweredAt moment            `json:"member_answered_at" doc:"joined: absent means now; null means that it still rings."`
	Priority         int               `json:"priority"`
	Variables        map[string]string `json:"variables"`

	Channels []string `json:"channels" doc:"calls: the ids of all channels that the switch has."`
	Queues   []string `json:"queues" doc:"calls: only compare attempts of the queues of these names; all when absent."`
	Lost     bool     `json:"lost" doc:"calls: the switch has lost the others; they leave as recovered, not as hung up."`
}

// TransformSchema makes everything but the event optional.
func (SwitchReport) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = []string{"event"}
	return s
}

// ReportResult is what became of one report.
type ReportResult struct {
	// Status is done; dropped, when the report came too late or about nothing
	// that is known; or refused.
	Status    string      `json:"status" enum:"done,dropped,refused" doc:"dropped: it came too late or about nothing that is known, do not send it again. refused: code says why."`
	AttemptID *int64      `json:"attempt_id" doc:"The attempt that it was about; for joined, the new one."`
	State     queue.State `json:"state,omitempty" doc:"Where the attempt stands now."`
	Code      Code        `json:"code,omitempty"`
	Detail    string      `json:"detail,omitempty"`
}

type reportsOut struct{ Body list[ReportResult] }

func (h *handler) reportRoutes() {
	op := operation{
		method: http.MethodPost, path: "/v1/reports", id: "reportFromSwitch", tag: tagReports, role: store.RoleOperator,
		maxBody: maxReportsBody, raw: true, summary: "Report what a switch has seen",
		doc: "Takes one report or an array of up to 1,000. They are carried out in their order, become durable together, " +
			"and each has its own result at the same place. A body that breaks the schema is refused as a whole.",
	}
	register(h, op, h.takeReports)
	// The body is decoded here and not by huma, whose generic validation costs
	// several times as much as the rest of the request.
	registry := h.huma.OpenAPI().Components.Schemas
	one := registry.Schema(reflect.TypeFor[SwitchReport](), true, "SwitchReport")
	most := maxReports
	operationAt(h.huma.OpenAPI(), op.method, op.path).RequestBody.Content["application/json"].Schema = &huma.Schema{
		OneOf: []*huma.Schema{one, {Type: huma.TypeArray, Items: one, MaxItems: &most}},
	}
}

func (h *handler) takeReports(ctx context.Context, c caller, in *struct {
	RawBody []byte `contentType:"application/json"`
}) (*reportsOut, error) {
	reports, err := decodeReports(in.RawBody)
	if err != nil {
		return nil, err
	}
	commands := make([]queue.Command, len(reports))
	for i := range reports {
		commands[i] = reports[i].command()
	}
	d, ok := h.cfg.Desk(c.domain)
	if !ok {
		return nil, problem(CodeUnavailable, "This server does not serve the domain of the key.")
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	answers, err := d.DoNoted(ctx, commands, marking(ctx, nil))
	if err != nil {
		return nil, err
	}
	out := &reportsOut{list[ReportResult]{Data: make([]ReportResult, len(answers))}}
	for i := range answers {
		if out.Body.Data[i], err = resultOf(&answers[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resultOf shows one answer of the desk. An error that is no refusal means that
// nothing was stored.
func resultOf(a *desk.Answer) (ReportResult, error) {
	if a.Err != nil {
		var e *queue.Error
		if !errors.As(a.Err, &e) {
			return ReportResult{}, a.Err
		}
		return ReportResult{Status: "refused", Code: e.Code, Detail: e.Detail}, nil
	}
	r := ReportResult{Status: "done"}
	if a.Result.Dropped != "" {
		r.Status, r.Detail = "dropped", a.Result.Dropped
	}
	if t := a.Result.Attempt; t != nil {
		r.AttemptID, r.State = &t.ID, t.State
	}
	return r, nil
}

// command is the report as the desk takes it.
func (r *SwitchReport) command() queue.Command {
	if r.Event == eventAgentStatus {
		return queue.SetAgentStatus{
			AgentID: r.AgentID, AgentRef: r.AgentRef, AgentName: r.AgentName,
			Status: r.Status, Reason: r.Reason, At: utc(&r.At),
		}
	}
	if r.Event == eventCalls {
		return queue.Reconcile{Engine: true, Queues: r.Queues, Live: r.Channels, Lost: r.Lost, At: utc(&r.At)}
	}
	return queue.SwitchReport{
		AttemptID: r.AttemptID, ChannelID: r.ChannelID, QueueID: r.QueueID, QueueName: r.QueueName,
		Leg: r.Leg, Event: r.Event, At: utc(&r.At),
		AgentID: r.AgentID, AgentRef: r.AgentRef, AgentName: r.AgentName, AgentChannelID: r.AgentChannelID,
		OfferNo: r.OfferNo, Reason: r.Reason, ResultReason: r.ResultReason, Cause: r.Cause,
		SIPCode: r.SIPCode, AMDResult: r.AMDResult, Destination: r.Destination, MemberName: r.MemberName,
		MemberChannelID: r.MemberChannelID, DialAt: utc(&r.DialAt), MemberAnsweredAt: utc(&r.MemberAnsweredAt.at),
		MemberUnanswered: r.MemberAnsweredAt.null(), Priority: r.Priority, Variables: r.Variables,
	}
}

// decodeReports reads the body: one report, or an array of them.
func decodeReports(body []byte) ([]SwitchReport, error) {
	if hasNUL(body) {
		return nil, problem(CodeMalformed, "The body is not JSON: "+errNUL.Error())
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	single := len(body) > 0 && body[0] == '{'
	// Each report has a brace: with room for all of them, none is moved.
	reports := make([]SwitchReport, 1, 1+min(bytes.Count(body, []byte{'{'}), maxReports))
	var err error
	if single {
		err = strictly(body, &reports[0])
	} else {
		err = strictly(body, &reports)
	}
	if err != nil {
		return nil, blame(body, single, err)
	}
	if len(reports) == 0 || len(reports) > maxReports {
		return nil, invalid("", fmt.Sprintf("send between 1 and %d reports", maxReports))
	}
	for i := range reports {
		if reports[i].Event == "" {
			return nil, invalid(at(i, single)+"/event", "event is missing: it says what was seen")
		}
		if field := reports[i].beyond(); field != "" {
			return nil, invalid(at(i, single)+"/"+field, field+" is too long or too large")
		}
	}
	return reports, nil
}

// strictly decodes exactly one JSON value without unknown fields.
func strictly(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if len(bytes.TrimLeft(body[d.InputOffset():], " \t\r\n")) > 0 {
		return errors.New("there is more behind the JSON value")
	}
	return nil
}

// blame finds which report made the decoding fail. Only a body that was refused
// is read a second time.
func blame(body []byte, single bool, err error) *Problem {
	if !json.Valid(body) {
		return problem(CodeMalformed, "The body is not JSON: "+err.Error())
	}
	var items []json.RawMessage
	if single {
		items = []json.RawMessage{body}
	} else if json.Unmarshal(body, &items) != nil {
		return invalid("", "expected one report or an array of reports")
	}
	for i, item := range items {
		err := strictly(item, &SwitchReport{})
		if err == nil {
			continue
		}
		where := at(i, single)
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return invalid(where+"/"+strings.ReplaceAll(wrong.Field, ".", "/"), "expected "+jsonKind(wrong.Type)+", not "+wrong.Value)
		} else if field := wrongInstant(item); field != "" {
			return invalid(where+"/"+field, wantInstant)
		} else if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
			where += "/" + strings.Trim(field, `"`)
		}
		return invalid(where, strings.TrimPrefix(err.Error(), "json: "))
	}
	return invalid("", err.Error())
}

// jsonKind says what JSON calls the values of a Go type.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Map, reflect.Struct:
		return "object"
	default:
		return t.Kind().String()
	}
}

// wrongInstant names the field of a report that should be an instant and is
// none; the decoder's error does not.
func wrongInstant(report []byte) string {
	var fields struct {
		At       json.RawMessage `json:"at"`
		Dial     json.RawMessage `json:"dial_at"`
		Answered json.RawMessage `json:"member_answered_at"`
	}
	_ = json.Unmarshal(report, &fields) // it is JSON, and these take any value
	for _, f := range []struct {
		name  string
		value []byte
	}{{"at", fields.At}, {"dial_at", fields.Dial}, {"member_answered_at", fields.Answered}} {
		if len(f.value) > 0 && json.Unmarshal(f.value, &time.Time{}) != nil {
			return f.name
		}
	}
	return ""
}

func at(i int, single bool) string {
	if single {
		return ""
	}
	return fmt.Sprintf("/%d", i)
}

// beyond returns the first field that is larger than what is kept, or "".
func (r *SwitchReport) beyond() string {
	if r.Priority < -maxPriority || r.Priority > maxPriority {
		return "priority"
	}
	for _, f := range []struct{ name, value string }{
		{"channel_id", r.ChannelID}, {"agent_ref", r.AgentRef}, {"agent_name", r.AgentName},
		{"agent_channel_id", r.AgentChannelID}, {"queue_name", r.QueueName}, {"reason", r.Reason},
		{"result_reason", string(r.ResultReason)}, {"cause", string(r.Cause)}, {"amd_result", r.AMDResult},
		{"destination", text(r.Destination)}, {"member_name", text(r.MemberName)},
		{"member_channel_id", r.MemberChannelID},
	} {
		if len(f.value) > maxReportText {
			return f.name
		}
	}
	for name, texts := range map[string][]string{"channels": r.Channels, "queues": r.Queues} {
		if slices.ContainsFunc(texts, func(t string) bool { return len(t) > maxReportText }) {
			return name
		}
	}
	size := 0
	for name, value := range r.Variables {
		size += len(name) + len(value)
	}
	if size > maxVariables {
		return "variables"
	}
	return ""
}

package queue

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the event's body in the format `standard` (engine.md B.4)
// to b. The bytes depend on the event alone and are pinned per Schema: they
// are the same for a fresh event and for one that was read back. Nothing here
// may change without a new Schema.
func (e *Event) AppendJSON(b []byte) []byte {
	b = e.appendEnvelope(b)
	if e.Listed == nil {
		return e.appendOther(b)
	}
	b = append(b, `,"data":`...)
	b = e.Listed.append(b, e.Type)
	b = append(b, `,"variables":`...)
	b = appendVariables(b, e.Variables)
	b = append(b, `,"ext":`...)
	b = e.Ext.AppendJSON(b)
	return append(b, '}')
}

// appendEnvelope begins the object with what every event has, up to its queue.
func (e *Event) appendEnvelope(b []byte) []byte {
	b = append(b, `{"id":"evt_`...)
	b = e.ID.appendTo(b)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","timestamp":`...)
	b = appendTime(b, e.At)
	b = append(b, `,"schema":`...)
	b = strconv.AppendInt(b, Schema, 10)
	b = append(b, `,"sequence":`...)
	b = appendCount(b, int64(e.Sequence))
	b = append(b, `,"domain_id":`...)
	b = strconv.AppendInt(b, e.DomainID, 10)
	b = append(b, `,"queue":`...)
	q := e.Queue
	if q == nil {
		return append(b, "null"...)
	}
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, q.ID, 10)
	b = append(b, `,"name":`...)
	b = appendString(b, q.Name)
	b = append(b, `,"type":"`...)
	b = append(b, q.Type...)
	return append(b, `"}`...)
}

// appendOther ends the body of an event outside attempt.*.
func (e *Event) appendOther(b []byte) []byte {
	b = e.Subject.append(b)
	b = append(b, `,"data":`...)
	b = append(b, e.Data...)
	return append(b, '}')
}

func (s *Subject) append(b []byte) []byte {
	b = append(b, `,"subject":{"kind":`...)
	b = appendString(b, s.Kind)
	b = append(b, `,"id":`...)
	b = appendString(b, s.ID)
	return append(b, '}')
}

// append renders the fields that engine.md A.2 lists for the type, in its
// order.
func (l *Listed) append(b []byte, typ EventType) []byte {
	b = append(b, `{"channel":"`...)
	b = append(b, l.Channel...)
	b = append(b, `","attempt_id":`...)
	b = strconv.AppendInt(b, l.AttemptID, 10)
	b = appendText(append(b, `,"destination":`...), l.Destination)
	b = strconv.AppendBool(append(b, `,"use_processing":`...), l.UseProcessing)
	b = appendText(append(b, `,"agent_channel_id":`...), l.AgentChannelID)
	b = appendText(append(b, `,"member_channel_id":`...), l.MemberChannelID)
	if typ == EventJoined {
		return append(b, '}')
	}
	b = appendText(append(b, `,"agent_name":`...), l.AgentName)
	b = appendNumber(append(b, `,"agent_id":`...), l.AgentID)
	b = appendNumber(append(b, `,"user_id":`...), l.UserID)
	b = appendText(append(b, `,"agent_extension":`...), l.AgentExtension)
	b = appendText(append(b, `,"member_name":`...), l.MemberName)
	b = appendNumber(append(b, `,"member_id":`...), l.MemberID)
	b = strconv.AppendInt(append(b, `,"cc_attempt_seq":`...), int64(l.AttemptSeq), 10)
	if typ == EventLeaving {
		b = append(b, `,"cc_result":"`...)
		b = append(b, l.Result...)
		b = append(b, '"')
	}
	b = appendNumber(append(b, `,"call_bill_sec":`...), l.BillSec)
	b = appendNumber(append(b, `,"call_duration":`...), l.Duration)
	if typ == EventLeaving || typ == EventProcessing {
		b = appendText(append(b, `,"call_cause":`...), (*string)(l.Cause))
		b = append(b, `,"call_sip_code":`...)
		if l.SIPCode == nil {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendInt(b, int64(*l.SIPCode), 10)
		}
	}
	b = appendText(append(b, `,"amd_result":`...), l.AMD)
	if typ != EventMissed {
		b = appendNumber(append(b, `,"call_voice_sec":`...), l.VoiceSec)
	}
	return append(b, '}')
}

// AppendJSON appends the object `ext` of an event's body.
func (x *Ext) AppendJSON(b []byte) []byte {
	b = appendName(append(b, `{"state":`...), string(x.State))
	b = appendTime(append(b, `,"joined_at":`...), x.JoinedAt)
	b = appendTime(append(b, `,"dial_at":`...), x.DialAt)
	b = appendTime(append(b, `,"member_answered_at":`...), x.MemberAnsweredAt)
	b = appendTime(append(b, `,"offering_at":`...), x.OfferingAt)
	b = appendTime(append(b, `,"bridged_at":`...), x.BridgedAt)
	b = appendTime(append(b, `,"ended_at":`...), x.EndedAt)
	b = appendTime(append(b, `,"leaving_at":`...), x.LeavingAt)
	b = appendCount(append(b, `,"offer_no":`...), int64(x.OfferNo))
	b = appendName(append(b, `,"missed_reason":`...), string(x.MissedReason))
	b = appendName(append(b, `,"result_reason":`...), string(x.ResultReason))
	b = appendTime(append(b, `,"retry_at":`...), x.RetryAt)
	b = appendTime(append(b, `,"processing_deadline":`...), x.ProcessingDeadline)
	b = appendCount(append(b, `,"parent_attempt_id":`...), x.ParentAttemptID)
	b = appendCount(append(b, `,"child_attempt_id":`...), x.ChildAttemptID)
	b = appendName(append(b, `,"agent_cause":`...), string(x.AgentCause))
	b = appendName(append(b, `,"amd_cause":`...), x.AMDCause)
	b = appendName(append(b, `,"sip_code_source":`...), x.SIPCodeSource)
	b = strconv.AppendInt(append(b, `,"wait_sec":`...), x.WaitSec, 10)
	b = strconv.AppendBool(append(b, `,"test":`...), x.Test)
	if x.PreviousAgentID != 0 {
		b = strconv.AppendInt(append(b, `,"previous_agent_id":`...), x.PreviousAgentID, 10)
	}
	return append(b, '}')
}

// extJSON is Ext as AppendJSON writes it.
type extJSON struct {
	State              State        `json:"state"`
	JoinedAt           time.Time    `json:"joined_at"`
	DialAt             time.Time    `json:"dial_at"`
	MemberAnsweredAt   time.Time    `json:"member_answered_at"`
	OfferingAt         time.Time    `json:"offering_at"`
	BridgedAt          time.Time    `json:"bridged_at"`
	EndedAt            time.Time    `json:"ended_at"`
	LeavingAt          time.Time    `json:"leaving_at"`
	OfferNo            int          `json:"offer_no"`
	MissedReason       MissedReason `json:"missed_reason"`
	ResultReason       Reason       `json:"result_reason"`
	RetryAt            time.Time    `json:"retry_at"`
	ProcessingDeadline time.Time    `json:"processing_deadline"`
	ParentAttemptID    int64        `json:"parent_attempt_id"`
	ChildAttemptID     int64        `json:"child_attempt_id"`
	AgentCause         Cause        `json:"agent_cause"`
	AMDCause           string       `json:"amd_cause"`
	SIPCodeSource      string       `json:"sip_code_source"`
	WaitSec            int64        `json:"wait_sec"`
	Test               bool         `json:"test"`
	PreviousAgentID    int64        `json:"previous_agent_id"`
}

// UnmarshalJSON reads what AppendJSON wrote, also after a trip through jsonb.
func (x *Ext) UnmarshalJSON(b []byte) error {
	var j extJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*x = Ext(j)
	return nil
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return append(AppendInstant(append(b, '"'), t), '"')
}

func appendText(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendString(b, *s)
}

// appendName renders a text that is null when empty.
func appendName(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

func appendNumber(b []byte, n *int64) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, *n, 10)
}

// appendCount renders a number that is null when 0.
func appendCount(b []byte, n int64) []byte {
	if n == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, n, 10)
}

// appendVariables renders the variables in the order of their names.
func appendVariables(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	var room [16]string // most have no more, and none is allocated
	for i, name := range sortedNames(room[:0], m) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = appendString(b, m[name])
	}
	return append(b, '}')
}

// sortedNames appends the names in their order to an empty slice.
func sortedNames(names []string, m map[string]string) []string {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const hexDigits = "0123456789abcdef"

// appendString renders a JSON string: the two mandatory escapes, control
// characters, and U+FFFD for bytes that are not UTF-8.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			if c == '"' || c == '\\' {
				b = append(b, '\\', c)
			} else {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = utf8.AppendRune(b, utf8.RuneError)
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

package queue

import (
	"slices"
	"time"
)

// noticeFields are the data fields of an operational event; nil for any other
// type.
func noticeFields(t EventType) object {
	switch {
	case t == EventDeliveryExhausted:
		return object{
			{"endpoint_id", typed("string", "the endpoint")},
			{"host", typed("string", "name and port of its URL")},
			{"deliveries", object{
				{"type", "array"}, {"minItems", 1}, {"maxItems", MaxExhausted},
				{"description", "deliveries that ended without success at about the same time"},
				{"items", closed(object{
					{"event_id", typed("string", "the event: resend it by this")},
					{"event_type", typed("string", "its type")},
					{"attempt_id", identifier("its attempt")},
					{"tries", object{{"type", "integer"}, {"minimum", 0}, {"description", "requests that were made for it"}}},
					{"outcome", typed("string", "how the last of them ended; expired when the event had become too old")},
				})},
			}},
		}
	case t == EventTaskFinished:
		return object{
			{"task_id", typed("string", "the task")}, {"kind", typed("string", "what it was to do")},
			{"state", object{{"enum", []string{"done", "failed", "cancelled"}}, {"description", "how it ended"}}},
			{"done", typed("integer", "how much was done")},
			{"total", identifier("of how much; null when that was not known")},
			{"error", nullable("string", "why it failed")},
		}
	case slices.Contains(NoticeEvents, t):
		return object{
			{"endpoint_id", typed("string", "the endpoint")},
			{"description", typed("string", "its description")},
			{"host", typed("string", "name and port of its URL")},
			{"reason", nullable("string", "disabled: manual, gone (it answered 410) or failing (it accepted nothing for too long)")},
			{"failing_since", instantField("since when it has accepted nothing")},
			{"disable_at", instantField("failing: when it is disabled at the earliest, unless it accepts something before")},
			{"last_outcome", nullable("string", "how the last request ended")},
		}
	}
	return nil
}

// noticeLog has one operational event of each type, as examples.
func noticeLog() []Event {
	const id, host = "ep_01890a5d-ac96-774b-bcce-b302099a8057", "crm.example"
	since := time.Date(2026, 8, 22, 9, 15, 0, 0, time.UTC)
	manual, timeout := "manual", "timeout"
	attempt, total := int64(90071), int64(1200)
	plain := EndpointData{EndpointID: id, Description: "CRM", Host: host}
	disabled, failing, recovered := plain, plain, plain
	disabled.Reason = &manual
	recovered.FailingSince = Instant(since)
	failing.FailingSince, failing.DisableAt, failing.LastOutcome = Instant(since), Instant(since.Add(120*time.Hour)), &timeout
	data := map[EventType]any{
		EventEndpointDisabled: disabled, EventEndpointFailing: failing, EventEndpointRecovered: recovered,
		EventDeliveryExhausted: ExhaustedData{EndpointID: id, Host: host, Deliveries: []Exhausted{{
			EventID: "evt_0370df9a-d4dd-5d1f-afe8-5cbd23703f88", EventType: EventBridged, AttemptID: &attempt,
			Tries: 12, Outcome: timeout,
		}}},
		EventTaskFinished: TaskData{TaskID: "task_01890a5e-1c2f-7c11-9d55-0f6f0c1b2a3d", Kind: "endpoint.recover",
			State: "done", Done: 1200, Total: &total},
	}
	log := make([]Event, len(NoticeEvents))
	for i, typ := range NoticeEvents {
		n := Notice{DomainID: 1, Type: typ, Subject: Subject{SubjectEndpoint, id}, Data: data[typ]}
		if n.Data == nil {
			n.Data = plain
		}
		if typ == EventTaskFinished {
			n.Subject = Subject{SubjectTask, data[typ].(TaskData).TaskID}
		}
		log[i] = n.Event(newExample().e.domain, since.Add(time.Hour))
	}
	return log
}

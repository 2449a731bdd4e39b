package queue

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestNoticesKnowThemselves: the id of a notice follows from what it is, so that
// it is known when it is written again.
func TestNoticesKnowThemselves(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 22, 10, 0, 0, 1_999_999, time.UTC)
	base := Notice{DomainID: 7, Type: EventEndpointFailing, Subject: Subject{SubjectEndpoint, "ep_1"}, Key: "a", Data: EndpointData{}}
	home := Domain{ID: 7, Namespace: UUID{1}}
	first := base.Event(home, at)
	if want := at.Truncate(time.Millisecond); !first.At.Equal(want) || first.DomainID != 7 || *first.Subject != base.Subject {
		t.Errorf("the event: %+v", first)
	}
	later := base
	later.Data = EndpointData{Host: "elsewhere"}
	if again := later.Event(home, at.Add(time.Hour)); again.ID != first.ID {
		t.Error("the same notice has another id an hour later")
	}
	ids := map[UUID]string{first.ID: "the first"}
	for name, change := range map[string]func(n *Notice, d *Domain){
		"type":            func(n *Notice, _ *Domain) { n.Type = EventEndpointRecovered },
		"subject":         func(n *Notice, _ *Domain) { n.Subject.ID = "ep_2" },
		"kind":            func(n *Notice, _ *Domain) { n.Subject.Kind = SubjectTask },
		"key":             func(n *Notice, _ *Domain) { n.Key = "b" },
		"domain":          func(_ *Notice, d *Domain) { d.Namespace = UUID{2} },
		"another divide":  func(n *Notice, _ *Domain) { n.Subject.ID, n.Key = "ep_1a", "" },
		"nothing in it":   func(n *Notice, _ *Domain) { n.Subject.ID, n.Key = "", "" },
		"subject and key": func(n *Notice, _ *Domain) { n.Subject.ID, n.Key = "a", "ep_1" },
	} {
		n, d := base, home
		change(&n, &d)
		id := n.Event(d, at).ID
		if other, used := ids[id]; used {
			t.Errorf("%s: the same id as %s", name, other)
		}
		ids[id] = name
		if id[6]>>4 != 5 || id[8]>>6 != 2 {
			t.Errorf("%s is no UUIDv5", id)
		}
	}
}

// TestNoticeDataIsWhatItsSchemaSays: every field is published, also when it is
// null.
func TestNoticeDataIsWhatItsSchemaSays(t *testing.T) {
	t.Parallel()
	for _, typ := range NoticeEvents {
		data := any(EndpointData{})
		switch typ {
		case EventDeliveryExhausted:
			data = ExhaustedData{}
		case EventTaskFinished:
			data = TaskData{}
		}
		var fields map[string]any
		if err := json.Unmarshal(mustJSON(data), &fields); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, name := range noticeFields(typ).names() {
			if _, ok := fields[name]; ok {
				want = append(want, name)
			}
		}
		if diff := cmp.Diff(noticeFields(typ).names(), want); diff != "" || len(fields) != len(want) {
			t.Errorf("%s: data has %d fields (-schema +data):\n%s", typ, len(fields), diff)
		}
	}
	if Instant(time.Time{}) != nil || *Instant(time.Date(2026, 1, 2, 4, 4, 5, 6_000_000, time.FixedZone("", 3600))) != "2026-01-02T03:04:05.006Z" {
		t.Error("instants are not written as in events")
	}
}

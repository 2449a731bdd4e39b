package dispatcher

import (
	"reflect"
	"testing"

	"github.com/offhook/offhook/queue"
)

// TestWithoutLeavesOutEveryPart: whatever a settlement has rows of, those of an
// endpoint can be taken out.
func TestWithoutLeavesOutEveryPart(t *testing.T) {
	t.Parallel()
	lost, kept := Ref{1, "ep_lost"}, Ref{1, "ep_kept"}
	var s Settlement
	for _, ref := range []Ref{lost, kept} {
		s.Leases = append(s.Leases, Lease{Ref: ref})
		s.Tries = append(s.Tries, Try{DomainID: 1, EndpointID: ref.EndpointID})
		s.Answered = append(s.Answered, Try{DomainID: 1, EndpointID: ref.EndpointID})
		s.Park = append(s.Park, Parked{Ref: ref})
		s.Unpark = append(s.Unpark, ParkedKey{Ref: ref})
		s.Cursors = append(s.Cursors, Cursor{Ref: ref})
		s.Unclaim = append(s.Unclaim, Unclaim{Ref: ref})
		s.Healths = append(s.Healths, HealthOf{Ref: ref})
		s.Disable = append(s.Disable, Disabling{Ref: ref})
		s.Notices = append(s.Notices, queue.Notice{DomainID: 1, Subject: queue.Subject{Kind: queue.SubjectEndpoint, ID: ref.EndpointID}})
	}
	got := reflect.ValueOf(s.without([]Ref{lost}))
	for i := range got.NumField() {
		if f := got.Field(i); f.Kind() == reflect.Slice && f.Len() != 1 {
			t.Errorf("%d rows are left in %s, want 1", f.Len(), got.Type().Field(i).Name)
		}
	}
}

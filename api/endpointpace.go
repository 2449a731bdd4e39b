package api

import (
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// reconcile makes a schedule without a profile a custom one.
func (s *EndpointSettings) reconcile() {
	if len(s.Schedule) > 0 && s.Profile == "" {
		s.Profile = dispatcher.ProfileCustom
	}
}

// reprofile is reconcile for a change of settings whose profile was before: of
// profile and schedule, the one that was given decides about the other.
func (s *EndpointSettings) reprofile(before dispatcher.Profile, scheduled bool) {
	switch renamed := s.Profile != before; {
	case scheduled && len(s.Schedule) > 0 && !renamed:
		s.Profile = dispatcher.ProfileCustom
	case scheduled && !renamed && before == dispatcher.ProfileCustom:
		s.Profile = dispatcher.ProfileRecord // an empty list takes its own schedule away
	case renamed && !scheduled && s.Profile != dispatcher.ProfileCustom:
		s.Schedule = nil
	}
}

// applyPace puts the settings about when requests are made into an endpoint.
func (s *EndpointSettings) applyPace(ep *dispatcher.Endpoint) {
	ep.Rate, ep.Schedule, ep.OrderWait = s.Rate, nil, dispatcher.DefaultOrderWait
	for _, sec := range s.Schedule {
		ep.Schedule = append(ep.Schedule, time.Duration(sec)*time.Second)
	}
	if s.OrderWait != nil {
		ep.OrderWait = time.Duration(*s.OrderWait) * time.Second
	}
}

func seconds(waits []time.Duration) []int {
	out := make([]int, len(waits))
	for i, w := range waits {
		out[i] = int(w / time.Second)
	}
	return out
}

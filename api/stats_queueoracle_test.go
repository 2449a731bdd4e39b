package api_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const week = 7 * 24 * time.Hour

// limits are the settings of the formulas.
type limits struct{ threshold, short, dropAfter time.Duration }

var usual = limits{20 * time.Second, 5 * time.Second, 2 * time.Second}

// observed returns limits that some attempts meet to the millisecond.
func (c *chronicle) observed() limits {
	l := usual
	for _, a := range c.passages {
		switch {
		case a.left == nil || a.wait() == 0:
		case a.handled() && a.outbound() && a.left.Ext.MemberAnsweredAt != nil && a.bridged.After(*a.left.Ext.MemberAnsweredAt):
			l.dropAfter = a.bridged.Sub(*a.left.Ext.MemberAnsweredAt)
		case a.handled():
			l.threshold = a.wait()
		case a.left.Data.Result == "abandoned":
			l.short = a.wait()
		}
	}
	return l
}

// queueRow computes every figure of one queue and interval.
func (c *chronicle) queueRow(queueID int64, kind string, in span, l limits) map[string]any {
	s, longest := sums{}, any(nil)
	for _, a := range c.passages {
		switch {
		case a.queue != queueID || !in.has(a.joined):
			continue
		case a.left == nil:
			s["open"]++
			continue
		}
		a.served(s, l)
		if a.outbound() && a.left.Ext.DialAt != nil {
			a.dialled(s, l)
		}
		if w := a.wait().Milliseconds(); longest == nil || w > longest.(int64) {
			longest = w
		}
	}
	for _, ev := range c.refused {
		here := ev.Queue.ID == queueID && in.has(ev.Timestamp)
		s.count("refused", here)
		s.count("refused_full", here && ev.Data.Code == "queue_full")
		s.count("refused_closed", here && (ev.Data.Code == "queue_disabled" || ev.Data.Code == "calendar_closed"))
	}
	s["others"] = s["offered"] - s["handled"] - s["abandoned"]
	length := in.to.Sub(in.from).Milliseconds()
	handling := s["talk_ms"] + s["wrap_up_ms"]
	outbound := any(nil)
	if (&passage{kind: kind}).outbound() {
		outbound = over(handling+s["ring_handled_ms"], s["handled"])
	}
	row := map[string]any{
		"interval_start": in.from, "interval_end": in.to,
		"abandonment_rate": over(s["abandoned"], s["offered"]), "abandonment_rate_net": over(s["abandoned"]-s["short_abandons"], s["offered"]-s["short_abandons"]),
		"asa_ms": over(s["handled_wait_ms"], s["handled"]), "mean_wait_ms": over(s["wait_ms"], s["offered"]), "longest_wait_ms": longest,
		"service_level":               over(s["handled_in_time"], s["offered"]),
		"service_level_2":             over(s["handled_in_time"], s["offered"]-s["abandoned_in_time"]),
		"service_level_3":             over(s["handled_in_time"], s["handled"]),
		"service_level_4":             over(s["handled_in_time"]+s["abandoned_in_time"], s["offered"]),
		"asterisk_service_level_perf": over(s["handled_in_time"], s["handled"]), "asterisk_service_level_perf_2": over(s["handled_in_time"]+s["hung up in time"], s["handled"]+s["hung up"]),
		"aht_ms": over(handling, s["handled"]), "aht_outbound_ms": outbound, "miss_rate": over(s["misses"], s["offers"]),
		"transfer_rate": over(s["transferred"], s["handled"]), "fcr": over(s["solved"], s["handled"]),
		"connect_rate": over(s["connected"], s["dialled"]), "live_answer_rate": over(s["live_answered"], s["dialled"]),
		"contact_rate": over(s["contacts"], s["dialled"]), "right_party_contact_rate": over(s["right_party_contacts"], s["dialled"]),
		"attempts_per_contact": over(s["dialled"], s["contacts"]), "conversion_rate": over(s["conversions"], s["contacts"]),
		"dropped_rate":           over(s["dropped"], s["dropped"]+s["contacts in time"]),
		"dropped_unbridged_rate": over(s["dropped_unbridged"], s["dropped_unbridged"]+s["contacts"]),
		"amd_machine_share":      over(s["amd_machines"], s["answered"]), "amd_delay_ms": over(s["amd time"], s["amd results"]),
		"busy_share": over(s["busy"], s["dialled"]), "no_answer_share": over(s["no_answer"], s["dialled"]),
		"invalid_share": over(s["invalid"], s["dialled"]), "network_share": over(s["network"], s["dialled"]),
		"mean_queue_length": over(s["wait_ms"], length), "traffic": over(handling, length),
	}
	s.columns(row, "offered", "handled", "abandoned", "others", "open", "refused", "refused_full", "refused_closed", "short_abandons", "wait_ms", "handled_wait_ms",
		"handled_in_time", "abandoned_in_time", "talk_ms", "wrap_up_ms", "offers", "misses", "ring_handled_ms", "ring_missed_ms",
		"transferred", "solved", "dialled", "answered", "connected", "live_answered", "contacts", "right_party_contacts", "conversions",
		"dropped", "dropped_unbridged", "amd_machines", "busy", "no_answer", "invalid", "network")
	return row
}

// served counts what attempts of every type have.
func (a *passage) served(s sums, l limits) {
	abandoned := a.left.Data.Result == "abandoned" && !a.handled()
	reason, inTime := *a.left.Ext.Reason, a.wait() <= l.threshold
	hungUp := abandoned && (reason == "member_hangup_waiting" || reason == "member_hangup_offering")
	s["offered"]++
	s.count("handled", a.handled())
	s.count("abandoned", abandoned)
	s.count("short_abandons", abandoned && a.wait() <= l.short)
	s.count("handled_in_time", a.handled() && inTime)
	s.count("abandoned_in_time", abandoned && inTime)
	s.count("hung up", hungUp)
	s.count("hung up in time", hungUp && inTime)
	s.count("transferred", a.handled() && reason == "transferred")
	s.count("solved", a.handled() && a.left.Data.Result == "success" && !a.cameAgain)
	s.time("wait_ms", a.wait())
	s.time("talk_ms", a.talk())
	s.time("wrap_up_ms", a.wrapUp())
	if a.handled() {
		s.time("handled_wait_ms", a.wait())
		if a.lastOffer != nil {
			s.time("ring_handled_ms", a.bridged.Sub(*a.lastOffer))
		}
	}
	s["offers"] += int64(len(a.offers))
	s["misses"] += int64(len(a.missed))
	for no, m := range a.missed {
		s.time("ring_missed_ms", m.at.Sub(a.offers[no].at))
	}
}

// findReturns finds out who joined the same queue again within a week.
func (c *chronicle) findReturns() {
	last := map[string]*passage{}
	byTime := slices.Clone(c.passages)
	slices.SortFunc(byTime, func(a, b *passage) int { return cmp.Or(a.joined.Compare(b.joined), cmp.Compare(a.id, b.id)) })
	for _, a := range byTime {
		if a.left == nil {
			continue
		}
		member := fmt.Sprint(a.queue, " ", who(a))
		if before := last[member]; before != nil && a.joined.Sub(before.joined) <= week {
			before.cameAgain = true
		}
		last[member] = a
	}
}

func who(a *passage) string {
	switch d := a.left.Data; {
	case d.MemberID != nil:
		return fmt.Sprint("member ", *d.MemberID)
	case d.Destination != nil:
		return "number " + *d.Destination
	default:
		return fmt.Sprint("attempt ", a.id)
	}
}

// dialled counts what attempts have that were dialled.
func (a *passage) dialled(s sums, l limits) {
	d, x := a.left.Data, a.left.Ext
	amd := ""
	if d.AMD != nil {
		amd = *d.AMD
	}
	answered := x.MemberAnsweredAt != nil
	person := answered && (amd == "" || amd == "HUMAN" || amd == "NOTSURE")
	dropped := person && (!a.handled() || a.bridged.Sub(*x.MemberAnsweredAt) > l.dropAfter)
	billed := d.BillSec != nil && *d.BillSec > 0
	s["dialled"]++
	s.count("answered", answered)
	s.count("connected", billed)
	s.count("live_answered", answered && (amd == "HUMAN" || amd == "NOTSURE"))
	s.count("contacts", a.handled())
	s.count("contacts in time", a.handled() && !dropped)
	s.count("right_party_contacts", a.handled() && d.Result == "success")
	s.count("conversions", a.handled() && *x.Reason == "reported_success")
	s.count("dropped", dropped)
	s.count("dropped_unbridged", person && d.Result == "abandoned" && billed && !a.handled())
	s.count("amd_machines", answered && amd == "MACHINE")
	if answered && amd != "" && amd != "CANCEL" {
		known := a.bridged
		if known == nil {
			known = a.end
		}
		s["amd results"]++
		s.time("amd time", known.Sub(*x.MemberAnsweredAt))
	}
	if !answered {
		s.count(failure(d.Cause, d.SIPCode, x.SIPSource), true)
	}
}

// failure says why nobody answered.
func failure(cause *string, code *int, source *string) string {
	kinds := map[string][]string{
		"busy": {"USER_BUSY"}, "no_answer": {"NO_ANSWER", "NO_USER_RESPONSE"},
		"invalid": {"UNALLOCATED_NUMBER", "NUMBER_CHANGED", "INVALID_NUMBER_FORMAT"},
		"network": {"NORMAL_CIRCUIT_CONGESTION", "NETWORK_OUT_OF_ORDER", "DESTINATION_OUT_OF_ORDER"},
	}
	for kind, causes := range kinds {
		if cause != nil && slices.Contains(causes, *cause) {
			return kind
		}
	}
	if code == nil || source == nil || *source != "adapter" {
		return "else"
	}
	switch n := *code; {
	case n == 486 || n == 600:
		return "busy"
	case n == 408 || n == 480:
		return "no_answer"
	case n == 404 || n == 410 || n == 484 || n == 604:
		return "invalid"
	case n >= 500 && n < 600:
		return "network"
	}
	return "else"
}

package queue

import "slices"

// legs finds the open attempt that a channel id means. An id may be named by
// several attempts (an adapter uses one id for all chats of an agent, or puts a
// call into two queues): it then means the latest of them, whatever the order
// in which they came and went.
type legs struct {
	latest  map[string]int64
	earlier map[string][]int64 // only ids that several attempts name; ascending
}

func newLegs() legs {
	return legs{latest: map[string]int64{}, earlier: map[string][]int64{}}
}

// of returns the attempt, 0 when no open one names the channel.
func (l *legs) of(channel string) int64 { return l.latest[channel] }

func (l *legs) add(channel string, id int64) {
	other, ok := l.latest[channel]
	if !ok {
		l.latest[channel] = id
		return
	}
	l.latest[channel] = max(id, other)
	ids := append(l.earlier[channel], min(id, other))
	slices.Sort(ids)
	l.earlier[channel] = ids
}

func (l *legs) remove(channel string, id int64) {
	ids := l.earlier[channel]
	if l.latest[channel] == id {
		if len(ids) == 0 {
			delete(l.latest, channel)
			return
		}
		l.latest[channel] = ids[len(ids)-1]
		id = ids[len(ids)-1]
	}
	if ids = slices.DeleteFunc(ids, func(x int64) bool { return x == id }); len(ids) > 0 {
		l.earlier[channel] = ids
		return
	}
	delete(l.earlier, channel)
}

// appendLegs appends the ids of the attempt's legs, each once.
func (a *Attempt) appendLegs(ids []string) []string {
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if a.State == StateLeaving {
		return ids
	}
	if a.MemberChannelID != nil {
		add(*a.MemberChannelID)
	}
	for i := range a.Offers {
		add(a.Offers[i].Channel)
	}
	add(a.AgentChannel)
	return ids
}

// indexLegs brings the ids by which the attempt is found up to date.
func (e *Engine) indexLegs(a *attempt) {
	var room [4]string
	ids := a.appendLegs(room[:0])
	if slices.Equal(ids, a.legs) {
		return
	}
	for _, id := range a.legs {
		if !slices.Contains(ids, id) {
			e.legs.remove(id, a.ID)
		}
	}
	for _, id := range ids {
		if !slices.Contains(a.legs, id) {
			e.legs.add(id, a.ID)
		}
	}
	if a.legs == nil {
		a.legs = a.twoLegs[:0]
	}
	a.legs = append(a.legs[:0], ids...)
}

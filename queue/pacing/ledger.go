package pacing

import "time"

// A Count is what a rate of dropped calls is made of.
type Count struct {
	Persons   int64 `json:"persons"`   // answered by a person, and the outcome is known
	Connected int64 `json:"connected"` // an agent was bridged within the threshold
	Dropped   int64 `json:"dropped"`   // no agent within the threshold, and the person was still there
	Unbridged int64 `json:"unbridged"` // never reached an agent, however short the wait
	Machines  int64 `json:"machines"`  // judged to be a machine
}

func (c *Count) add(d Count) {
	c.Persons += d.Persons
	c.Connected += d.Connected
	c.Dropped += d.Dropped
	c.Unbridged += d.Unbridged
	c.Machines += d.Machines
}

// A Rate is one window's rate with the numbers that prove it.
type Rate struct {
	Count
	Legal   float64 `json:"legal"`   // dropped calls as a share of the denominator; 0 when nobody answered
	Webitel float64 `json:"webitel"` // answered and never bridged, as a share of all who answered
	Of      float64 `json:"of"`      // the legal rate's denominator
}

func (s Settings) rate(c Count) Rate {
	r := Rate{Count: c}
	misjudged := float64(c.Machines) * s.AMDErrorPercent / 100
	r.Of = float64(c.Persons) + misjudged
	if s.Denominator == ConnectedDropped {
		r.Of = float64(c.Connected+c.Dropped) + misjudged
	}
	if r.Of > 0 {
		r.Legal = (float64(c.Dropped) + misjudged) / r.Of
	}
	if c.Persons > 0 {
		r.Webitel = float64(c.Unbridged) / float64(c.Persons)
	}
	return r
}

// Rates are the shares of dropped calls over every window.
type Rates struct {
	Hour     Rate `json:"hour"`
	Day      Rate `json:"day"`
	Hours24  Rate `json:"24h"`
	Days30   Rate `json:"30d"`
	Campaign Rate `json:"campaign"`
}

// A Slot is the Count of one quarter of an hour, or of one day.
type Slot struct {
	No int64 `json:"no"` // quarters or local days since 1970
	Count
}

// A Ledger keeps the counts: quarters of an hour for a day and days for a
// month, each only if something happened in it.
type Ledger struct {
	Quarters []Slot `json:"quarters,omitempty"`
	Days     []Slot `json:"days,omitempty"`
	Campaign Count  `json:"campaign"`
}

const (
	quarter      = int64(15 * 60)
	day          = int64(24 * 3600)
	keptQuarters = 96 // before the current one
	keptDays     = 30
)

func slotNo(at time.Time, offset int, length int64) int64 {
	sec := at.Unix() + int64(offset)
	if sec < 0 {
		return 0 // a slot before 1970 is a clock gone wrong, not a window
	}
	return sec / length
}

func (l *Ledger) add(at time.Time, offset int, c Count) {
	l.Quarters = addSlot(l.Quarters, slotNo(at, 0, quarter), keptQuarters, c)
	l.Days = addSlot(l.Days, slotNo(at, offset, day), keptDays, c)
	l.Campaign.add(c)
}

func addSlot(slots []Slot, no, kept int64, c Count) []Slot {
	if n := len(slots); n == 0 || slots[n-1].No < no {
		slots = append(slots, Slot{No: no})
		cut := 0
		for slots[cut].No < no-kept {
			cut++
		}
		slots = append(slots[:0], slots[cut:]...)
	}
	// A clock that went back adds to the newest slot.
	slots[len(slots)-1].add(c)
	return slots
}

func sum(slots []Slot, from int64) (c Count) {
	for i := len(slots) - 1; i >= 0 && slots[i].No >= from; i-- {
		c.add(slots[i].Count)
	}
	return c
}

// over is the count of window w as seen at the instant at.
func (l *Ledger) over(at time.Time, offset int, w Window) Count {
	q, d := slotNo(at, 0, quarter), slotNo(at, offset, day)
	switch w {
	case hour:
		return sum(l.Quarters, q-4)
	case Hours24:
		return sum(l.Quarters, q-keptQuarters)
	case Day:
		return sum(l.Days, d)
	case Days30:
		return sum(l.Days, d-keptDays)
	default:
		return l.Campaign
	}
}

// Rates are the rates of all windows at the instant at, for the snapshot and
// as evidence.
func (p *Pacer) Rates(at time.Time) Rates {
	rate := func(w Window) Rate { return p.settings.rate(p.state.Ledger.over(at, p.settings.DayOffset, w)) }
	return Rates{Hour: rate(hour), Day: rate(Day), Hours24: rate(Hours24), Days30: rate(Days30), Campaign: rate(Campaign)}
}

// held says whether the rate, at the instant at, lets no line be opened that an
// agent is not free for. Once held it stays so until the rate is under the target.
func (p *Pacer) held(at time.Time) bool {
	over := func(w Window, least int) bool {
		if w == hour && least == 0 {
			return false
		}
		r := p.settings.rate(p.state.Ledger.over(at, p.settings.DayOffset, w))
		if r.Of < float64(least) {
			return false
		}
		return r.Legal >= p.settings.maximum() || (p.state.Held && r.Legal >= p.settings.target())
	}
	return p.state.Budget.exhausted(p.settings) || over(p.settings.Window, p.settings.StatisticMin) || over(hour, p.settings.GuardHourMin)
}

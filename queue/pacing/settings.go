package pacing

import (
	"fmt"
	"time"
)

// A Window is the time over which the law measures dropped calls.
type Window string

// The windows. The rolling ones move on in steps: 24 hours by a quarter of an
// hour, 30 days by a day; what is partly outside still counts.
const (
	Day      Window = "day"         // since midnight, see Settings.DayOffset
	Hours24  Window = "24h"         // the last 24 hours
	Days30   Window = "30d"         // the last 30 days
	Campaign Window = "campaign"    // since the State began
	hour     Window = "guard: hour" // the last hour; for the guard inside the window
)

// A Denominator says which calls the dropped ones are a share of.
type Denominator string

// The denominators.
const (
	Persons          Denominator = "persons"           // everybody who answered, also who hung up at once
	ConnectedDropped Denominator = "connected_dropped" // only who reached an agent or was dropped
)

// Settings are one queue's. Start from a preset; the zero value is not valid.
type Settings struct {
	TargetPercent  float64     `json:"target_percent"`  // drops aimed at, in percent of Denominator
	MaximumPercent float64     `json:"maximum_percent"` // at this share the queue dials progressively until it is under the target
	Window         Window      `json:"window"`
	Denominator    Denominator `json:"denominator"`
	// ThresholdSec is how long a person may wait for an agent before the call is a dropped one, in seconds.
	ThresholdSec float64 `json:"abandon_threshold_sec"`
	// AMDErrorPercent is the share of calls judged a machine that were a person after all. They are counted as dropped.
	AMDErrorPercent float64 `json:"amd_error_percent"`
	// DayOffset is the local time of the Day window, in seconds east of UTC.
	DayOffset int `json:"day_offset_sec"`

	StatisticMin int `json:"statistic_min"`  // people before a window's rate means anything
	MinAttempts  int `json:"min_attempts"`   // people before pacing is more than progressive
	MaxAgentLine int `json:"max_agent_line"` // lines in flight per agent, at most
	MinAgents    int `json:"min_agents"`     // with fewer agents the queue dials progressively; 1 = never for that reason
	// GuardAnswers: the maximum holds over any so many answers in a row, too. 0 = off: then only the Window counts.
	GuardAnswers int `json:"guard_answers"`
	// GuardHourMin: the maximum holds over the last hour, too, if so many people answered in it. 0 = off.
	GuardHourMin int `json:"guard_hour_min"`
}

// US is the preset for the United States: 3 % of the people who answered, over
// 30 days, no agent within two seconds.
func US() Settings {
	return Settings{
		TargetPercent: 2.5, MaximumPercent: 3, Window: Days30, Denominator: Persons, ThresholdSec: 2,
		StatisticMin: 60, MinAttempts: 50, MaxAgentLine: 5, MinAgents: 1, GuardAnswers: 500, GuardHourMin: 500,
	}
}

// UK is the preset for the United Kingdom: 3 % of the calls put through or
// dropped, over 24 hours, where one in a hundred calls judged to be a machine is
// held to be a person who heard nothing. Since 2017 no share is safe there; this
// is the limit of before. docs/pacing.md shows it for those who set it.
func UK() Settings {
	s := US()
	s.Window, s.Denominator, s.AMDErrorPercent = Hours24, ConnectedDropped, 1
	return s
}

// Validate says what is wrong with the settings, or nothing.
func (s Settings) Validate() error {
	switch {
	case !(s.TargetPercent > 0 && s.TargetPercent < s.MaximumPercent && s.MaximumPercent <= 100):
		return fmt.Errorf("target_percent %v must be over 0 and under maximum_percent %v", s.TargetPercent, s.MaximumPercent)
	case s.Window != Day && s.Window != Hours24 && s.Window != Days30 && s.Window != Campaign:
		return fmt.Errorf("window %q is none of day, 24h, 30d, campaign", s.Window)
	case s.Denominator != Persons && s.Denominator != ConnectedDropped:
		return fmt.Errorf("denominator %q is none of persons, connected_dropped", s.Denominator)
	case !(s.ThresholdSec >= 0 && s.ThresholdSec <= 60):
		return fmt.Errorf("abandon_threshold_sec %v must be from 0 to 60", s.ThresholdSec)
	case !(s.AMDErrorPercent >= 0 && s.AMDErrorPercent <= 100):
		return fmt.Errorf("amd_error_percent %v must be from 0 to 100", s.AMDErrorPercent)
	case s.DayOffset < -86400 || s.DayOffset > 86400:
		return fmt.Errorf("day_offset_sec %d is more than a day", s.DayOffset)
	case s.StatisticMin < 1 || s.MinAttempts < 1 || s.MaxAgentLine < 1 || s.MinAgents < 1:
		return fmt.Errorf("statistic_min, min_attempts, max_agent_line and min_agents must be at least 1")
	case s.GuardAnswers != 0 && (s.GuardAnswers < 100 || s.GuardAnswers > 100_000):
		return fmt.Errorf("guard_answers %d must be 0 or from 100 to 100000", s.GuardAnswers)
	case s.GuardHourMin < 0:
		return fmt.Errorf("guard_hour_min %d must not be negative", s.GuardHourMin)
	}
	return nil
}

// Threshold is ThresholdSec as a duration.
func (s Settings) Threshold() time.Duration {
	return time.Duration(s.ThresholdSec * float64(time.Second))
}

func (s Settings) target() float64  { return s.TargetPercent / 100 }
func (s Settings) maximum() float64 { return s.MaximumPercent / 100 }

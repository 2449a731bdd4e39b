package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/offhook/offhook/store"
)

// StatsQuery says which time the figures are about and how it is cut.
type StatsQuery struct {
	Since    time.Time `query:"since" doc:"From when on; 24 hours before until when absent."`
	Until    time.Time `query:"until" doc:"Until when; now when absent, and never later than now."`
	Interval string    `query:"interval" enum:"15m,1h,1d,total" default:"1h" doc:"How long an interval is. Hours and quarters are counted from midnight, in real time: a day on which the clocks change has 23 or 25 hours."`
	TimeZone string    `query:"time_zone" default:"UTC" maxLength:"64" doc:"Whose midnights cut the days: an IANA name such as Europe/Berlin."`
}

// QueueStats are the figures of a queue.
type QueueStats struct {
	QueueID      int64                `json:"queue_id"`
	Since        *string              `json:"since" format:"date-time"`
	Until        *string              `json:"until" format:"date-time"`
	Interval     string               `json:"interval"`
	TimeZone     string               `json:"time_zone"`
	ThresholdSec int                  `json:"threshold_sec"`
	ShortSec     int                  `json:"short_sec"`
	DropAfterSec int                  `json:"drop_after_sec"`
	Data         []store.QueueFigures `json:"data" doc:"One entry for each interval, in order; the first and the last end where since and until say."`
}

// AgentStats are the figures of an agent.
type AgentStats struct {
	AgentID  int64                `json:"agent_id"`
	Since    *string              `json:"since" format:"date-time"`
	Until    *string              `json:"until" format:"date-time"`
	Interval string               `json:"interval"`
	TimeZone string               `json:"time_zone"`
	Data     []store.AgentFigures `json:"data" doc:"One entry for each interval, in order; the first and the last end where since and until say."`
}

func (h *handler) statsRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/queues/{id}/stats", id: "readQueueStats", tag: tagQueues, role: store.RoleAnalyst,
		summary: "Read the figures of a queue",
		doc: "Service levels, waits, handle times and their kin by interval. An attempt counts once, when it has left, in the interval in which it joined. " +
			"The formulas are those of the view `analyst.queue_intervals` of the database. A queue that was deleted keeps its past.",
	}, h.readQueueStats)
	register(h, operation{
		method: http.MethodGet, path: "/v1/agents/{id}/stats", id: "readAgentStats", tag: tagAgents, role: store.RoleAnalyst,
		summary: "Read the figures of an agent",
		doc: "Log-in time and what it was spent with, cut at the borders of the intervals; offers, misses and handled attempts. " +
			"The formulas are those of the view `analyst.agent_intervals` of the database. An agent who was deleted keeps his past.",
	}, h.readAgentStats)
}

func (h *handler) readQueueStats(ctx context.Context, c caller, in *struct {
	QueuePath
	StatsQuery
	Threshold int `query:"threshold_sec" default:"20" minimum:"0" maximum:"86400" doc:"Up to which wait an attempt was served in time."`
	Short     int `query:"short_sec" default:"5" minimum:"0" maximum:"86400" doc:"Up to which wait an abandonment is short."`
	DropAfter int `query:"drop_after_sec" default:"2" minimum:"0" maximum:"86400" doc:"After how long without an agent a person who was called counts as dropped."`
}) (*struct{ Body QueueStats }, error) {
	q, err := h.figureQuery(c, in.StatsQuery)
	if err != nil {
		return nil, err
	}
	limits := store.FigureLimits{Threshold: ofSeconds(in.Threshold), Short: ofSeconds(in.Short), DropAfter: ofSeconds(in.DropAfter)}
	data, err := h.cfg.Store.QueueFigures(ctx, in.ID, q, limits)
	if err != nil {
		return nil, unknownZone(err, q.TimeZone)
	}
	return &struct{ Body QueueStats }{QueueStats{
		QueueID: in.ID, Since: stamp(q.Since), Until: stamp(q.Until), Interval: q.Interval, TimeZone: q.TimeZone,
		ThresholdSec: in.Threshold, ShortSec: in.Short, DropAfterSec: in.DropAfter, Data: data,
	}}, nil
}

func (h *handler) readAgentStats(ctx context.Context, c caller, in *struct {
	AgentPath
	StatsQuery
}) (*struct{ Body AgentStats }, error) {
	q, err := h.figureQuery(c, in.StatsQuery)
	if err != nil {
		return nil, err
	}
	data, err := h.cfg.Store.AgentFigures(ctx, in.ID, q)
	if err != nil {
		return nil, unknownZone(err, q.TimeZone)
	}
	return &struct{ Body AgentStats }{AgentStats{
		AgentID: in.ID, Since: stamp(q.Since), Until: stamp(q.Until), Interval: q.Interval, TimeZone: q.TimeZone, Data: data,
	}}, nil
}

// mostIntervals bounds one answer: a month of quarters of an hour.
const mostIntervals = 3000

// lengths are how long the intervals are, at least.
var lengths = map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "1d": 23 * time.Hour}

// figureQuery fills in what the query leaves open and refuses what cannot be
// answered. Instants are whole milliseconds, like those of events.
func (h *handler) figureQuery(c caller, in StatsQuery) (store.FigureQuery, error) {
	now := h.cfg.Now().UTC().Truncate(time.Millisecond)
	q := store.FigureQuery{
		DomainID: c.domain, Since: in.Since.UTC().Truncate(time.Millisecond), Until: in.Until.UTC().Truncate(time.Millisecond),
		Interval: in.Interval, TimeZone: in.TimeZone,
	}
	if in.Until.IsZero() || q.Until.After(now) {
		q.Until = now
	}
	if in.Since.IsZero() {
		q.Since = q.Until.Add(-24 * time.Hour)
	}
	if !q.Since.Before(q.Until) {
		return q, invalid("?since", "since must be before until, and before now")
	}
	if n := lengths[q.Interval]; n > 0 && q.Until.Sub(q.Since)/n >= mostIntervals {
		return q, invalid("?interval", fmt.Sprintf("these are more than %d intervals: ask for longer ones, or for less time", mostIntervals))
	}
	// Short names mean other things to Go and to Postgres: CET has summers here and none there.
	_, err := h.cfg.Zones(q.TimeZone)
	if err != nil || q.TimeZone != "UTC" && !strings.Contains(q.TimeZone, "/") {
		return q, badZone(q.TimeZone)
	}
	return q, nil
}

func badZone(name string) error {
	return invalid("?time_zone", fmt.Sprintf("%q is not a time zone; it is UTC or an IANA name such as Europe/Berlin", name))
}

// unknownZone blames the zone that only the database does not know.
func unknownZone(err error, zone string) error {
	if errors.Is(err, store.ErrUnknownZone) {
		return badZone(zone)
	}
	return err
}

func ofSeconds(n int) time.Duration { return time.Duration(n) * time.Second }

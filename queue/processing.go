package queue

import "time"

// startProcessing begins the agent's work after the conversation.
func (s *step) startProcessing(a *attempt) {
	q := &s.queueOf(a).cfg
	a.State = StateProcessing
	a.ProcessingAt = s.when(a)
	a.ProcessingUntil = later(a.ProcessingAt, max(1, q.ProcessingSec))
	s.fire(a, EventProcessing, a.accepted())
	if g := s.e.agents[a.Agent.ID]; g != nil {
		s.hold(g, a, a.Accepted, AgentProcessing)
	}
}

// processingDue is the end of the processing's time (engine.md D9). How the
// conversation ended stands, when it was no ordinary end.
func (s *step) processingDue(a *attempt) {
	if a.EndReason == ReasonServed {
		end := ending{result: s.queueOf(a).cfg.ProcessingTimeoutResult, reason: ReasonProcessingTimeout}
		if end.result == "" {
			end.result = ResultSuccess
		}
		s.leave(a, end)
		return
	}
	s.leave(a, ending{result: a.EndResult, reason: a.EndReason})
}

// report is the agent's form (engine.md B.10, 10 and 11).
func (s *step) report(c Report) error {
	a, err := s.held(c.AttemptID, c.AgentID)
	if err != nil {
		return err
	}
	if c.Result == "" {
		c.Result = ResultSuccess
	}
	if c.Result != ResultSuccess && c.Result != ResultCancel && c.Result != ResultAbandoned {
		return invalid("result", `result is "success", "cancel" or "abandoned"`)
	}
	flow := a.Queue.Type == IVR && a.State == StateBridged // it sets its own result
	if !a.UseProcessing && !flow {
		return refuse(CodeNoProcessing, "queue %q has no processing to report on", a.Queue.Name)
	}
	if a.State != StateProcessing && a.State != StateBridged {
		return refuse(CodeBadState, "attempt %d is %s; a report belongs to a bridged or processing one", a.ID, a.State)
	}
	if err := validateTexts(c.Variables, ""); err != nil {
		return err
	}
	if c.RetryAt.After(s.now.AddDate(1, 0, 0)) {
		return invalid("retry_at", "retry_at must be within a year")
	}
	s.res.Attempt = &a.Attempt
	s.touch(a)
	a.ReportingAt = s.when(a)
	if len(c.Variables) > 0 {
		a.Variables = merge(a.Variables, c.Variables)
	}
	if a.Queue.Type.Outbound() && c.Result == ResultAbandoned && !c.KeepOpen && !unset(c.RetryAt) {
		a.RetryAt = c.RetryAt.UTC().Truncate(time.Millisecond)
	}
	if a.Queue.Type.Outbound() && !c.KeepOpen {
		a.NoRetry = c.Stop
	}
	switch {
	case c.KeepOpen:
	case a.State == StateBridged:
		a.EarlyReport = c.Result
	default:
		s.leave(a, reported(c.Result))
	}
	return nil
}

// reported is the ending that an agent's report gives.
func reported(result CCResult) ending {
	reason := ReasonReportedSuccess
	switch result {
	case ResultAbandoned:
		reason = ReasonReportedAbandoned
	case ResultCancel:
		reason = ReasonReportedCancel
	}
	return ending{result: result, reason: reason}
}

// renew moves the end of the processing by its length (engine.md B.10, 9).
func (s *step) renew(c Renew) error {
	a, err := s.held(c.AttemptID, c.AgentID)
	if err != nil {
		return err
	}
	q := &s.queueOf(a).cfg
	switch {
	case a.State != StateProcessing:
		return refuse(CodeBadState, "attempt %d is %s; only processing can be renewed", a.ID, a.State)
	case !s.now.Before(a.ProcessingUntil):
		return refuse(CodeBadState, "the processing of attempt %d is over", a.ID)
	case q.Renewals > 0 && a.RenewalsUsed >= q.Renewals:
		return refuse(CodeBadState, "attempt %d has used its %d renewals", a.ID, q.Renewals)
	}
	s.res.Attempt = &a.Attempt
	s.touch(a)
	a.RenewalsUsed++
	a.ProcessingUntil = later(a.ProcessingUntil, max(1, q.ProcessingSec))
	return nil
}

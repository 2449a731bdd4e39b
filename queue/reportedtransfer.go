package queue

// transferredAtSwitch: the switch, or its user, has transferred the member by
// itself. It is believed; nothing is ordered again.
func (s *step) transferredAtSwitch(a *attempt, c SwitchReport) error {
	to := target{attended: c.Reason == TransferAttended}
	switch {
	case a.State == StateProcessing:
		s.res.Dropped = "the conversation has ended already"
		return nil
	case a.State != StateBridged && a.State != StateWaiting && a.State != StateOffering, a.Queue.Type.agentFirst() && a.State == StateOffering:
		s.res.Dropped = "the attempt is " + string(a.State)
		return nil
	}
	s.reportedTransfer = true
	switch {
	case c.QueueID != 0 || c.QueueName != "":
		if err := s.reportedQueue(a, c, &to); err != nil {
			return err
		}
	case to.attended && c.namesAgent() && a.State == StateBridged && a.Agent != nil:
		g, err := s.agentOf(c.AgentID, c.AgentRef, c.AgentName, c.NewIDs)
		if err != nil {
			return err
		}
		if g.cfg.ID == a.Agent.ID {
			s.res.Dropped = "this agent has the conversation already"
			return nil
		}
		to.agent, to.channel = g, c.AgentChannelID
		s.ended = a.AgentChannel
		s.handOver(a, to)
		return nil
	}
	if a.State != StateBridged {
		s.takeOut(a, to)
		return nil
	}
	s.transferOut(a, to)
	return nil
}

// reportedQueue finds the queue to which the switch has transferred. One that is
// not known is a queue of the switch and is created, as by joined; one that
// takes nobody in has got nobody.
func (s *step) reportedQueue(a *attempt, c SwitchReport, to *target) error {
	q, ids := s.e.queueFor(c), c.NewIDs
	if q == nil && (c.QueueName == "" || len(ids) < 2) {
		return refuse(CodeUnknownQueue, "no queue %d; name the queue to have it created", c.QueueID)
	}
	if q == nil {
		q, ids = s.createExternal(c.QueueName, ids[0]), ids[1:]
	}
	if q.cfg.Type.Channel() != a.Channel() || s.mayEnter(q, q.cfg.ID) != nil {
		return nil
	}
	if len(ids) == 0 || s.e.attempts[ids[0]] != nil {
		return invalid("attempt_id", "a transfer to a queue needs a fresh attempt id")
	}
	to.queue, to.child = q, ids[0]
	return nil
}

// createExternal makes the queue of a switch that has been seen the first time.
func (s *step) createExternal(name string, id int64) *queueState {
	cfg := ExternalQueue(id, truncate(name))
	s.e.putQueue(&cfg)
	s.res.Changed = append(s.res.Changed, &cfg)
	return s.e.queues[id]
}

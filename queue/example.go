package queue

import "time"

// FormatExample returns an example body of the type in the format, or nil for a
// type that is not published.
func FormatExample(f Format, t EventType) []byte {
	for _, log := range [...][]Event{exampleLog(), previewLog(), transferLog(), refusedLog(), noticeLog()} {
		for i := range log {
			if log[i].Type == t {
				return log[i].AppendBody(nil, f)
			}
		}
	}
	return nil
}

// example is a short story carried out by the engine itself.
type example struct {
	e   *Engine
	now time.Time
	log []Event
}

func newExample() *example {
	return &example{
		e:   New(Domain{ID: 1, Namespace: UUID{0x6f, 0x66, 0x66, 0x68, 0x6f, 0x6f, 0x6b}}),
		now: time.Date(2026, 8, 22, 10, 15, 0, 0, time.UTC),
	}
}

// do carries out the command so long after the one before.
func (x *example) do(after time.Duration, cmd Command) {
	x.now = x.now.Add(after)
	res, err := x.e.Step(x.now, cmd)
	if err != nil && len(res.Events) == 0 {
		panic(err) // the example is fixed, and a test runs it
	}
	x.log = append(x.log, res.Events...)
}

// exampleLog is an inbound call that one agent declines and the next one takes.
func exampleLog() []Event {
	x := newExample()
	number, name, extension, user := "+12025550101", "Maria Lopez", "1001", int64(501)
	q := DefaultQueue(7, "sales", Inbound)
	q.Variables = map[string]string{"campaign": "summer"}
	x.do(0, SaveQueue{Queue: q})
	x.do(0, SaveAgent{Agent: Agent{ID: 21, Name: "Anna Berg", UserID: &user, Extension: &extension, Queues: []int64{7}}})
	x.do(0, SaveAgent{Agent: Agent{ID: 22, Name: "Boris Kim", Extension: &extension, Queues: []int64{7}}})
	x.do(0, SetAgentStatus{AgentID: 21, Status: StatusOnline})
	x.do(time.Second, SetAgentStatus{AgentID: 22, Status: StatusOnline})
	x.do(29*time.Second, Join{
		AttemptID: 90071, QueueID: 7, Destination: &number, MemberName: &name,
		DialAt: x.now.Add(9 * time.Second), MemberAnsweredAt: x.now.Add(11 * time.Second),
	})
	x.do(4*time.Second, Decline{AttemptID: 90071, AgentID: 21})
	x.do(6*time.Second, SwitchReport{AttemptID: 90071, Leg: LegAgent, Event: SwitchAnswered})
	x.do(200*time.Millisecond, SwitchReport{AttemptID: 90071, Event: SwitchBridged})
	x.do(95*time.Second, SwitchReport{AttemptID: 90071, Leg: LegMember, Event: SwitchEnded})
	x.do(20*time.Second, Report{AttemptID: 90071, Result: ResultSuccess})
	return x.log
}

// previewLog is a member who is offered to an agent and dialled when he accepts.
func previewLog() []Event {
	x := newExample()
	name, extension, member := "Maria Lopez", "1001", int64(4711)
	x.do(0, SaveQueue{Queue: DefaultQueue(8, "callbacks", Preview)})
	x.do(0, SaveAgent{Agent: Agent{ID: 22, Name: "Boris Kim", Extension: &extension, Queues: []int64{8}}})
	x.do(0, SetAgentStatus{AgentID: 22, Status: StatusOnline})
	x.do(30*time.Second, Dial{
		AttemptID: 90072, QueueID: 8, Destination: "+12025550101", MemberID: &member, MemberName: &name, AttemptSeq: 2,
		Variables: map[string]string{"claim": "77"},
	})
	x.do(5*time.Second, Accept{AttemptID: 90072, AgentID: 22})
	x.do(12*time.Second, SwitchReport{AttemptID: 90072, Leg: LegMember, Event: SwitchAnswered})
	x.do(0, SwitchReport{AttemptID: 90072, Event: SwitchBridged})
	x.do(60*time.Second, SwitchReport{AttemptID: 90072, Leg: LegMember, Event: SwitchEnded})
	x.do(20*time.Second, Report{AttemptID: 90072, Result: ResultSuccess})
	return x.log
}

// transferLog is a caller who is handed over to another agent, who sends him on
// to a second queue.
func transferLog() []Event {
	x := newExample()
	number, first, second, user := "+12025550101", "1001", "1002", int64(502)
	x.do(0, SaveQueue{Queue: DefaultQueue(7, "sales", Inbound)})
	x.do(0, SaveQueue{Queue: DefaultQueue(9, "billing", Inbound)})
	x.do(0, SaveAgent{Agent: Agent{ID: 21, Name: "Anna Berg", Extension: &first, Queues: []int64{7}}})
	x.do(0, SaveAgent{Agent: Agent{ID: 22, Name: "Boris Kim", UserID: &user, Extension: &second, Queues: []int64{9}}})
	x.do(0, SetAgentStatus{AgentID: 21, Status: StatusOnline})
	x.do(0, SetAgentStatus{AgentID: 22, Status: StatusOnline})
	x.do(30*time.Second, Join{AttemptID: 90073, QueueID: 7, Destination: &number, MemberChannelID: "sw-77"})
	x.do(6*time.Second, Accept{AttemptID: 90073, AgentID: 21, Bridged: true})
	x.do(40*time.Second, Transfer{AttemptID: 90073, AgentID: 21, ToAgentID: 22, Attended: true})
	x.do(20*time.Second, Transfer{AttemptID: 90073, AgentID: 22, ToQueueID: 9, NewID: 90074})
	return x.log
}

// refusedLog is a caller whom a queue has no room for, and a member whose time
// was over before he was dialled.
func refusedLog() []Event {
	x := newExample()
	first, second, name := "+12025550101", "+12025550102", "Maria Lopez"
	q := DefaultQueue(7, "sales", Inbound)
	q.MaxWaiting = 1
	x.do(0, SaveQueue{Queue: q})
	x.do(30*time.Second, Join{AttemptID: 90075, QueueID: 7, Destination: &first})
	x.do(8*time.Second, Join{AttemptID: 90076, QueueID: 7, Destination: &second, MemberChannelID: "sw-78"})
	x.do(0, SaveQueue{Queue: DefaultQueue(10, "reminders", IVR)})
	x.do(time.Second, Load{QueueID: 10, Members: []*Member{{
		ID: 4711, QueueID: 10, Edition: 1, Name: &name, Numbers: []Number{{Number: first}}, Attempts: 1, ExpiresAt: x.now.Add(-time.Hour),
	}}})
	return x.log
}

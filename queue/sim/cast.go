package sim

import (
	"strconv"

	"github.com/offhook/offhook/queue"
)

// Queues returns the queues of the centre, without ids. Their timers are as
// short as whole seconds allow, so that half a minute shows every outcome.
func Queues() []queue.Queue {
	sales := hasty("sales", queue.Inbound)
	sales.MaxWaitSec, sales.MaxNoAnswer = 15, 4
	sales.Variables = map[string]string{"campaign": "autumn", "language": "en"}

	support := hasty("support", queue.Inbound)
	support.UseProcessing, support.WrapUpSec = false, 1
	support.MaxWaitSec, support.KeepOnMaxWait = 6, true

	// One agent, who is often away: callers leave because nobody is there.
	night := hasty("night desk", queue.Inbound)
	night.NoAgentsSec, night.MaxWaitSec, night.MaxWaiting = 2, 4, 3

	chat := hasty("web chat", queue.Chat)
	chat.ClientIdleSec, chat.AgentIdleSec, chat.DialogIdleSec = 4, 4, 3

	task := hasty("back office", queue.Task)
	task.MaxOffers = 3
	return append([]queue.Queue{sales, support, night, chat, task}, outbound()...)
}

// outbound are the queues that dial members of a list.
func outbound() []queue.Queue {
	winback := hasty("win-back", queue.Predictive)
	winback.AMD, winback.MaxWaitSec = true, 3

	renewals := hasty("renewals", queue.Progressive)
	renewals.ProgressiveCount, renewals.AMD = 2, true

	accounts := hasty("key accounts", queue.Preview)

	callbacks := hasty("callbacks", queue.Offline)

	reminders := hasty("reminders", queue.IVR)
	reminders.MaxCalls, reminders.MinDurationSec, reminders.UseProcessing = 4, 2, false
	queues := []queue.Queue{winback, renewals, accounts, callbacks, reminders}
	for i := range queues {
		q := &queues[i]
		q.OriginateTimeoutSec, q.AMDTotalAnalysisMs, q.SkipDelaySec = 3, 1000, 3
		q.MaxAttempts, q.WaitBetweenRetriesSec, q.RetryAbandonedSec = 2, 3, 4
		q.RetryRules = []queue.RetryRule{
			{Name: "soon again", Classes: []queue.CauseClass{queue.ClassBusy, queue.ClassRejected}, AfterSec: 2},
			{Name: "another line", Classes: []queue.CauseClass{queue.ClassNetwork}, AfterSec: 1, Uncounted: true, OtherTrunk: true, Max: 2},
		}
	}
	return queues
}

func hasty(name string, t queue.Type) queue.Queue {
	q := queue.DefaultQueue(0, name, t)
	q.OfferTimeoutSec, q.BridgeTimeoutSec = 3, 2
	q.ProcessingSec, q.RenewSec = 3, 1
	q.NoAnswerDelaySec, q.RejectDelaySec, q.BusyDelaySec = 2, 1, 2
	return q
}

// Agents returns the people of the centre, without ids, as members of the
// queues that were made from Queues: in its order, with their ids.
func Agents(queues []queue.Queue) []queue.Agent {
	id := map[string]int64{}
	for _, q := range queues {
		id[q.Name] = q.ID
	}
	staff := []struct {
		name   string
		queues []string
		chats  int
	}{
		{"Ada", []string{"sales", "support"}, 1},
		{"Ben", []string{"sales", "support"}, 1},
		{"Chiara", []string{"sales", "web chat"}, 2},
		{"Dmitri", []string{"support", "sales"}, 1},
		{"Elif", []string{"support", "back office"}, 1},
		{"Femi", []string{"sales", "back office"}, 1},
		{"Grete", []string{"web chat", "back office"}, 3},
		{"Hana", []string{"night desk"}, 1},
		{"Ivo", []string{"sales", "support"}, 1},
		{"Jun", []string{"support", "sales"}, 1},
		{"Kaja", []string{"support", "web chat"}, 2},
		{"Lars", []string{"back office", "sales"}, 1},
		{"Mina", []string{"win-back"}, 1},
		{"Nils", []string{"win-back"}, 1},
		{"Olga", []string{"win-back", "renewals"}, 1},
		{"Pavel", []string{"renewals"}, 1},
		{"Queenie", []string{"key accounts"}, 1},
		{"Ravi", []string{"key accounts"}, 1},
		{"Sanna", []string{"callbacks"}, 1},
		{"Tariq", []string{"callbacks"}, 1},
	}
	agents := make([]queue.Agent, 0, len(staff))
	for i, s := range staff {
		user, extension := int64(5001+i), strconv.Itoa(201+i)
		a := queue.Agent{Name: s.name, UserID: &user, Extension: &extension,
			Capacity: map[queue.Channel]int{queue.ChannelChat: s.chats}}
		for _, name := range s.queues {
			a.Queues = append(a.Queues, id[name])
		}
		agents = append(agents, a)
	}
	return agents
}

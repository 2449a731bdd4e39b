package queue

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestOtherDataIsWhatItsTagsSay holds the appended data of agent.state and
// switch.* to what the struct tags would give.
func TestOtherDataIsWhatItsTagsSay(t *testing.T) {
	t.Parallel()
	text, number, no := `A "quoted" <name> & Ünï\code`+"\n", int64(1<<53), 7
	channel, state, leg, cause := ChannelChat, AgentWrapUp, LegAgent, CauseNormalClearing
	reflected := func(v any) string {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		// Of two spellings of a line feed we use the long one everywhere.
		return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), `\n`, `\u000a`)
	}
	for _, d := range []interface{ appendJSON([]byte) []byte }{
		&AgentStateData{Status: StatusOnline},
		&AgentStateData{AgentID: number, AgentName: text, Status: StatusPause, Reason: &text, Channel: &channel, State: &state, Since: "2026-08-22T10:00:00.000Z", AttemptID: &number},
		&AgentChangedData{Channel: ChannelTask},
		&AgentChangedData{
			AttemptID: number, Channel: channel, MemberChannelID: &text, AgentID: number, AgentName: text, UserID: &number, AgentExtension: &text,
			AgentChannelID: text, PreviousAgentID: number, PreviousAgentName: text, PreviousAgentChannelID: text,
		},
		&JoinRejectedData{Code: CodeDNC, Channel: ChannelCall},
		&JoinRejectedData{Code: CodeQueueFull, Channel: channel, Destination: &text, MemberName: &text, MemberID: &number, MemberChannelID: &text, Test: true},
		&MemberExpiredData{},
		&MemberExpiredData{MemberID: number, MemberName: &text, ExpiresAt: "2026-08-22T10:00:00.000Z", Attempts: no},
		&TransferOrder{Order: "transfer"},
		&TransferOrder{
			Order: "transfer", AttemptID: number, MemberChannelID: &text, AgentID: &number, AgentChannelID: &text, Attended: true, To: &text,
			ToAgentID: &number, ToAgentRef: &text, ToChannelID: &text, ToQueueID: &number, ToQueueName: &text, ChildAttemptID: &number,
		},
		&Order{Order: "ring"},
		&Order{
			Order: "hangup", AttemptID: number, OfferNo: &no, Leg: &leg, AgentID: &number, AgentExtension: &text, AgentRef: &text,
			AgentChannelID: &text, MemberChannelID: &text, Destination: &text, Cause: &cause, Deadline: &text, AMDTotalAnalysisMs: &no,
		},
	} {
		if got, want := string(d.appendJSON(nil)), reflected(d); got != want {
			t.Errorf("%T: got\n%s, want\n%s", d, got, want)
		}
	}
}

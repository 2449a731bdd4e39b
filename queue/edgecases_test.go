package queue

import (
	"fmt"
	"path/filepath"
	"testing"
)

// The edge cases of engine.md B.10, each a transcript or several in
// testdata/transcripts/edge, which show commands and events. Where a case goes
// beyond the engine there is a test of the same number in queue/desk, store or
// api.

func TestEdgeCase01AgentMisses(t *testing.T)                    { edgeCase(t, 1) }
func TestEdgeCase02AgentPenalty(t *testing.T)                   { edgeCase(t, 2) }
func TestEdgeCase03TwoAccepts(t *testing.T)                     { edgeCase(t, 3) }
func TestEdgeCase04AgentGoesAwayDuringAnOffer(t *testing.T)     { edgeCase(t, 4) }
func TestEdgeCase05AgentLosesHisLeg(t *testing.T)               { edgeCase(t, 5) }
func TestEdgeCase06MemberHangsUpWhileOffering(t *testing.T)     { edgeCase(t, 6) }
func TestEdgeCase07AMDLateOrMissing(t *testing.T)               { edgeCase(t, 7) }
func TestEdgeCase08DialReportMissing(t *testing.T)              { edgeCase(t, 8) }
func TestEdgeCase09ProcessingDeadline(t *testing.T)             { edgeCase(t, 9) }
func TestEdgeCase10ReportBeforeTheEnd(t *testing.T)             { edgeCase(t, 10) }
func TestEdgeCase11ReportWithoutProcessing(t *testing.T)        { edgeCase(t, 11) }
func TestEdgeCase12BlindTransfer(t *testing.T)                  { edgeCase(t, 12) }
func TestEdgeCase13AttendedTransfer(t *testing.T)               { edgeCase(t, 13) }
func TestEdgeCase14DuplicateCommand(t *testing.T)               { edgeCase(t, 14) }
func TestEdgeCase15LateCommand(t *testing.T)                    { edgeCase(t, 15) }
func TestEdgeCase16UnknownAttempt(t *testing.T)                 { edgeCase(t, 16) }
func TestEdgeCase17QueueDisabledWithMembersInside(t *testing.T) { edgeCase(t, 17) }
func TestEdgeCase18RefusedJoin(t *testing.T)                    { edgeCase(t, 18) }
func TestEdgeCase19ExpiredWithoutAttempt(t *testing.T)          { edgeCase(t, 19) }
func TestEdgeCase20SameNumberTwice(t *testing.T)                { edgeCase(t, 20) }
func TestEdgeCase21RestartOfASwitch(t *testing.T)               { edgeCase(t, 21) }
func TestEdgeCase22ClockGoesBack(t *testing.T)                  { edgeCase(t, 22) }
func TestEdgeCase23AcceptAndBridge(t *testing.T)                { edgeCase(t, 23) }
func TestEdgeCase24RingAll(t *testing.T)                        { edgeCase(t, 24) }

// edgeCase plays the transcripts of a case.
func edgeCase(t *testing.T, number int) {
	t.Helper()
	t.Parallel()
	files, err := filepath.Glob(fmt.Sprintf("testdata/transcripts/edge/%02d-*.txt", number))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcript shows case %d: %v", number, err)
	}
	if *update {
		t.Skip("TestTranscripts writes them")
	}
	valid := schemas(t)
	for _, path := range files {
		newPlay(t, valid).file(path)
	}
}

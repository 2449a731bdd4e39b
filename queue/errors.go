package queue

import "fmt"

// Code is the machine-readable reason of a refusal; REST shows it as `code`.
type Code string

// The refusals of the engine (engine.md B.6, B.10).
const (
	CodeInvalid        Code = "invalid"         // a field cannot be carried out
	CodeUnknownAttempt Code = "unknown_attempt" // no open attempt of that id
	CodeUnknownQueue   Code = "unknown_queue"
	CodeUnknownAgent   Code = "unknown_agent"
	CodeBadState       Code = "bad_state"     // not in this state
	CodeLostRace       Code = "lost_race"     // somebody else was first
	CodeNoProcessing   Code = "no_processing" // the attempt has no processing to report on
	CodeQueueDisabled  Code = "queue_disabled"
	CodeQueueFull      Code = "queue_full"
	CodeNameTaken      Code = "name_taken"
	CodeInUse          Code = "in_use"      // open attempts refer to it
	CodeNoAgent        Code = "no_agent"    // the agent, or every agent, is not free for it
	CodeMemberBusy     Code = "member_busy" // the member, or the number, is in an open attempt
)

// The refusals of lists, calendars and trunks (engine.md B.10, 18 and B.12).
const (
	CodeUnknownCalendar Code = "unknown_calendar"
	CodeUnknownTrunk    Code = "unknown_trunk"
	CodeCalendarClosed  Code = "calendar_closed" // outside the queue's hours
	CodeDNC             Code = "dnc"             // on the do-not-call list
	CodeExpired         Code = "expired"         // the member's time is over
	CodeNotReady        Code = "not_ready"       // the member is to be tried later, or no more
	CodeNoLine          Code = "no_line"         // max_calls, the trunks' lines or calls per second allow no call now
)

// Error is a refusal: nothing has happened. Field is the JSON name of the
// offending field, when one is to blame.
type Error struct {
	Code   Code
	Detail string
	Field  string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Is makes errors.Is compare codes, so that errors.Is(err, &Error{Code: …}) asks
// for the kind of refusal.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func refuse(code Code, format string, args ...any) error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func invalid(field, detail string) error {
	return &Error{Code: CodeInvalid, Detail: detail, Field: field}
}

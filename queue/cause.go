package queue

// Cause is why a leg ended, by its FreeSWITCH name: the field call_cause. Names
// are stored, never numbers, because numbers moved between versions.
type Cause string

// The causes that the engine itself gives (engine.md B.9).
const (
	CauseNormalClearing   Cause = "NORMAL_CLEARING"
	CauseOriginatorCancel Cause = "ORIGINATOR_CANCEL"
	CauseTemporaryFailure Cause = "NORMAL_TEMPORARY_FAILURE"
	CauseManagerRequest   Cause = "MANAGER_REQUEST"
	CauseSystemShutdown   Cause = "SYSTEM_SHUTDOWN"
	CauseBlindTransfer    Cause = "BLIND_TRANSFER"
	CauseAttendedTransfer Cause = "ATTENDED_TRANSFER"
	CauseLoseRace         Cause = "LOSE_RACE"
	CauseNoAnswer         Cause = "NO_ANSWER"
	CauseUnspecified      Cause = "NORMAL_UNSPECIFIED"
)

// CauseClass groups causes for retry rules (engine.md Part C).
type CauseClass string

// The classes. Local causes are our own doing; config causes are faults in the
// set-up.
const (
	ClassNormal      CauseClass = "normal"
	ClassBusy        CauseClass = "busy"
	ClassNoAnswer    CauseClass = "no_answer"
	ClassUnreachable CauseClass = "unreachable"
	ClassRejected    CauseClass = "rejected"
	ClassBadNumber   CauseClass = "bad_number"
	ClassNetwork     CauseClass = "network"
	ClassBarred      CauseClass = "barred"
	ClassLocal       CauseClass = "local"
	ClassConfig      CauseClass = "config"
)

// CauseClasses lists every class.
var CauseClasses = []CauseClass{
	ClassNormal, ClassBusy, ClassNoAnswer, ClassUnreachable, ClassRejected, ClassBadNumber, ClassNetwork, ClassBarred, ClassLocal, ClassConfig,
}

type causeInfo struct {
	sip   int
	class CauseClass
}

// SIP returns the status that stands for the cause when no adapter gave one;
// 480 for a cause that is not in the table (engine.md Part C).
func (c Cause) SIP() int {
	if info, ok := causes[c]; ok {
		return info.sip
	}
	return 480
}

// Class returns the cause's class; local for one that is not in the table.
func (c Cause) Class() CauseClass {
	if info, ok := causes[c]; ok {
		return info.class
	}
	return ClassLocal
}

// Known reports whether the cause is in the table.
func (c Cause) Known() bool { _, ok := causes[c]; return ok }

var causes = map[Cause]causeInfo{
	"NONE":                           {480, ClassNormal},
	"UNALLOCATED_NUMBER":             {404, ClassBadNumber},
	"NO_ROUTE_TRANSIT_NET":           {404, ClassNetwork},
	"NO_ROUTE_DESTINATION":           {404, ClassBadNumber},
	"CHANNEL_UNACCEPTABLE":           {480, ClassNetwork},
	"CALL_AWARDED_DELIVERED":         {480, ClassNormal},
	"NORMAL_CLEARING":                {200, ClassNormal},
	"USER_BUSY":                      {486, ClassBusy},
	"NO_USER_RESPONSE":               {408, ClassNoAnswer},
	"NO_ANSWER":                      {480, ClassNoAnswer},
	"SUBSCRIBER_ABSENT":              {480, ClassUnreachable},
	"CALL_REJECTED":                  {603, ClassRejected},
	"NUMBER_CHANGED":                 {410, ClassBadNumber},
	"REDIRECTION_TO_NEW_DESTINATION": {410, ClassBadNumber},
	"EXCHANGE_ROUTING_ERROR":         {483, ClassNetwork},
	"DESTINATION_OUT_OF_ORDER":       {502, ClassNetwork},
	"INVALID_NUMBER_FORMAT":          {484, ClassBadNumber},
	"FACILITY_REJECTED":              {501, ClassConfig},
	"RESPONSE_TO_STATUS_ENQUIRY":     {480, ClassConfig},
	"NORMAL_UNSPECIFIED":             {480, ClassNoAnswer},
	"NORMAL_CIRCUIT_CONGESTION":      {503, ClassNetwork},
	"NETWORK_OUT_OF_ORDER":           {503, ClassNetwork},
	"NORMAL_TEMPORARY_FAILURE":       {503, ClassNetwork},
	"SWITCH_CONGESTION":              {503, ClassNetwork},
	"ACCESS_INFO_DISCARDED":          {480, ClassConfig},
	"REQUESTED_CHAN_UNAVAIL":         {503, ClassNetwork},
	"PRE_EMPTED":                     {480, ClassNetwork},
	"FACILITY_NOT_SUBSCRIBED":        {480, ClassBarred},
	"OUTGOING_CALL_BARRED":           {403, ClassBarred},
	"INCOMING_CALL_BARRED":           {403, ClassBarred},
	"BEARERCAPABILITY_NOTAUTH":       {403, ClassBarred},
	"BEARERCAPABILITY_NOTAVAIL":      {503, ClassConfig},
	"SERVICE_UNAVAILABLE":            {480, ClassNetwork},
	"BEARERCAPABILITY_NOTIMPL":       {488, ClassConfig},
	"CHAN_NOT_IMPLEMENTED":           {480, ClassConfig},
	"FACILITY_NOT_IMPLEMENTED":       {501, ClassConfig},
	"SERVICE_NOT_IMPLEMENTED":        {501, ClassConfig},
	"INVALID_CALL_REFERENCE":         {480, ClassConfig},
	"INCOMPATIBLE_DESTINATION":       {488, ClassConfig},
	"INVALID_MSG_UNSPECIFIED":        {480, ClassConfig},
	"MANDATORY_IE_MISSING":           {480, ClassConfig},
	"MESSAGE_TYPE_NONEXIST":          {480, ClassConfig},
	"WRONG_MESSAGE":                  {480, ClassConfig},
	"IE_NONEXIST":                    {480, ClassConfig},
	"INVALID_IE_CONTENTS":            {480, ClassConfig},
	"WRONG_CALL_STATE":               {480, ClassConfig},
	"RECOVERY_ON_TIMER_EXPIRE":       {504, ClassNetwork},
	"MANDATORY_IE_LENGTH_ERROR":      {480, ClassConfig},
	"PROTOCOL_ERROR":                 {480, ClassConfig},
	"INTERWORKING":                   {480, ClassNetwork},
	"SUCCESS":                        {480, ClassNormal},
	"ORIGINATOR_CANCEL":              {487, ClassLocal},
	"CRASH":                          {480, ClassLocal},
	"SYSTEM_SHUTDOWN":                {480, ClassLocal},
	"LOSE_RACE":                      {480, ClassLocal},
	"MANAGER_REQUEST":                {480, ClassLocal},
	"BLIND_TRANSFER":                 {200, ClassNormal},
	"ATTENDED_TRANSFER":              {200, ClassNormal},
	"ALLOTTED_TIMEOUT":               {480, ClassNoAnswer},
	"USER_CHALLENGE":                 {480, ClassLocal},
	"MEDIA_TIMEOUT":                  {480, ClassNetwork},
	"PICKED_OFF":                     {480, ClassNormal},
	"USER_NOT_REGISTERED":            {480, ClassUnreachable},
	"PROGRESS_TIMEOUT":               {480, ClassNoAnswer},
	"INVALID_GATEWAY":                {484, ClassConfig},
	"GATEWAY_DOWN":                   {503, ClassNetwork},
	"INVALID_URL":                    {484, ClassConfig},
	"INVALID_PROFILE":                {502, ClassConfig},
	"NO_PICKUP":                      {480, ClassNoAnswer},
	"SRTP_READ_ERROR":                {480, ClassNetwork},
	"BOWOUT":                         {480, ClassNetwork},
	"BUSY_EVERYWHERE":                {600, ClassBusy},
	"DECLINE":                        {603, ClassRejected},
	"DOES_NOT_EXIST_ANYWHERE":        {604, ClassBadNumber},
	"NOT_ACCEPTABLE":                 {606, ClassRejected},
	"UNWANTED":                       {607, ClassRejected},
	"NO_IDENTITY":                    {428, ClassConfig},
	"BAD_IDENTITY_INFO":              {429, ClassConfig},
	"UNSUPPORTED_CERTIFICATE":        {437, ClassConfig},
	"INVALID_IDENTITY":               {438, ClassConfig},
	"STALE_DATE":                     {403, ClassConfig},
	"REJECT_ALL":                     {603, ClassRejected},
	"ABANDONED":                      {480, ClassLocal},
	"UNSPECIFIED":                    {480, ClassNormal},
}

// CauseOfSIP returns the cause that stands for a SIP status from the network
// (engine.md Part C, second table). It is not the inverse of Cause.SIP.
func CauseOfSIP(status int) Cause {
	if c, ok := sipCauses[status]; ok {
		return c
	}
	return "NORMAL_UNSPECIFIED"
}

var sipCauses = map[int]Cause{
	200: "NORMAL_CLEARING",
	400: "NORMAL_TEMPORARY_FAILURE",
	401: "CALL_REJECTED",
	402: "CALL_REJECTED",
	403: "CALL_REJECTED",
	404: "UNALLOCATED_NUMBER",
	405: "SERVICE_UNAVAILABLE",
	406: "SERVICE_NOT_IMPLEMENTED",
	407: "CALL_REJECTED",
	408: "RECOVERY_ON_TIMER_EXPIRE",
	410: "NUMBER_CHANGED",
	413: "INTERWORKING",
	414: "INTERWORKING",
	415: "SERVICE_NOT_IMPLEMENTED",
	416: "INTERWORKING",
	420: "INTERWORKING",
	421: "INTERWORKING",
	423: "INTERWORKING",
	428: "NO_IDENTITY",
	429: "BAD_IDENTITY_INFO",
	437: "UNSUPPORTED_CERTIFICATE",
	438: "INVALID_IDENTITY",
	480: "NO_USER_RESPONSE",
	481: "NORMAL_TEMPORARY_FAILURE",
	482: "EXCHANGE_ROUTING_ERROR",
	483: "EXCHANGE_ROUTING_ERROR",
	484: "INVALID_NUMBER_FORMAT",
	485: "NO_ROUTE_DESTINATION",
	486: "USER_BUSY",
	487: "ORIGINATOR_CANCEL",
	488: "INCOMPATIBLE_DESTINATION",
	500: "NORMAL_TEMPORARY_FAILURE",
	501: "SERVICE_NOT_IMPLEMENTED",
	502: "NETWORK_OUT_OF_ORDER",
	503: "NORMAL_TEMPORARY_FAILURE",
	504: "RECOVERY_ON_TIMER_EXPIRE",
	505: "INTERWORKING",
	513: "INTERWORKING",
	600: "USER_BUSY",
	603: "CALL_REJECTED",
	604: "NO_ROUTE_DESTINATION",
	606: "INCOMPATIBLE_DESTINATION",
	607: "UNWANTED",
	608: "CALL_REJECTED",
}

// ReasonByCause tells why a member was not reached from the cause of his leg
// (engine.md B.9). A fault in the set-up is the network's as far as the member
// is concerned; Queue.Retry tells them apart by the class.
func ReasonByCause(c Cause) Reason {
	switch c.Class() {
	case ClassBusy:
		return ReasonBusy
	case ClassRejected:
		return ReasonRejected
	case ClassUnreachable:
		return ReasonUnreachable
	case ClassBadNumber:
		return ReasonBadNumber
	case ClassNetwork, ClassConfig:
		return ReasonNetwork
	case ClassBarred:
		return ReasonBarred
	default:
		return ReasonNoAnswer
	}
}

// MissedByCause tells why an agent's leg came to nothing from its cause
// (engine.md B.9): failed for any cause that says nothing more.
func MissedByCause(c Cause) MissedReason {
	switch c {
	case "CALL_REJECTED", "DECLINE":
		return MissedDeclined
	case "USER_BUSY", "NORMAL_CIRCUIT_CONGESTION":
		return MissedBusy
	case "USER_NOT_REGISTERED", "SUBSCRIBER_ABSENT", "DESTINATION_OUT_OF_ORDER":
		return MissedUnreachable
	case "NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT", "NO_PICKUP":
		return MissedTimeout
	default:
		return MissedFailed
	}
}

package store

// AppendNotices is appendNotices for the tests outside of the package.
var AppendNotices = appendNotices

// The statements whose plans the tests look at.
var (
	ReadySQL   = readySQL
	WaitingSQL = waitingMembers
	ZonesSQL   = zonesSQL
)

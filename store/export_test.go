package store

// AppendNotices is appendNotices for the tests outside of the package.
var AppendNotices = appendNotices

// The statements whose plans the tests look at.
var (
	ReadySQL   = readySQL
	WaitingSQL = waitingMembers
	ZonesSQL   = zonesSQL
)

// ScanBound is how many tries one page looks at.
const ScanBound = scanBound

// PageStatements are the statements of one page of the lists of tries.
func PageStatements(f TryFilter) map[string]string {
	return map[string]string{
		"tries": pageSQL(f, tryFields, "", ""), "deliveries": pageSQL(f, deliveryFields, andParked, lastOnly), "last": lastScanned(f),
	}
}

// PageArgs are the first arguments of these.
func PageArgs(f TryFilter, domainID int64, endpointID string) []any {
	id, err := endpointUUID(endpointID)
	if err != nil {
		panic(err)
	}
	return f.args(domainID, id)
}

// How a desk locks its domain's row.
const (
	LockByPlace = lockByPlace
	LockByID    = lockByID
)

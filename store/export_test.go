package store

// AppendNotices is appendNotices for the tests outside of the package.
var AppendNotices = appendNotices

package queue

import "time"

// instant is how times are written in event bodies: UTC, milliseconds.
const instant = "2006-01-02T15:04:05.000Z"

// AppendInstant appends t as events write it, without quotes. It is
// time.AppendFormat by hand: an event has up to ten instants.
func AppendInstant(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 { // four digits do not hold it
		return t.AppendFormat(b, instant)
	}
	hour, minute, second := t.Clock()
	b = appendDigits(appendDigits(b, year/100), year%100)
	b = appendDigits(append(b, '-'), int(month))
	b = appendDigits(append(b, '-'), day)
	b = appendDigits(append(b, 'T'), hour)
	b = appendDigits(append(b, ':'), minute)
	b = appendDigits(append(b, ':'), second)
	milli := t.Nanosecond() / int(time.Millisecond)
	b = append(b, '.', byte('0'+milli/100))
	return append(appendDigits(b, milli%100), 'Z')
}

// appendDigits appends a number below 100 with two digits.
func appendDigits(b []byte, n int) []byte {
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

// ParseInstant reads what AppendInstant wrote, or any other instant of RFC 3339.
func ParseInstant(s string) (time.Time, error) {
	if t, ok := parseInstant(s); ok {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err
}

// parseInstant reads nothing but what AppendInstant writes.
func parseInstant(s string) (time.Time, bool) {
	if len(s) != len(instant) {
		return time.Time{}, false
	}
	for i := range len(s) {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (instant[i] >= '0' && instant[i] <= '9') || !digit && s[i] != instant[i] {
			return time.Time{}, false
		}
	}
	digits := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := digits(0)*100+digits(2), digits(5), digits(8)
	hour, minute, second := digits(11), digits(14), digits(17)
	milli := int(s[20]-'0')*100 + digits(21)
	t := time.Date(year, time.Month(month), day, hour, minute, second, milli*int(time.Millisecond), time.UTC)
	// What does not exist was turned into something else.
	same := t.Day() == day && int(t.Month()) == month && t.Hour() == hour && t.Minute() == minute && t.Second() == second
	return t, same
}

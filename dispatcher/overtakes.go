package dispatcher

import "strconv"

// maxOvertakes bounds the header Offhook-Overtakes: of more, the last are named.
const maxOvertakes = 200

// overtakesHeader renders numbers, rising and separated by commas. Of too many
// the first are left out, and "..." in front says so.
func overtakesHeader(numbers []int64) string {
	var b []byte
	if n := len(numbers) - maxOvertakes; n > 0 {
		b, numbers = append(b, "..."...), numbers[n:]
	}
	for _, n := range numbers {
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

package dispatchertest

import (
	"fmt"
	"strings"

	"github.com/offhook/offhook/dispatcher"
)

// answerRows are receivers that speak proper HTTP, and what each answer means.
func (a *Arena) answerRows() {
	for outcome, statuses := range map[dispatcher.Outcome][]int{
		dispatcher.OutcomeDelivered:    {200, 201, 202, 208, 299},
		dispatcher.OutcomeRedirect:     {300, 304, 305, 399},
		dispatcher.OutcomeRejected:     {400, 402, 404, 405, 409, 411, 413, 415, 418, 421, 422, 425, 431, 451, 499},
		dispatcher.OutcomeUnauthorized: {401, 403, 407},
		dispatcher.OutcomeRefused:      {410},
		dispatcher.OutcomeUpstream:     {500, 501, 502, 504, 505, 520, 599},
		dispatcher.OutcomeHTTPError:    {600, 999},
	} {
		for _, status := range statuses {
			a.row(fmt.Sprintf("answers %d", status), status,
				answers(fmt.Sprintf("HTTP/1.1 %d Odd\r\nContent-Length: 0\r\n\r\n", status)), outcome)
		}
	}
	// These have no body, whatever follows.
	for _, status := range []int{204, 205} {
		a.row(fmt.Sprintf("answers %d with a body", status), status,
			answers(fmt.Sprintf("HTTP/1.1 %d Odd\r\nContent-Length: 9\r\n\r\nsurprise!", status)), dispatcher.OutcomeDelivered)
		a.or(dispatcher.OutcomeProtocol) // when the next request was sent before the surprise was seen, which is its answer then
	}
	a.row("answers 200 with five megabytes", 200, answers(okHead+"Content-Length: 5242880\r\n\r\n"+strings.Repeat("x", 5<<20)), dispatcher.OutcomeDelivered)
	for name, location := range map[string]string{
		"without a Location": "", "to loopback": "Location: http://127.0.0.1:1/\r\n", "to the metadata service": "Location: http://169.254.169.254/latest/meta-data/\r\n",
		"to a file": "Location: file:///etc/passwd\r\n", "to itself": "Location: /\r\n", "to nonsense": "Location: ::%%\r\n",
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			a.row(fmt.Sprintf("redirects with %d %s", status, name), status,
				answers(fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\n%sContent-Length: 0\r\n\r\n", status, location)), dispatcher.OutcomeRedirect)
		}
	}
	for name, header := range map[string]string{
		"without Retry-After": "", "of a second": "Retry-After: 1\r\n", "of a date": "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n",
		"of a date gone by": "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "of a million years": "Retry-After: 31556952000000\r\n",
		"that overflows": "Retry-After: 99999999999999999999999999\r\n", "below 0": "Retry-After: -1\r\n", "of words": "Retry-After: soon\r\n",
		"that is empty": "Retry-After: \r\n", "twice": "Retry-After: 1\r\nRetry-After: 99999999\r\n",
	} {
		for _, status := range []int{429, 503} {
			a.row(fmt.Sprintf("answers %d, Retry-After %s", status, name), status,
				answers(fmt.Sprintf("HTTP/1.1 %d Later\r\n%sContent-Length: 0\r\n\r\n", status, header)), dispatcher.OutcomeThrottled)
		}
	}
}

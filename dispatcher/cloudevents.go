package dispatcher

import (
	"net/http"

	"github.com/offhook/offhook/queue"
)

// setCloudEvent adds the attributes of an event as the headers of CloudEvents'
// binary mode. The content type is the attribute datacontenttype.
func setCloudEvent(h http.Header, ev *queue.Event) {
	for _, a := range ev.CloudEventAttributes() {
		// Written out by hand for speed: the names are lower-case letters.
		h["Ce-"+string(a.Name[0]-'a'+'A')+a.Name[1:]] = []string{percentEncode(a.Value)}
	}
}

// percentEncode writes a value as section 3.1.3.2 of CloudEvents' HTTP binding
// wants it: a space, a quote, a percent sign, and what is no printable ASCII.
func percentEncode(s string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
	for i := range len(s) {
		if plain(s[i]) {
			continue
		}
		const hexDigits = "0123456789ABCDEF"
		out := []byte(s[:i])
		for _, c := range []byte(s[i:]) {
			if plain(c) {
				out = append(out, c)
			} else {
				out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		return string(out)
	}
	return s
}

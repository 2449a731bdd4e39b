package api

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Most of what a switch reports is a few plain fields, and to find out by
// reflection where they go costs several times as much as to read them. So reports
// are read here, as long as they are plain: fields by their documented names, texts
// without escapes, whole numbers, instants. At anything else, right or wrong,
// plainReports gives up, and the decoder, which knows all of JSON and what to say
// of errors, reads the body from its beginning.

// plainReports reads one report, or an array of them, as the decoder would; false
// when that is to read it.
func plainReports(body []byte, single bool) ([]SwitchReport, bool) {
	n := bytes.Count(body, []byte{'{'})
	if n == 0 || n > maxReports {
		return nil, false
	}
	p := plainReader{rest: body}
	if !single && !p.skip('[') {
		return nil, false
	}
	reports := make([]SwitchReport, 0, n) // fewer, if a text has a brace
	for more := true; more; more = !single && p.skip(',') {
		if len(reports) == n {
			return nil, false
		}
		reports = reports[:len(reports)+1]
		if !p.report(&reports[len(reports)-1]) {
			return nil, false
		}
	}
	if !single && !p.skip(']') {
		return nil, false
	}
	p.space()
	return reports, len(p.rest) == 0
}

// plainReader reads plain JSON from the front of what is left. When one of its
// methods returns false, what it was called for is not there, or is not plain.
type plainReader struct{ rest []byte }

func (p *plainReader) report(r *SwitchReport) bool {
	if !p.skip('{') {
		return false
	}
	for more := true; more; more = p.skip(',') {
		name, ok := p.quoted()
		if !ok || !p.skip(':') || !p.field(r, name[1:len(name)-1]) {
			return false
		}
	}
	return p.skip('}')
}

// field reads the value of a field into the report.
func (p *plainReader) field(r *SwitchReport, name []byte) bool {
	switch string(name) {
	case "attempt_id":
		return plainNumber(p, &r.AttemptID)
	case "channel_id":
		return plainText(p, &r.ChannelID)
	case "leg":
		return plainText(p, &r.Leg)
	case "event":
		return plainText(p, &r.Event)
	case "at":
		return p.instant(&r.At)
	case "agent_id":
		return plainNumber(p, &r.AgentID)
	case "agent_ref":
		return plainText(p, &r.AgentRef)
	case "agent_name":
		return plainText(p, &r.AgentName)
	case "agent_channel_id":
		return plainText(p, &r.AgentChannelID)
	case "queue_id":
		return plainNumber(p, &r.QueueID)
	case "queue_name":
		return plainText(p, &r.QueueName)
	case "offer_no":
		return plainNumber(p, &r.OfferNo)
	case "reason":
		return plainText(p, &r.Reason)
	case "result_reason":
		return plainText(p, &r.ResultReason)
	case "cause":
		return plainText(p, &r.Cause)
	case "sip_code":
		return plainNumber(p, &r.SIPCode)
	case "amd_result":
		return plainText(p, &r.AMDResult)
	case "status":
		return plainText(p, &r.Status)
	case "destination":
		r.Destination = new(string)
		return plainText(p, r.Destination)
	case "member_name":
		r.MemberName = new(string)
		return plainText(p, r.MemberName)
	case "member_channel_id":
		return plainText(p, &r.MemberChannelID)
	case "dial_at":
		return p.instant(&r.DialAt)
	case "member_answered_at":
		return p.instant(&r.MemberAnsweredAt)
	case "priority":
		return plainNumber(p, &r.Priority)
	}
	return false
}

func (p *plainReader) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\r' || p.rest[0] == '\t') {
		p.rest = p.rest[1:]
	}
}

// skip passes over one character and the space in front of it.
func (p *plainReader) skip(c byte) bool {
	p.space()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// quoted reads a text that is what stands between its quotes, and returns it with
// them.
func (p *plainReader) quoted() ([]byte, bool) {
	p.space()
	ascii := true
	for i, c := range p.rest {
		switch {
		case i == 0:
			if c != '"' {
				return nil, false
			}
		case c == '"':
			text := p.rest[:i+1]
			p.rest = p.rest[i+1:]
			return text, ascii || utf8.Valid(text)
		case c < ' ' || c == '\\':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

func plainText[T ~string](p *plainReader, to *T) bool {
	text, ok := p.quoted()
	if ok {
		*to = T(text[1 : len(text)-1])
	}
	return ok
}

// instant reads one into what knows how.
func (p *plainReader) instant(to json.Unmarshaler) bool {
	text, ok := p.quoted()
	return ok && to.UnmarshalJSON(text) == nil
}

// plainNumber reads a whole number without a sign, of so few digits that it fits.
func plainNumber[T int | int64](p *plainReader, to *T) bool {
	p.space()
	n, i := int64(0), 0
	for ; i < len(p.rest) && p.rest[i] >= '0' && p.rest[i] <= '9'; i++ {
		n = 10*n + int64(p.rest[i]-'0')
	}
	if *to = T(n); i == 0 || i > 18 || i > 1 && p.rest[0] == '0' || int64(*to) != n {
		return false
	}
	p.rest = p.rest[i:]
	return true // that it ends here is seen by what has to follow
}

package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/offhook/offhook/queue"
)

// The log's two small JSON columns are written and read by hand: every event
// passes here twice, and reflection would cost as much as all of its other
// columns together.

// appendExt appends ext under the names that the body has, without what is null
// there.
func appendExt(b []byte, x *queue.Ext) []byte {
	b = append(b, '{')
	empty := len(b)
	text := func(name, value string) {
		if value != "" {
			b = appendString(appendName(b, empty, name), value)
		}
	}
	instant := func(name string, t time.Time) {
		if !t.IsZero() {
			b = append(appendName(b, empty, name), '"')
			b = append(queue.AppendInstant(b, t), '"')
		}
	}
	number := func(name string, n int64) {
		if n != 0 {
			b = strconv.AppendInt(appendName(b, empty, name), n, 10)
		}
	}
	text("state", string(x.State))
	instant("joined_at", x.JoinedAt)
	instant("dial_at", x.DialAt)
	instant("member_answered_at", x.MemberAnsweredAt)
	instant("offering_at", x.OfferingAt)
	instant("bridged_at", x.BridgedAt)
	instant("ended_at", x.EndedAt)
	instant("leaving_at", x.LeavingAt)
	number("offer_no", int64(x.OfferNo))
	text("missed_reason", string(x.MissedReason))
	text("result_reason", string(x.ResultReason))
	instant("retry_at", x.RetryAt)
	instant("processing_deadline", x.ProcessingDeadline)
	number("parent_attempt_id", x.ParentAttemptID)
	number("child_attempt_id", x.ChildAttemptID)
	text("agent_cause", string(x.AgentCause))
	text("amd_cause", x.AMDCause)
	text("sip_code_source", x.SIPCodeSource)
	number("wait_sec", x.WaitSec)
	number("previous_agent_id", x.PreviousAgentID)
	if x.Test {
		b = append(appendName(b, empty, "test"), "true"...)
	}
	return append(b, '}')
}

// parseExt reads what appendExt wrote. A name that it does not know is of a
// newer version and is passed over. Texts are made by intern.
func parseExt(raw []byte, x *queue.Ext, intern func([]byte) string) error {
	return eachMember(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "state":
			err = parseText(value, &x.State, intern)
		case "joined_at":
			err = parseInstant(value, &x.JoinedAt)
		case "dial_at":
			err = parseInstant(value, &x.DialAt)
		case "member_answered_at":
			err = parseInstant(value, &x.MemberAnsweredAt)
		case "offering_at":
			err = parseInstant(value, &x.OfferingAt)
		case "bridged_at":
			err = parseInstant(value, &x.BridgedAt)
		case "ended_at":
			err = parseInstant(value, &x.EndedAt)
		case "leaving_at":
			err = parseInstant(value, &x.LeavingAt)
		case "offer_no":
			x.OfferNo, err = strconv.Atoi(string(value))
		case "missed_reason":
			err = parseText(value, &x.MissedReason, intern)
		case "result_reason":
			err = parseText(value, &x.ResultReason, intern)
		case "retry_at":
			err = parseInstant(value, &x.RetryAt)
		case "processing_deadline":
			err = parseInstant(value, &x.ProcessingDeadline)
		case "parent_attempt_id":
			x.ParentAttemptID, err = strconv.ParseInt(string(value), 10, 64)
		case "child_attempt_id":
			x.ChildAttemptID, err = strconv.ParseInt(string(value), 10, 64)
		case "previous_agent_id":
			x.PreviousAgentID, err = strconv.ParseInt(string(value), 10, 64)
		case "agent_cause":
			err = parseText(value, &x.AgentCause, intern)
		case "amd_cause":
			err = parseText(value, &x.AMDCause, intern)
		case "sip_code_source":
			err = parseText(value, &x.SIPCodeSource, intern)
		case "wait_sec":
			x.WaitSec, err = strconv.ParseInt(string(value), 10, 64)
		case "test":
			x.Test, err = strconv.ParseBool(string(value))
		}
		return err
	})
}

// appendVariables appends an object of texts, in no order: jsonb has its own.
func appendVariables(b []byte, v map[string]string) []byte {
	b = append(b, '{')
	empty := len(b)
	for name, value := range v {
		b = appendString(appendName(b, empty, name), value)
	}
	return append(b, '}')
}

// parseVariables reads what appendVariables wrote. Names are made by intern:
// unlike values, they come again.
func parseVariables(raw []byte, intern func([]byte) string) (map[string]string, error) {
	v := map[string]string{}
	err := eachMember(raw, func(name, value []byte) error {
		text, err := unquote(value)
		if err != nil {
			return err
		}
		v[intern(name)] = string(text)
		return nil
	})
	return v, err
}

func appendName(b []byte, empty int, name string) []byte {
	if len(b) > empty {
		b = append(b, ',')
	}
	return append(appendString(b, name), ':')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("a string that is not JSON: " + err.Error())
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// eachMember walks over an object of texts, numbers, booleans and nulls. It
// gives names as text and values as JSON; nulls are left out. Deeper values are
// an error: the columns have none.
func eachMember(raw []byte, f func(name, value []byte) error) error {
	rest := bytes.TrimSpace(raw)
	if len(rest) < 2 || rest[0] != '{' || rest[len(rest)-1] != '}' {
		return fmt.Errorf("not an object: %.60q", raw)
	}
	rest = bytes.TrimSpace(rest[1 : len(rest)-1])
	for len(rest) > 0 {
		quoted, after, ok := cutString(rest)
		after = bytes.TrimLeft(after, " ")
		if !ok || len(after) == 0 || after[0] != ':' {
			return fmt.Errorf("not a flat object: %.60q", raw)
		}
		rest = bytes.TrimLeft(after[1:], " ")
		var value []byte
		if value, after, ok = cutString(rest); !ok {
			value, after = cutWord(rest)
		}
		rest = bytes.TrimLeft(after, " ")
		if len(value) == 0 || len(rest) > 0 && rest[0] != ',' {
			return fmt.Errorf("not a flat object: %.60q", raw)
		}
		if len(rest) > 0 {
			rest = bytes.TrimLeft(rest[1:], " ")
		}
		if string(value) == "null" {
			continue
		}
		name, err := unquote(quoted)
		if err != nil {
			return err
		}
		if err := f(name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// cutString cuts a quoted string off the front.
func cutString(b []byte) (quoted, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1], b[i+1:], true
		}
	}
	return nil, b, false
}

// cutWord cuts a number, true, false or null off the front.
func cutWord(b []byte) (word, rest []byte) {
	i := bytes.IndexAny(b, " ,{[")
	if i < 0 {
		i = len(b)
	}
	return b[:i], b[i:]
}

// unquote returns the text of a JSON string, mostly a part of it.
func unquote(quoted []byte) ([]byte, error) {
	if n := len(quoted); n >= 2 && quoted[0] == '"' && bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : n-1], nil
	}
	var text string
	err := json.Unmarshal(quoted, &text)
	return []byte(text), err
}

func parseText[T ~string](quoted []byte, out *T, intern func([]byte) string) error {
	text, err := unquote(quoted)
	*out = T(intern(text))
	return err
}

func parseInstant(quoted []byte, out *time.Time) error {
	text, err := unquote(quoted)
	if err == nil {
		*out, err = queue.ParseInstant(string(text))
	}
	return err
}

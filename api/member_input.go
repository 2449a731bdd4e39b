package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
)

// memberInput is what somebody says about a member: only the fields that were
// given count, so that it can be laid over a member who is there.
type memberInput struct {
	given []string

	name      *string
	numbers   []numberInput
	priority  int
	bucket    string
	variables map[string]string
	timeZone  string
	expiresAt time.Time
	readyAt   time.Time
	sticky    *int64
	stopped   bool
}

type numberInput struct {
	Number   string `json:"number"`
	Priority int    `json:"priority"`
}

// memberNulls are the fields of a member that may be null.
var memberNulls = []string{"name", "bucket", "time_zone", "expires_at", "ready_at", "sticky_agent_id"}

// memberOf reads a JSON object. The pointer of the error is within the object.
func memberOf(raw []byte) (*memberInput, *FieldError) {
	if hasNUL(raw) {
		return nil, &FieldError{"", errNUL.Error()}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		if json.Valid(raw) {
			return nil, &FieldError{"", "expected an object"}
		}
		return nil, &FieldError{"", "this is not JSON: " + err.Error()}
	}
	in := &memberInput{}
	for name, value := range fields {
		if err := in.set(name, value); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// set takes one field of a JSON object.
func (in *memberInput) set(name string, raw json.RawMessage) *FieldError {
	in.given = append(in.given, name)
	null := string(raw) == "null"
	if null && slices.Contains(memberNulls, name) {
		return nil
	}
	var target any
	switch name {
	case "name":
		target = &in.name
	case "numbers":
		return in.setNumbers(raw)
	case "priority":
		target = &in.priority
	case "bucket":
		target = &in.bucket
	case "variables":
		target = &in.variables
	case "time_zone":
		target = &in.timeZone
	case "expires_at":
		target = &in.expiresAt
	case "ready_at":
		target = &in.readyAt
	case "sticky_agent_id":
		target = &in.sticky
	case "stopped":
		target = &in.stopped
	default:
		return &FieldError{"/" + name, "a member has no field of this name"}
	}
	return into("/"+name, raw, null, target)
}

func (in *memberInput) setNumbers(raw json.RawMessage) *FieldError {
	var items []json.RawMessage
	if err := into("/numbers", raw, string(raw) == "null", &items); err != nil {
		return err
	}
	in.numbers = make([]numberInput, len(items))
	for i, item := range items {
		where := fmt.Sprintf("/numbers/%d", i)
		var fields map[string]json.RawMessage
		if err := into(where, item, string(item) == "null", &fields); err != nil {
			return err
		}
		for name, value := range fields {
			var target any = &in.numbers[i].Number
			switch name {
			case "number":
			case "priority":
				target = &in.numbers[i].Priority
			default:
				return &FieldError{where + "/" + name, "a number has no field of this name"}
			}
			if err := into(where+"/"+name, value, string(value) == "null", target); err != nil {
				return err
			}
		}
	}
	return nil
}

// into decodes a value into its field, and says in words what is wrong.
func into(pointer string, raw json.RawMessage, null bool, v any) *FieldError {
	if null {
		return &FieldError{pointer, "null is not a value of this"}
	}
	err := json.Unmarshal(raw, v)
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &FieldError{pointer, "expected " + jsonKind(wrong.Type) + ", not " + wrong.Value}
	}
	return &FieldError{pointer, wantInstant} // only instants have a syntax of their own
}

// column says what the cells of a CSV column are for; nil for a column that is
// passed over.
type column func(in *memberInput, cell string) string

// Extras says what becomes of columns of a CSV file that have no meaning.
type extras string

const (
	extrasRefused   extras = "refuse"
	extrasVariables extras = "variables"
	extrasIgnored   extras = "ignore"
)

// variablePrefix begins the name of a column that is a variable.
const variablePrefix = "var."

// memberColumns finds out what each column of a header is for.
func memberColumns(header []string, others extras) ([]column, error) {
	columns := make([]column, len(header))
	numbers := false
	for i, name := range header {
		numbers = numbers || name == "number"
		switch {
		case slices.Contains(header[:i], name):
			return nil, invalid("", fmt.Sprintf("the column %q is there twice", name))
		case memberColumn(name) != nil:
			columns[i] = memberColumn(name)
		case strings.HasPrefix(name, variablePrefix):
			columns[i] = variableColumn(strings.TrimPrefix(name, variablePrefix))
		case others == extrasVariables && name != "":
			columns[i] = variableColumn(name)
		case others == extrasIgnored:
		default:
			return nil, invalid("", fmt.Sprintf("the column %q has no meaning: call it %s%s to make it a variable, or say extra=variables or extra=ignore",
				name, variablePrefix, name))
		}
	}
	if !numbers {
		return nil, invalid("", "the first line names the columns, and one of them must be number; it has: "+strings.Join(header, ", "))
	}
	return columns, nil
}

// csvRow reads the cells of a line. The pointer of the error names the column.
func csvRow(header []string, columns []column, cells []string) (*memberInput, *FieldError) {
	in := &memberInput{}
	for i, cell := range cells {
		if cell = strings.TrimSpace(cell); cell == "" || columns[i] == nil {
			continue
		}
		if wrong := columns[i](in, cell); wrong != "" {
			return nil, &FieldError{"/" + header[i], wrong}
		}
	}
	// A gap between the numbers is none.
	in.numbers = slices.DeleteFunc(in.numbers, func(n numberInput) bool { return n.Number == "" })
	in.give("numbers")
	return in, nil
}

func (in *memberInput) give(name string) {
	if !slices.Contains(in.given, name) {
		in.given = append(in.given, name)
	}
}

func variableColumn(name string) column {
	return func(in *memberInput, cell string) string {
		if in.variables == nil {
			in.variables = map[string]string{}
		}
		in.variables[name] = cell
		in.give("variables")
		return ""
	}
}

// memberColumn is the column of a member's own field; nil for another name.
func memberColumn(name string) column {
	if strings.HasPrefix(name, "number") {
		return numberColumn(name)
	}
	switch name {
	case "name":
		return func(in *memberInput, cell string) string { in.name = &cell; in.give(name); return "" }
	case "bucket":
		return func(in *memberInput, cell string) string { in.bucket = cell; in.give(name); return "" }
	case "time_zone":
		return func(in *memberInput, cell string) string { in.timeZone = cell; in.give(name); return "" }
	case "priority":
		return func(in *memberInput, cell string) string { in.give(name); return whole(cell, &in.priority) }
	case "expires_at":
		return func(in *memberInput, cell string) string { in.give(name); return moments(cell, &in.expiresAt) }
	case "ready_at":
		return func(in *memberInput, cell string) string { in.give(name); return moments(cell, &in.readyAt) }
	case "sticky_agent_id":
		return func(in *memberInput, cell string) string {
			var id int
			wrong := whole(cell, &id)
			sticky := int64(id)
			in.sticky = &sticky
			in.give(name)
			return wrong
		}
	default:
		return nil
	}
}

// numberColumn is number, number2 … number20, or one of those with _priority.
func numberColumn(name string) column {
	rest, isPriority := strings.CutSuffix(strings.TrimPrefix(name, "number"), "_priority")
	no := 1
	if rest != "" {
		var err error
		if no, err = strconv.Atoi(rest); err != nil || no < 2 || no > queue.MaxNumbers || rest != strconv.Itoa(no) {
			return nil
		}
	}
	return func(in *memberInput, cell string) string {
		for len(in.numbers) < no {
			in.numbers = append(in.numbers, numberInput{})
		}
		if isPriority {
			return whole(cell, &in.numbers[no-1].Priority)
		}
		in.numbers[no-1].Number = cell
		return ""
	}
}

func whole(cell string, into *int) (wrong string) {
	n, err := strconv.Atoi(cell)
	if err != nil {
		return "expected a whole number"
	}
	*into = n
	return ""
}

func moments(cell string, into *time.Time) (wrong string) {
	t, err := time.Parse(time.RFC3339, cell)
	if err != nil {
		return wantInstant
	}
	*into = t
	return ""
}

// lay puts what was given over a member. now is when an unset ready_at is.
func (in *memberInput) lay(m *queue.Member, now time.Time) {
	for _, name := range in.given {
		switch name {
		case "name":
			m.Name = in.name
		case "numbers":
			m.Numbers = in.numbersOver(m.Numbers)
		case "priority":
			m.Priority = in.priority
		case "bucket":
			m.Bucket = in.bucket
		case "variables":
			m.Variables = in.variables
		case "time_zone":
			m.TimeZone = in.timeZone
		case "expires_at":
			m.ExpiresAt = utc(&in.expiresAt)
		case "ready_at":
			m.ReadyAt, m.RetryRule, m.RetryTries, m.NextNumber = utc(&in.readyAt), "", 0, ""
			if m.ReadyAt.IsZero() {
				m.ReadyAt = now
			}
		case "sticky_agent_id":
			m.StickyAgentID = in.sticky
		}
	}
}

// numbersOver are the numbers that were given, with what is known already about
// those that the member had.
func (in *memberInput) numbersOver(had []queue.Number) []queue.Number {
	numbers := make([]queue.Number, len(in.numbers))
	for i, n := range in.numbers {
		n.Number = normalNumber(n.Number)
		if j := slices.IndexFunc(had, func(old queue.Number) bool { return old.Number == n.Number }); j >= 0 {
			numbers[i] = had[j]
		}
		numbers[i].Number, numbers[i].Priority = n.Number, n.Priority
	}
	return numbers
}

// normalNumber takes out of a telephone number what people put in to read it
// better: spaces, hyphens, dots, slashes and brackets. Other addresses, such as
// sip:anna@example.org, only lose the white space around them.
func normalNumber(s string) string {
	s = strings.TrimSpace(s)
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '+', c == '*', c == '#':
			out = append(out, c)
		case bytes.IndexByte([]byte(" -./()"), c) >= 0:
		default:
			return s
		}
	}
	return string(out)
}

package store

import (
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/offhook/offhook/queue"
)

// filler sets every field of a value, at any depth, to something of its own or to
// nothing.
type filler struct {
	empty func() bool
	n     int64
}

func (f *filler) fill(v reflect.Value) {
	_, isTime := v.Interface().(time.Time)
	switch f.n++; {
	case v.Kind() == reflect.Struct && !isTime:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case f.empty():
	case isTime:
		v.Set(reflect.ValueOf(time.UnixMilli(1_800_000_000_000 + f.n).UTC()))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case v.Kind() == reflect.String:
		v.SetString(`a "text" of <Jürgen>` + strconv.FormatInt(f.n, 10))
	default:
		v.SetInt(f.n - 10)
	}
}

// What an agent is doing is written as its struct tags say, also what is added to
// it one day.
func TestAgentStateIsWhatItsTagsSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s, back queue.AgentState
		f := filler{empty: func() bool { return rapid.IntRange(0, 2).Draw(t, "empty") == 0 }}
		f.fill(reflect.ValueOf(&s).Elem())
		got := appendAgentState(nil, &s)
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if d := cmp.Diff(s, back); d != "" {
			t.Fatalf("%s (-written +read):\n%s", got, d)
		}
		marshalled, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		var want, have any
		if err := json.Unmarshal(marshalled, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Fatalf("%s\nwant %s (-marshalled +written):\n%s", got, marshalled, d)
		}
	})
}

package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// asDecoded fails when a body that is read as plain is read otherwise by the
// decoder, or refused; it reports whether it is plain.
func asDecoded(t interface{ Fatalf(string, ...any) }, body []byte) bool {
	single := len(body) > 0 && body[0] == '{'
	got, plain := plainReports(body, single)
	if !plain {
		return false
	}
	want, err := strictReports(body, single)
	if err != nil {
		t.Fatalf("%q is taken, but %v", body, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q\nis read as %+v\nwant       %+v", body, got, want)
	}
	return true
}

// plainFields are all fields that may be plain, with a value.
func plainFields() (fields []string) {
	values := map[reflect.Kind]string{reflect.String: `"x"`, reflect.Int: "5", reflect.Int64: "5", reflect.Struct: `"2026-01-02T03:04:05.678Z"`, reflect.Pointer: `"y"`}
	for f := range reflect.TypeFor[SwitchReport]().Fields() {
		if v := values[f.Type.Kind()]; v != "" {
			fields = append(fields, `"`+f.Tag.Get("json")+`": `+v)
		}
	}
	return fields
}

// Whatever is read without the decoder is what the decoder reads.
func TestPlainReportsAreReadAsTheDecoderReadsThem(t *testing.T) {
	t.Parallel()
	var names []string
	for f := range reflect.TypeFor[SwitchReport]().Fields() {
		names = append(names, f.Tag.Get("json"))
	}
	name := rapid.SampledFrom(append(names, "Event", "at ", "unknown", ""))
	plain := rapid.SampledFrom(plainFields())
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n\t", "\r"})
	value := rapid.OneOf(
		rapid.SampledFrom([]string{
			`"joined"`, `"c1"`, `""`, `"Jürgen"`, `"🙂"`, `"{"`, `"a\nb"`, `"\u00fc"`, "\"\xff\"", "\"\x01\"", "\"\x7f\"", `"2026-01-02T03:04:05.678901+01:00"`,
			`"2026-01-02T03:04:05Z"`, `"2026-01-02t03:04:05z"`, `"2026-13-02T03:04:05Z"`, `0`, `-0`, `7`, `007`, `-7`, `1.5`, `1e3`, `999999999999999999`,
			`9223372036854775807`, `9223372036854775808`, `null`, `true`, `false`, `{}`, `[]`, `["a"]`, `{"a":"b"}`, `"`, ``,
		}),
		rapid.Map(rapid.String(), func(s string) string { b, _ := json.Marshal(s); return string(b) }),
		rapid.Map(rapid.Int64(), func(n int64) string { b, _ := json.Marshal(n); return string(b) }),
	)
	report := rapid.Custom(func(t *rapid.T) string {
		var fields []string
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			s := space.Draw(t, "space")
			field := plain.Draw(t, "field")
			if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
				field = `"` + name.Draw(t, "name") + `"` + s + `:` + s + value.Draw(t, "value")
			}
			fields = append(fields, s+field+s)
		}
		return "{" + strings.Join(fields, ",") + "}"
	})
	list := rapid.SliceOfN(report, 0, 3)
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			s := space.Draw(t, "space")
			body := []byte(report.Draw(t, "report"))
			if rapid.Bool().Draw(t, "array") {
				body = []byte("[" + s + strings.Join(list.Draw(t, "reports"), s+","+s) + s + "]" + s)
			}
			if asDecoded(t, body) {
				seen++
			}
			body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			asDecoded(t, body)
		}
	})
	if seen == 0 {
		t.Error("no body was plain: nothing has been tested")
	}
}

// What switches report most is plain, and so are all texts, numbers and instants.
func TestWhatSwitchesReportIsPlain(t *testing.T) {
	t.Parallel()
	all := "{" + strings.Join(plainFields(), ", ")
	for _, body := range []string{
		all + "}",
		`[` + all + `}, {"event":"ended","channel_id":"c1","leg":"member","cause":"NORMAL_CLEARING"}]` + "\n",
	} {
		if !asDecoded(t, []byte(body)) {
			t.Errorf("%s is left to the decoder", body)
		}
	}
	many := "[" + strings.Repeat(`{"event":"ended"},`, maxReports) + `{"event":"ended"}]`
	for _, body := range []string{many, "[]", "", "[", `[{"event":"ended"}`, `{"event":"ended"}]`, `[{"event":"ended"}] {}`} {
		if asDecoded(t, []byte(body)) {
			t.Errorf("%.40s is not for the decoder", body)
		}
	}
}

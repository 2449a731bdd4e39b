package api_test

import "testing"

func TestEndpointFilter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const filter = `data.cc_result == "abandoned" && queue.name startsWith "sales"`
	made := s.call(s.admin, "POST", "/v1/endpoints", map[string]any{"url": "https://crm.example/", "filter": filter}).want(201)
	path := "/v1/endpoints/" + made.json["id"].(string)
	if made.json["filter"] != filter {
		t.Errorf("made: %s", made.raw)
	}
	bad := s.call(s.admin, "PATCH", path, `{"filter":"data.cc_reslt == \"abandoned\""}`).problem(422, "invalid").blames("/filter")
	if want := `column 6 (at "cc_reslt == \"abandoned\""): unknown field cc_reslt`; bad.json["detail"] != want {
		t.Errorf("detail %q, want %q", bad.json["detail"], want)
	}
	if kept := s.call(s.admin, "PATCH", path, `{"description":"x"}`).want(200); kept.json["filter"] != filter {
		t.Errorf("another change loses the filter: %s", kept.raw)
	}
	if gone := s.call(s.admin, "PATCH", path, `{"filter":""}`).want(200); gone.json["filter"] != "" {
		t.Errorf("without a filter: %s", gone.raw)
	}
}

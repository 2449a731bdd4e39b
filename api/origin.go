package api

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/store"
)

// hidden stands for a header value that is not shown.
const hidden = "(hidden)"

// isCredential reports whether a header's name says that its value is a secret.
func isCredential(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "cookie", "token", "key", "secret", "passw", "credential", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// origin is where in the log a new endpoint begins: an RFC 3339 instant, or the
// number of an event.
type origin struct {
	instant time.Time
	seq     *int64
}

// UnmarshalJSON takes a string that is an instant, or a number.
func (o *origin) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return o.instant.UnmarshalJSON(data)
	}
	if err := json.Unmarshal(data, &o.seq); err != nil || o.seq != nil && *o.seq < 0 {
		return errors.New("from is an RFC 3339 instant or the number of an event")
	}
	return nil
}

// Schema describes an origin to OpenAPI.
func (*origin) Schema(huma.Registry) *huma.Schema {
	zero := 0.0
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString, Format: "date-time"},
		{Type: huma.TypeInteger, Format: "int64", Minimum: &zero},
	}}
}

func (o origin) store() store.From {
	return store.From{Instant: o.instant.UTC(), AfterSeq: o.seq}
}

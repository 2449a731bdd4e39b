package api

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// The media types of bodies that hold many things, each a row.
const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
	mediaCSV    = "text/csv"
)

// uploadPace is how long a client may be silent in the middle of an upload.
const uploadPace = 30 * time.Second

// Upload is the body of an operation that reads it as a stream, whatever its
// length. It is not read before the operation does.
type Upload struct {
	media string
	body  io.Reader
}

// Resolve takes the body over from huma, which would read it whole.
func (u *Upload) Resolve(ctx huma.Context) []error {
	media, _, _ := strings.Cut(ctx.Header("Content-Type"), ";")
	if u.media = strings.ToLower(strings.TrimSpace(media)); u.media == "" {
		u.media = mediaJSON
	}
	_, w := humachi.Unwrap(ctx)
	u.body = &pacedReader{from: ctx.BodyReader(), control: http.NewResponseController(w)}
	return nil
}

// pacedReader moves the server's deadline with every piece: a long upload may
// take its time, a client that stalls may not.
type pacedReader struct {
	from    io.Reader
	control *http.ResponseController
}

// Read reads on, or gives up when nothing comes.
func (r *pacedReader) Read(p []byte) (int, error) {
	deadline := time.Now().Add(uploadPace)
	// What cannot be moved stays as the server has set it.
	_ = r.control.SetReadDeadline(deadline)
	_ = r.control.SetWriteDeadline(deadline.Add(uploadPace))
	return r.from.Read(p)
}

// head reads the beginning of the body: all of it when it has no more than
// maxAtOnceBytes.
func (u *Upload) head() ([]byte, error) {
	head, err := io.ReadAll(io.LimitReader(u.body, maxAtOnceBytes+1))
	if err != nil {
		return nil, problem(CodeMalformed, "The body ended too early: "+err.Error())
	}
	if u.media != mediaCSV && hasNUL(head) {
		return nil, problem(CodeMalformed, "The body is not JSON: "+errNUL.Error())
	}
	return head, nil
}

// rowsBody describes to OpenAPI a body of one thing, an array of them, or many
// as NDJSON or CSV.
func rowsBody(one *huma.Schema, doc string) *huma.RequestBody {
	lines := &huma.Schema{Type: huma.TypeString}
	return &huma.RequestBody{Required: true, Description: doc, Content: map[string]*huma.MediaType{
		mediaJSON:   {Schema: &huma.Schema{OneOf: []*huma.Schema{one, {Type: huma.TypeArray, Items: one}}}},
		mediaNDJSON: {Schema: lines},
		mediaCSV:    {Schema: lines},
	}}
}

// wants names the media types that the operation's body can have.
func wants(body *huma.RequestBody) []string {
	var names []string
	for name := range body.Content {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// errRowTooLong stops a reader that would gather a row without an end.
var errRowTooLong = errors.New("a row is longer than 256 KiB")

// maxRow bounds what one row of an upload may be.
const maxRow = 256 << 10

// rowLimit passes on what it reads until more than maxRow came since next was
// called: no row may grow without bound in memory.
type rowLimit struct {
	from io.Reader
	left int
}

func (r *rowLimit) next() { r.left = maxRow }

// Read reads on.
func (r *rowLimit) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// DNCNumber is a number on the do-not-call list.
type DNCNumber struct {
	Number    string  `json:"number"`
	Note      *string `json:"note" doc:"Why, for people."`
	CreatedAt *string `json:"created_at" format:"date-time"`
}

// NewDNCNumber is the body that puts a number on the list.
type NewDNCNumber struct {
	Number string  `json:"number" minLength:"1" maxLength:"128" doc:"Written as those of members are; spaces and the like are taken out."`
	Note   *string `json:"note,omitempty" nullable:"true" maxLength:"1000" doc:"Why, for people."`
}

// DNCChange is the body that changes an entry.
type DNCChange struct {
	Note *string `json:"note" nullable:"true" maxLength:"1000" doc:"Why, for people."`
}

// DNCAdded is the answer to several numbers that were put on the list at once.
type DNCAdded struct {
	Data []DNCNumber `json:"data"`
}

// DNCPath names a number in a path.
type DNCPath struct {
	Number string `path:"id" maxLength:"400" doc:"The number, such as +4930123456."`
}

type dncOut struct{ Body DNCNumber }

// dncUpload are the parameters of putting numbers on the list.
type dncUpload struct {
	Async bool `query:"async" doc:"Make it a task, however small it is."`
	Upload
}

func (h *handler) dncRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/dnc", id: "listDNC", tag: tagDialling, role: store.RoleAnalyst,
		summary: "List the do-not-call list", doc: "In the order of the numbers.",
	}, h.listDNC)
	registry := h.huma.OpenAPI().Components.Schemas
	add := operation{
		method: http.MethodPost, path: "/v1/dnc", id: "addDNC", tag: tagDialling, role: store.RoleAdmin,
		status: http.StatusCreated, patience: uploadPatience, summary: "Forbid numbers",
		upload: rowsBody(registry.Schema(reflect.TypeFor[NewDNCNumber](), true, "NewDNCNumber"),
			"One number, an array, one a line (NDJSON), or CSV with the columns number and note."),
		doc: "Once this is answered no server of the domain dials the number any more, and an offer to dial it that no agent has accepted is withdrawn. " +
			"A number that is on the list keeps its place, and takes the note that is given. " +
			"Up to 1,000 numbers are put on it together; more, up to 1 GiB, is answered 202 with a task.",
	}
	register(h, add, h.addDNC)
	one, several := registry.Schema(reflect.TypeFor[DNCNumber](), true, "DNCNumber"), registry.Schema(reflect.TypeFor[DNCAdded](), true, "DNCAdded")
	responses := operationAt(h.huma.OpenAPI(), add.method, add.path).Responses
	responses["201"] = jsonResponse("The one number, or data with all of them.", &huma.Schema{OneOf: []*huma.Schema{one, several}})
	responses["202"] = jsonResponse("A task puts them on the list.", registry.Schema(reflect.TypeFor[Task](), true, "Task"))

	register(h, operation{
		method: http.MethodGet, path: "/v1/dnc/{id}", id: "readDNC", tag: tagDialling, role: store.RoleAnalyst,
		summary: "Is this number forbidden?", doc: "404 when it is not.",
	}, h.readDNC)
	register(h, operation{
		method: http.MethodPatch, path: "/v1/dnc/{id}", id: "changeDNC", tag: tagDialling, role: store.RoleAdmin,
		summary: "Change the note of a forbidden number",
	}, h.changeDNC)
	register(h, operation{
		method: http.MethodDelete, path: "/v1/dnc/{id}", id: "deleteDNC", tag: tagDialling, role: store.RoleAdmin,
		summary: "Allow a number again", doc: "Members who were stopped because of it stay stopped until they are changed.",
	}, h.deleteDNC)
}

func (h *handler) listDNC(ctx context.Context, c caller, in *Page) (*listOut[DNCNumber], error) {
	after, err := decodeTextCursor(in.Cursor, "dnc")
	if err != nil {
		return nil, err
	}
	found, err := h.cfg.Store.AllForbidden(ctx, c.domain, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &listOut[DNCNumber]{list[DNCNumber]{Data: []DNCNumber{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = encodeTextCursor("dnc", found[in.Limit-1].Number)
	}
	for _, f := range found {
		out.Body.Data = append(out.Body.Data, viewDNC(f))
	}
	return out, nil
}

func (h *handler) addDNC(ctx context.Context, c caller, in *dncUpload) (*addedOut, error) {
	head, err := in.head()
	if err != nil {
		return nil, err
	}
	r, err := newRows(in.media, bytes.NewReader(head), rowsPlace{})
	if err != nil {
		return nil, unreadableBody(err)
	}
	read, err := dncReader(r)
	if err != nil {
		return nil, err
	}
	if len(head) <= maxAtOnceBytes && !in.Async {
		out, err := h.forbidAtOnce(ctx, c, r, read, in.media)
		if !errors.Is(err, errManyRows) {
			return out, err
		}
	}
	if r, err = newRows(in.media, bytes.NewReader(head), rowsPlace{}); err == nil {
		_, err = r.next() // a body whose beginning is no use is not kept
	}
	if err != nil {
		return nil, unreadableBody(err)
	}
	return h.beginImport(ctx, c, kindDNCImport, importParameters{Media: in.media}, io.MultiReader(bytes.NewReader(head), in.body))
}

// forbidAtOnce puts the numbers of a small body on the list, all or none.
func (h *handler) forbidAtOnce(ctx context.Context, c caller, r *rows, read dncRows, media string) (*addedOut, error) {
	var numbers []NewDNCNumber
	var wrong []FieldError
	for n := 0; ; n++ {
		x, bad, err := read()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return nil, unreadableBody(err)
		case n == queue.MaxForbid:
			return nil, errManyRows
		case bad != nil && len(wrong) < maxBadRows:
			wrong = append(wrong, bad.within(n, r.place.Single, media))
		case bad == nil:
			numbers = append(numbers, x)
		}
	}
	if len(wrong) > 0 {
		p := invalid(wrong[0].Pointer, wrong[0].Detail)
		p.Errors = wrong
		return nil, p
	}
	if len(numbers) == 0 {
		return nil, invalid("", "the body has no number")
	}
	if err := h.forbid(ctx, c, numbers); err != nil {
		return nil, err
	}
	all := DNCAdded{Data: []DNCNumber{}}
	for _, x := range numbers {
		f, err := h.cfg.Store.Forbidden(ctx, c.domain, x.Number)
		if err != nil {
			return nil, err
		}
		all.Data = append(all.Data, viewDNC(f))
	}
	if r.place.Single {
		return &addedOut{Status: http.StatusCreated, Location: location("dnc", url.PathEscape(numbers[0].Number)), Body: all.Data[0]}, nil
	}
	return &addedOut{Status: http.StatusCreated, Body: all}, nil
}

// forbid puts numbers on the list in one transaction, with one note in the audit
// log.
func (h *handler) forbid(ctx context.Context, c caller, numbers []NewDNCNumber) error {
	d, ok := h.cfg.Desk(c.domain)
	if !ok {
		return problem(CodeUnavailable, "This server does not serve the domain of the key.")
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	all := queue.Forbid{}
	for _, x := range numbers {
		all.Numbers = append(all.Numbers, x.Number)
	}
	answers, err := d.DoNoted(ctx, forbidding(numbers), h.clerk(ctx, c, all))
	return refusedAmong(answers, err)
}

// allowed refuses a number that is to be dialled out of turn and is on the list.
func (h *handler) allowed(ctx context.Context, c caller, number string) error {
	_, err := h.cfg.Store.Forbidden(ctx, c.domain, normalNumber(number))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return &queue.Error{Code: queue.CodeDNC, Detail: "the number is on the do-not-call list", Field: "destination"}
	}
}

// refusedAmong is the first error of commands that belong together.
func refusedAmong(answers []desk.Answer, err error) error {
	for _, a := range answers {
		if err == nil {
			err = a.Err
		}
	}
	return err
}

// forbidding are the commands that put the numbers on the list: one for each
// note.
func forbidding(numbers []NewDNCNumber) []queue.Command {
	var notes []string
	byNote := map[string][]string{}
	for _, x := range numbers {
		note := text(x.Note)
		if byNote[note] == nil {
			notes = append(notes, note)
		}
		byNote[note] = append(byNote[note], x.Number)
	}
	commands := make([]queue.Command, len(notes))
	for i, note := range notes {
		commands[i] = queue.Forbid{Numbers: byNote[note], Note: note}
	}
	return commands
}

func (h *handler) readDNC(ctx context.Context, c caller, in *DNCPath) (*dncOut, error) {
	f, err := h.cfg.Store.Forbidden(ctx, c.domain, in.number())
	if err != nil {
		return nil, err
	}
	return &dncOut{viewDNC(f)}, nil
}

func (h *handler) changeDNC(ctx context.Context, c caller, in *struct {
	DNCPath
	Body DNCChange
}) (*dncOut, error) {
	f, err := h.cfg.Store.NoteForbidden(ctx, c.domain, in.number(), text(in.Body.Note), h.by(ctx, c, nil, in.Body))
	if err != nil {
		return nil, err
	}
	return &dncOut{viewDNC(f)}, nil
}

func (h *handler) deleteDNC(ctx context.Context, c caller, in *DNCPath) (*struct{}, error) {
	return nil, h.cfg.Store.Allow(ctx, c.domain, in.number(), h.by(ctx, c, nil, nil))
}

// number is the number of the path as it is kept.
func (p *DNCPath) number() string {
	if s, err := url.PathUnescape(p.Number); err == nil && clean(s) {
		return normalNumber(s)
	}
	return p.Number
}

func viewDNC(f *queue.Forbidden) DNCNumber {
	return DNCNumber{Number: f.Number, Note: orNil(f.Note), CreatedAt: stamp(f.CreatedAt)}
}

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

const (
	// What is no longer than this is added at once; more becomes a task.
	maxAtOnce      = 1000    // members
	maxAtOnceBytes = 1 << 20 // of the body
	// maxUpload bounds a body.
	maxUpload = 1 << 30
	// maxBadRows bounds the rows that an answer or a task's result complains of.
	maxBadRows = 100
	// uploadPatience bounds a whole upload; a client that is silent is given up
	// much earlier.
	uploadPatience = 30 * time.Minute
)

// MembersAdded is the answer to members that were added at once.
type MembersAdded struct {
	Data    []Member `json:"data" doc:"Who stands for each row of the body, in its order."`
	Added   int      `json:"added"`
	Updated int      `json:"updated" doc:"With on_duplicate=update: those who were there."`
	Skipped int      `json:"skipped" doc:"With on_duplicate=skip: those who were there and stay as they are."`
	Busy    int      `json:"busy" doc:"With on_duplicate=update: those who are in an open attempt, and stay as they are."`
}

// addedOut is a Member, MembersAdded or a Task.
type addedOut struct {
	Status   int
	Location string `header:"Location"`
	Body     any
}

// memberUpload are the parameters of adding members.
type memberUpload struct {
	QueuePath
	OnDuplicate store.OnDuplicate `query:"on_duplicate" enum:"keep,skip,update" default:"keep" doc:"When somebody in the queue has the same first number: add the new one all the same, leave him out, or change the one who is there with what is given."`
	Extra       extras            `query:"extra" enum:"refuse,variables,ignore" default:"refuse" doc:"CSV: what becomes of columns that have no meaning."`
	Async       bool              `query:"async" doc:"Make it a task, however small it is."`
	Upload
}

func (h *handler) memberAddRoute() {
	registry := h.huma.OpenAPI().Components.Schemas
	one := registry.Schema(reflect.TypeFor[NewMember](), true, "NewMember")
	op := operation{
		method: http.MethodPost, path: "/v1/queues/{id}/members", id: "addMembers", tag: tagMembers, role: store.RoleOperator,
		status: http.StatusCreated, conflicts: true, patience: uploadPatience,
		upload:  rowsBody(one, "One member, an array, one member a line (NDJSON), or CSV."),
		summary: "Add members to a queue",
		doc: "Up to 1,000 members in up to 1 MiB are added together or, when one of them is wrong, not at all: 201 with one member, or with `data`. " +
			"More, up to 1 GiB, is read as it comes and answered 202 with a task, which adds whom it can and tells whom it cannot.",
	}
	register(h, op, h.addMembers)
	var member, members, task = registry.Schema(reflect.TypeFor[Member](), true, "Member"),
		registry.Schema(reflect.TypeFor[MembersAdded](), true, "MembersAdded"), registry.Schema(reflect.TypeFor[Task](), true, "Task")
	responses := operationAt(h.huma.OpenAPI(), op.method, op.path).Responses
	responses["200"] = jsonResponse("The one member was there already, and on_duplicate was not keep.", member)
	responses["201"] = jsonResponse("The one member, or data with all of them.", &huma.Schema{OneOf: []*huma.Schema{member, members}})
	responses["202"] = jsonResponse("A task adds them.", task)
}

func (h *handler) addMembers(ctx context.Context, c caller, in *memberUpload) (*addedOut, error) {
	rules, err := h.membersOf(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	head, err := in.head()
	if err != nil {
		return nil, err
	}
	if len(head) <= maxAtOnceBytes && !in.Async {
		out, err := h.addAtOnce(ctx, c, in, rules, head)
		if !errors.Is(err, errManyRows) {
			return out, err
		}
	}
	if err := in.readable(head); err != nil {
		return nil, err
	}
	parameters := importParameters{QueueID: in.ID, OnDuplicate: in.OnDuplicate, Extra: in.Extra, Media: in.media}
	return h.beginImport(ctx, c, kindMembersImport, parameters, io.MultiReader(bytes.NewReader(head), in.body))
}

// readable refuses an upload whose beginning shows that nothing can be made of
// it, before it is kept.
func (in *memberUpload) readable(head []byte) error {
	r, err := newRows(in.media, bytes.NewReader(head), rowsPlace{})
	if err == nil && in.media == mediaCSV {
		_, err = memberColumns(r.place.Header, in.Extra)
	}
	if err == nil {
		_, err = r.next()
	}
	return unreadableBody(err)
}

// unreadableBody shows what is wrong with a body as a whole.
func unreadableBody(err error) error {
	var broken *unreadable
	switch {
	case errors.Is(err, errRowTooLong):
		return problem(CodeTooLarge, "One row of the body may have at most 256 KiB.")
	case errors.As(err, &broken):
		return problem(CodeMalformed, fmt.Sprintf("The body cannot be read at line %d: %v", broken.line, broken.cause))
	case errors.Is(err, io.EOF):
		return invalid("", "the body is empty")
	default:
		return err
	}
}

// errManyRows says that a body has more rows than are added at once.
var errManyRows = errors.New("too many rows for one transaction")

// addAtOnce adds the members of a small body, all or none.
func (h *handler) addAtOnce(ctx context.Context, c caller, in *memberUpload, rules *memberRules, body []byte) (*addedOut, error) {
	r, err := newRows(in.media, bytes.NewReader(body), rowsPlace{})
	if err != nil {
		return nil, unreadableBody(err)
	}
	intake := store.Intake{QueueID: in.ID, OnDuplicate: in.OnDuplicate}
	read, err := rules.reader(r, in.Extra)
	if err != nil {
		return nil, err
	}
	var wrong []FieldError
	for n := 0; ; n++ {
		incoming, bad, err := read()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return nil, unreadableBody(err)
		case n == maxAtOnce:
			return nil, errManyRows
		case bad != nil && len(wrong) < maxBadRows:
			wrong = append(wrong, bad.within(n, r.place.Single, in.media))
		case bad == nil:
			intake.Members = append(intake.Members, *incoming)
		}
	}
	if len(wrong) > 0 {
		p := invalid(wrong[0].Pointer, wrong[0].Detail)
		p.Errors = wrong
		return nil, p
	}
	if len(intake.Members) == 0 {
		return nil, invalid("", "the body has no member")
	}
	by := h.by(ctx, c, nil, nil)
	settled, err := h.cfg.Store.AddMembers(ctx, c.domain, intake, by)
	if err != nil {
		return nil, err
	}
	h.refill(c, in.ID)
	return h.addedAnswer(settled, r.place.Single, rules.now)
}

func (h *handler) addedAnswer(settled []store.Settled, single bool, now time.Time) (*addedOut, error) {
	if single {
		s := settled[0]
		out := &addedOut{Status: http.StatusCreated, Location: location("members", s.Member.ID), Body: viewMember(s.Member, now)}
		switch s.Fate {
		case store.FateBusy:
			return nil, memberAnswer(&store.BusyError{MemberID: s.Member.ID, AttemptID: s.Member.Open})
		case store.FateUpdated, store.FateSkipped:
			out.Status = http.StatusOK
		}
		return out, nil
	}
	all := MembersAdded{Data: []Member{}}
	count := map[store.Fate]*int{
		store.FateAdded: &all.Added, store.FateUpdated: &all.Updated, store.FateSkipped: &all.Skipped, store.FateBusy: &all.Busy,
	}
	for _, s := range settled {
		*count[s.Fate]++
		all.Data = append(all.Data, viewMember(s.Member, now))
	}
	return &addedOut{Status: http.StatusCreated, Body: all}, nil
}

// badRow is a row of which nothing can be made.
type badRow struct {
	Line    int    `json:"line"`
	Pointer string `json:"pointer,omitempty"`
	Detail  string `json:"detail"`
}

// within blames the field of a body whose row no it is.
func (b *badRow) within(no int, single bool, media string) FieldError {
	detail := b.Detail
	if media != mediaJSON {
		detail = fmt.Sprintf("line %d: %s", b.Line, detail)
	}
	return FieldError{at(no, single) + b.Pointer, detail}
}

// reader reads members: each is either an incoming one, or a bad row. The error
// is io.EOF at the end.
func (r *memberRules) reader(from *rows, others extras) (func() (*store.Incoming, *badRow, error), error) {
	var columns []column
	if from.place.Header != nil {
		var err error
		if columns, err = memberColumns(from.place.Header, others); err != nil {
			return nil, err
		}
	}
	return func() (*store.Incoming, *badRow, error) {
		next, err := from.next()
		if err != nil {
			return nil, nil, err
		}
		var input *memberInput
		var wrong *FieldError
		switch {
		case next.bad != nil:
			wrong = &FieldError{"", next.bad.Error()}
		case next.cells != nil:
			input, wrong = csvRow(from.place.Header, columns, next.cells)
		default:
			input, wrong = memberOf(next.json)
		}
		var m *queue.Member
		if wrong == nil {
			m, wrong = r.fresh(input)
		}
		if wrong != nil {
			return nil, &badRow{Line: next.line, Pointer: wrong.Pointer, Detail: wrong.Detail}, nil
		}
		return &store.Incoming{Member: m, Renew: func(old *queue.Member) { input.lay(old, r.now) }}, nil, nil
	}, nil
}

// importParameters are those of the tasks members.import and dnc.import.
type importParameters struct {
	QueueID     int64             `json:"queue_id,omitempty"`
	OnDuplicate store.OnDuplicate `json:"on_duplicate,omitempty"`
	Extra       extras            `json:"extra,omitempty"`
	Media       string            `json:"media_type"`
	Bytes       int64             `json:"bytes"`
}

// beginImport keeps the body and queues a task that reads it.
func (h *handler) beginImport(ctx context.Context, c caller, kind string, p importParameters, body io.Reader) (*addedOut, error) {
	t := store.Task{ID: store.NewTaskID(), DomainID: c.domain, Kind: kind}
	var err error
	if p.Bytes, err = h.cfg.Store.Upload(ctx, t, body, maxUpload, h.cfg.Now()); err != nil {
		if errors.Is(err, store.ErrUploadTooLarge) {
			return nil, problem(CodeTooLarge, "The body may have at most 1 GiB.")
		}
		return nil, err
	}
	if t.Parameters, err = json.Marshal(p); err != nil {
		return nil, fmt.Errorf("render the parameters of an import: %w", err)
	}
	began, err := h.begin(ctx, c, t)
	if err != nil {
		return nil, err
	}
	return &addedOut{Status: http.StatusAccepted, Location: began.Location, Body: began.Body}, nil
}

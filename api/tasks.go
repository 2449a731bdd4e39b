package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/offhook/offhook/store"
)

// taskKinds are the kinds of tasks that this server works on, by their names.
func (h *handler) taskKinds() map[string]taskKind {
	return map[string]taskKind{
		kindRecover:       h.carryOutRecovery,
		kindMembersImport: h.importMembers,
		kindDNCImport:     h.importDNC,
	}
}

// Task is work that goes on after its request was answered.
type Task struct {
	ID         string          `json:"id" example:"task_01890a5d-ac96-774b-bcce-b302099a8057"`
	Kind       string          `json:"kind" example:"endpoint.recover"`
	State      store.TaskState `json:"state" enum:"queued,running,done,failed,cancelled"`
	Cancelling bool            `json:"cancelling" doc:"It is to end, and soon will."`
	Progress   TaskProgress    `json:"progress"`
	Parameters json.RawMessage `json:"parameters" doc:"What it is to do."`
	Result     json.RawMessage `json:"result" doc:"What came of it; null before its end."`
	Error      *string         `json:"error" doc:"Why it failed."`
	CreatedBy  *string         `json:"created_by" doc:"The API key that asked for it."`
	CreatedAt  *string         `json:"created_at" format:"date-time"`
	StartedAt  *string         `json:"started_at" format:"date-time"`
	FinishedAt *string         `json:"finished_at" format:"date-time"`
}

// TaskProgress is how far a task is.
type TaskProgress struct {
	Done  int64   `json:"done"`
	Total *int64  `json:"total" doc:"null while nobody knows."`
	Note  *string `json:"note"`
}

// TaskPath names a task in a path.
type TaskPath struct {
	ID string `path:"id" maxLength:"64" doc:"The task."`
}

type taskOut struct{ Body Task }

// taskAccepted is the answer of an operation that begins a task.
type taskAccepted struct {
	Location string `header:"Location"`
	Body     Task
}

func (h *handler) taskRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/tasks", id: "listTasks", tag: tagTasks, role: store.RoleOperator,
		summary: "List tasks", doc: "The youngest first. An admin sees all, an operator those that his key began.",
	}, h.listTasks)
	register(h, operation{
		method: http.MethodGet, path: "/v1/tasks/{id}", id: "readTask", tag: tagTasks, role: store.RoleOperator,
		summary: "Read a task", doc: "Ask again for its progress.",
	}, h.readTask)
	register(h, operation{
		method: http.MethodPost, path: "/v1/tasks/{id}/cancel", id: "cancelTask", tag: tagTasks, role: store.RoleOperator,
		summary: "Cancel a task", doc: "What it has done stays done. One that is being worked on ends within seconds; one that has ended stays as it is.",
	}, h.cancelTask)
}

// visibleTasks is whose tasks the caller may see: an admin all, which is empty,
// anybody else his own.
func visibleTasks(c caller) (createdBy string) {
	if c.role == store.RoleAdmin {
		return ""
	}
	return c.key
}

func (h *handler) listTasks(ctx context.Context, c caller, in *struct {
	Page
	State store.TaskState `query:"state" enum:"queued,running,done,failed,cancelled" doc:"Only tasks in this state."`
	Kind  string          `query:"kind" maxLength:"64" doc:"Only tasks of this kind."`
}) (*listOut[Task], error) {
	f := store.TaskFilter{State: in.State, Kind: in.Kind, CreatedBy: visibleTasks(c), Before: in.Cursor, Limit: in.Limit + 1}
	found, err := h.cfg.Store.Tasks(ctx, c.domain, f)
	if errors.Is(err, store.ErrNotFound) {
		return nil, badCursor()
	}
	if err != nil {
		return nil, err
	}
	out := &listOut[Task]{list[Task]{Data: []Task{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = &found[in.Limit-1].ID
	}
	for i := range found {
		out.Body.Data = append(out.Body.Data, viewTask(&found[i]))
	}
	return out, nil
}

func (h *handler) readTask(ctx context.Context, c caller, in *TaskPath) (*taskOut, error) {
	t, err := h.task(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &taskOut{viewTask(&t)}, nil
}

func (h *handler) cancelTask(ctx context.Context, c caller, in *TaskPath) (*taskOut, error) {
	if _, err := h.task(ctx, c, in.ID); err != nil {
		return nil, err
	}
	t, err := h.cfg.Store.CancelTask(ctx, c.domain, in.ID, h.by(ctx, c, nil, nil))
	if err != nil {
		return nil, err
	}
	return &taskOut{viewTask(&t)}, nil
}

// task reads a task that the caller may see.
func (h *handler) task(ctx context.Context, c caller, id string) (store.Task, error) {
	t, err := h.cfg.Store.Task(ctx, c.domain, id)
	if err != nil {
		return store.Task{}, err
	}
	if createdBy := visibleTasks(c); createdBy != "" && t.CreatedBy != createdBy {
		return store.Task{}, store.ErrNotFound
	}
	return t, nil
}

// begin queues a task and answers with it.
func (h *handler) begin(ctx context.Context, c caller, t store.Task) (*taskAccepted, error) {
	t.DomainID = c.domain
	t, err := h.cfg.Store.CreateTask(ctx, t, h.by(ctx, c, nil, nil))
	if err != nil {
		return nil, err
	}
	h.tasks.wake()
	return &taskAccepted{Location: location("tasks", t.ID), Body: viewTask(&t)}, nil
}

func viewTask(t *store.Task) Task {
	return Task{
		ID: t.ID, Kind: t.Kind, State: t.State, Cancelling: t.Cancelling && t.FinishedAt.IsZero(),
		Progress:   TaskProgress{Done: t.Progress.Done, Total: t.Progress.Total, Note: orNil(t.Progress.Note)},
		Parameters: orNull(t.Parameters), Result: orNull(t.Result), Error: orNil(t.Error), CreatedBy: orNil(t.CreatedBy),
		CreatedAt: stamp(t.CreatedAt), StartedAt: stamp(t.StartedAt), FinishedAt: stamp(t.FinishedAt),
	}
}

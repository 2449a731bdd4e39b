package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// trace is what log line and metrics learn about a request on its way.
type trace struct {
	id  string
	key string // id of the API key, never its secret
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

func requestID(ctx context.Context) string {
	if t := traceOf(ctx); t != nil {
		return t.id
	}
	return ""
}

// observe gives every request an id, and afterwards one log line and its place
// in the metrics. The line names the route, not the URL: queries may hold
// telephone numbers.
func (h *handler) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &trace{id: givenID(r)}
		r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		w.Header().Set("X-Request-Id", t.id)
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		begin := h.cfg.Now()
		defer func() {
			took := h.cfg.Now().Sub(begin)
			route := routeOf(r)
			h.metrics.requests.WithLabelValues(methodOf(r), route, strconv.Itoa(ww.Status())).Inc()
			h.metrics.seconds.WithLabelValues(route).Observe(took.Seconds())
			h.cfg.Logger.InfoContext(r.Context(), "request",
				"request_id", t.id, "method", r.Method, "route", route, "status", ww.Status(),
				"took_ms", float64(took.Microseconds())/1000, "bytes", ww.BytesWritten(), "key", t.key)
		}()
		next.ServeHTTP(ww, r)
	})
}

// givenID takes the caller's X-Request-Id when it is harmless, else makes one.
func givenID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	harmless := func(c rune) bool {
		return c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	if id != "" && len(id) <= 64 && strings.IndexFunc(id, func(c rune) bool { return !harmless(c) }) < 0 {
		return id
	}
	var b [12]byte
	// rand.Read never fails: it stops the program when the system has no
	// randomness.
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// catch answers 500 without detail when an operation panics, and logs the panic
// once with its stack.
func (h *handler) catch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v) // net/http's own way to drop a connection
			}
			h.cfg.Logger.ErrorContext(r.Context(), "panic in request",
				"request_id", requestID(r.Context()), "route", routeOf(r), "panic", v, "stack", string(debug.Stack()))
			if ww, ok := w.(middleware.WrapResponseWriter); ok && ww.Status() != 0 {
				return // the answer had begun
			}
			problem(CodeInternal, "The server's log knows more under this request_id.").write(w, r)
		}()
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem(CodeNotFound, "There is nothing at this path; /docs lists what there is.").write(w, r)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// methodOf names the method of a request for metrics: a client may make up as
// many as it likes, and each would have a figure of its own for ever.
func methodOf(r *http.Request) string {
	if slices.Contains(methods, r.Method) || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return r.Method
	}
	return "other"
}

// methodNotAllowed says which methods the path knows.
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				allow = append(allow, m)
			}
		}
		known := strings.Join(allow, ", ")
		p := problem(CodeMethodNotAllowed, "This path knows "+known+".")
		p.header = http.Header{"Allow": {known}}
		p.write(w, r)
	}
}

// routeOf names the route of a request as it was registered, for log and
// metrics; none when no route matched.
func routeOf(r *http.Request) string {
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePattern() != "" {
		return rc.RoutePattern()
	}
	return "none"
}

// cleanQuery reports whether every name and value of a query is UTF-8 without
// U+0000.
func cleanQuery(raw string) bool {
	if raw == "" {
		return true
	}
	s, err := url.QueryUnescape(raw)
	return err == nil && clean(s)
}

// clean reports whether Postgres can compare the text with anything.
func clean(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

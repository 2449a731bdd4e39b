package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server serves a handler on a listener until its context ends.
type Server struct {
	Handler http.Handler
	// Listener is already listening: whoever starts the server knows its
	// address before the first request.
	Listener net.Listener
	Logger   *slog.Logger
}

// What a client may cost: a slow one cannot hold a connection for ever. The
// grace is what a stopping server gives to requests that are under way.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	grace         = 10 * time.Second
	maxHeader     = 32 << 10
)

// Run serves until ctx ends, then takes no new requests, waits up to ten
// seconds for those under way, and returns nil. It errs when the listener
// fails, or when requests were still running after the grace and were cut off.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// Streams have no end of their own: they look at this one.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx.Done())
		},
		ErrorLog: slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(s.Listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	// ctx is over; the requests under way have their own.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop the API: %w", err), server.Close())
	}
	<-failed
	return err
}

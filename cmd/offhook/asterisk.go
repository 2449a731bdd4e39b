package main

import (
	"context"
	"time"

	"github.com/offhook/offhook/api/asterisk"
)

// switches returns what connects the system with the telephone switches of the
// configuration. They belong to the first domain.
func switches(cfg Config, s *system) []func(context.Context) error {
	if !cfg.Asterisk.Enabled() {
		return nil
	}
	client := asterisk.NewClient(cfg.Asterisk, s.desks.known(firstDomain), s.cfg.logger, time.Now)
	return []func(context.Context) error{client.Run}
}

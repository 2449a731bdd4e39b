package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/store"
)

func newAnalystCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "analyst-role NAME",
		Short: "Make a database role that reads the views for analysts and nothing else",
		Long: `analyst-role makes a role that may read the schema analyst, or brings one up to
date. It changes nothing, and neither its statements nor its transactions may
take long, so that it cannot stop vacuum. It sees all domains. Give it a
password, or whatever your Postgres wants of people who log in. An account that
may not make roles is told what its administrator has to run.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return makeAnalyst(cmd, args[0]) },
	}
}

func makeAnalyst(cmd *cobra.Command, role string) error {
	sql, err := store.AnalystSQL(role, false)
	if err != nil {
		return usageError{err}
	}
	cfg, err := givenDatabase()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	pool, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := store.Migrate(ctx, pool); err != nil {
		return err
	}
	err = store.GrantAnalyst(ctx, pool, role)
	if errors.Is(err, store.ErrMayNotGrant) {
		return fmt.Errorf("make the role %s: %w; have its administrator run:\n\n%s;", role, err, strings.Join(sql, ";\n"))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "role %s reads the schema analyst; give it a password with: ALTER ROLE %s PASSWORD '…'\n", role, role)
	return err
}

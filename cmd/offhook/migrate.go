package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/store"
)

func newMigrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date; forward only",
		Long: `migrate works on the database of OFFHOOK_DATABASE_URL. serve does the same when
it starts; several servers that start at once wait for each other.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newAnalystCommand(),
		&cobra.Command{
			Use:   "up",
			Short: "Apply what is missing",
			Args:  noArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return migrate(cmd, true) },
		},
		&cobra.Command{
			Use:   "status",
			Short: "List the steps of the schema and which of them the database has",
			Args:  noArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return migrate(cmd, false) },
		},
	)
	return cmd
}

// givenDatabase is the database of the configuration, for work that has no use
// for a private one.
func givenDatabase() (store.Config, error) {
	cfg, err := loadConfig()
	if err == nil && cfg.DatabaseURL == "" {
		err = errNoDatabase
	}
	return store.Config{URL: cfg.DatabaseURL, MaxConns: cfg.DatabaseMaxConns}, err
}

func migrate(cmd *cobra.Command, up bool) error {
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
	if up {
		if err := store.Migrate(ctx, pool); err != nil {
			return err
		}
	}
	steps, err := store.Migrations(ctx, pool)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	for _, s := range steps {
		applied := "pending"
		if !s.AppliedAt.IsZero() {
			applied = s.AppliedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\n", s.Name, applied)
	}
	return w.Flush()
}

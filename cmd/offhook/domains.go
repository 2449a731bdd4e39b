package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/store"
)

func newDomainsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "domains",
		Short: "List and create domains (tenants), in the database itself",
		Long: `A domain has its own queues, agents, keys, endpoints and log, and sees nothing of
another's. The first one is there from the beginning. Running servers serve a new
domain within seconds.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List all domains",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDatabase(cmd, func(ctx context.Context, db *database) error {
				domains, err := db.Domains(ctx)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tEVENTS")
				for _, d := range domains {
					fmt.Fprintf(w, "%d\t%s\t%d\n", d.ID, d.Name, d.Events)
				}
				return w.Flush()
			})
		},
	}
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a domain and print its id",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDatabase(cmd, func(ctx context.Context, db *database) error {
				d, err := db.CreateDomain(ctx, args[0], shellUser())
				if errors.Is(err, store.ErrNameTaken) {
					return fmt.Errorf("create domain %q: %w", args[0], err)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), d.ID)
				return err
			})
		},
	}
	cmd.AddCommand(list, create)
	return cmd
}

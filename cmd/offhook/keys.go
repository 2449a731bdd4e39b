package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/store"
)

func newKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Create, list and revoke API keys, in the database or through a server",
		Long: `keys works on the database of OFFHOOK_DATABASE_URL, because the first key has to
come from somewhere. Without one, it asks the server of OFFHOOK_URL, with the key
of an admin in OFFHOOK_API_KEY: for 'serve --dev', and from other machines.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	domain := new(int64)
	cmd.PersistentFlags().Int64Var(domain, "domain", firstDomain, "the domain that the keys belong to")
	cmd.AddCommand(newKeyCreateCommand(domain), newKeyListCommand(domain), newKeyRevokeCommand(domain))
	return cmd
}

func newKeyCreateCommand(domain *int64) *cobra.Command {
	var role, name string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key and print it; it cannot be shown again",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !store.Role(role).Includes(store.RoleAnalyst) {
				return usageError{fmt.Errorf("--role %q is none of %s", role, roles())}
			}
			if done, err := throughServer(cmd, createKeyVerb, "secret", "role="+role, "name="+name); done {
				return err
			}
			return withDatabase(cmd, func(ctx context.Context, db *database) error {
				if _, err := db.Head(ctx, *domain); errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("there is no domain %d: 'offhook domains list' shows which there are", *domain)
				}
				key, secret, err := db.CreateKey(ctx, *domain, store.Role(role), name, shellUser())
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%s, role %s, domain %d\n", key.ID, key.Role, key.DomainID)
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "what the key may do: "+roles())
	cmd.Flags().StringVar(&name, "name", "command line", "who uses it")
	return cmd
}

func newKeyListCommand(domain *int64) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys of a domain, without their secrets",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if done, err := throughServer(cmd, listKeysVerb, ""); done {
				return err
			}
			return withDatabase(cmd, func(ctx context.Context, db *database) error {
				keys, err := db.Keys(ctx, *domain)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tROLE\tBEGINS WITH\tCREATED\tREVOKED\tNAME")
				for _, k := range keys {
					revoked := "-"
					if !k.RevokedAt.IsZero() {
						revoked = k.RevokedAt.Format(time.RFC3339)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Role, k.Prefix, k.CreatedAt.Format(time.RFC3339), revoked, k.Name)
				}
				return w.Flush()
			})
		},
	}
}

func newKeyRevokeCommand(domain *int64) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Make a key worthless, within seconds on every server",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if done, err := throughServer(cmd, revokeKeyVerb, "", args...); done {
				return err
			}
			return withDatabase(cmd, func(ctx context.Context, db *database) error {
				err := db.RevokeKey(ctx, *domain, args[0], shellUser())
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("domain %d has no good key %s: 'offhook keys list' shows which there are", *domain, args[0])
				}
				return err
			})
		},
	}
}

// The same work as operations of the REST API.
var (
	createKeyVerb = verb{method: "POST", path: "/v1/keys", takes: takesFields}
	listKeysVerb  = list("/v1/keys", "id", "role", "prefix", "created_at", "revoked_at", "name")
	revokeKeyVerb = verb{method: "DELETE", path: "/v1/keys/{key}"}
)

// throughServer does it over REST, and reports that, when there is an admin's
// key and no database.
func throughServer(cmd *cobra.Command, v verb, only string, args ...string) (done bool, err error) {
	cfg, err := loadConfig()
	if err != nil || cfg.DatabaseURL != "" || cfg.APIKey == "" {
		return err != nil, err
	}
	if cmd.Flags().Changed("domain") {
		return true, usageError{errors.New("a server makes keys of the domain of OFFHOOK_API_KEY; for --domain set OFFHOOK_DATABASE_URL")}
	}
	return true, v.run(cmd, shellOptions{only: only}, args)
}

// shellUser is who works on the database by the command line: nobody's key.
func shellUser() store.By { return store.By{At: time.Now(), KeyName: "command line"} }

func roles() string {
	names := make([]string, len(store.Roles))
	for i, r := range store.Roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// withDatabase opens the configured database for one piece of work.
func withDatabase(cmd *cobra.Command, work func(context.Context, *database) error) error {
	cfg, err := loadConfig()
	if err != nil {
		return err
	}
	db, err := openDatabase(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer db.close()
	return work(cmd.Context(), db)
}

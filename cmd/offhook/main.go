// Command offhook models the queues of a contact centre, stores every queue
// event in Postgres and POSTs it, signed and in order, to webhooks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // calendars know their zones on machines that know none

	"github.com/spf13/cobra"
)

// version is stamped by the build (see the Makefile).
var version = "dev"

// Exit codes: a script can tell a wrong command line from work that failed.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who is impatient and signals twice ends it at once
	// A reader that goes away (| head) makes writing fail, and does not kill: what
	// was started has to be put away first.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; ctx ends with the first signal.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported), errors.Is(err, syscall.EPIPE):
		return exitFailed // said already, or nobody listens
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "offhook: %v\nTry '%s --help'.\n", err, cmd.CommandPath())
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "offhook: interrupted")
		return exitFailed
	default:
		fmt.Fprintf(stderr, "offhook: %v\n", err)
		return exitFailed
	}
}

// serverGroup is what works without a running server, in the list of commands.
const serverGroup = "program"

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "offhook",
		Short: "Queue events of a contact centre, recorded in Postgres and sent to webhooks",
		Long: `offhook models the queues of a contact centre, stores every queue event in
Postgres and POSTs it, signed and in order, to the webhooks registered for it.

Start with 'offhook demo': it needs nothing but Postgres binaries.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddGroup(
		&cobra.Group{ID: serverGroup, Title: "The program:"},
		&cobra.Group{ID: shellGroup, Title: "Clients of a running server:"},
	)
	own := []*cobra.Command{
		newDemoCommand(),
		newServeCommand(),
		newSimulateCommand(),
		newReplayCommand(),
		newReceiveCommand(),
		newMigrateCommand(),
		newKeysCommand(),
		newRewrapCommand(),
		newDomainsCommand(),
		newConfigCommand(),
		newVersionCommand(),
	}
	for _, cmd := range own {
		cmd.GroupID = serverGroup
	}
	root.AddCommand(own...)
	root.AddCommand(newShellCommands()...)
	root.SetHelpCommandGroupID(serverGroup)
	root.SetCompletionCommandGroupID(serverGroup)
	return root
}

// noArgs and exactArgs are cobra's checks, as usage errors.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s does not know %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// setting is one line of the list of settings.
type setting struct {
	Name    string // OFFHOOK_…
	Default string
	Meaning string
	Secret  bool
}

// settings lists every environment variable that Config knows, in its order.
func settings() []setting {
	return collect(reflect.TypeFor[Config](), envPrefix)
}

func collect(t reflect.Type, prefix string) []setting {
	var all []setting
	for f := range t.Fields() {
		name := prefix + "_" + envName(f.Name)
		if desc := f.Tag.Get("desc"); desc != "" {
			secret := f.Tag.Get("secret") == "true" || strings.HasSuffix(name, "_SECRET")
			all = append(all, setting{name, f.Tag.Get("default"), desc, secret})
		} else if f.Type.Kind() == reflect.Struct {
			all = append(all, collect(f.Type, name)...)
		}
	}
	return all
}

// envName turns a field's name into that of its variable, as split_words does:
// MaxConns → MAX_CONNS, APIKey → API_KEY.
func envName(field string) string {
	upper := func(i int) bool { return field[i] >= 'A' && field[i] <= 'Z' }
	var b strings.Builder
	for i := range len(field) {
		begins := i > 0 && upper(i) && (!upper(i-1) || i+1 < len(field) && !upper(i+1))
		if begins {
			b.WriteByte('_')
		}
		b.WriteByte(field[i])
	}
	return strings.ToUpper(b.String())
}

func newConfigCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "List every setting with its default, its meaning and whether it is set",
		Long: `config lists the environment variables that offhook reads. It shows which are
set, and never a value of one that is secret.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if markdown {
				return writeMarkdown(cmd.OutOrStdout(), settings())
			}
			return writeSettings(cmd.OutOrStdout(), settings(), os.LookupEnv)
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "as the page docs/configuration.md")
	return cmd
}

func writeSettings(w io.Writer, all []setting, lookup func(string) (string, bool)) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, s := range all {
		value, set := lookup(s.Name)
		switch {
		case !set && s.Default == "":
			value = "(unset)"
		case !set:
			value = s.Default
		case s.Secret:
			value = "(set, not shown)"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", s.Name, value, s.Meaning)
	}
	return tw.Flush()
}

func writeMarkdown(w io.Writer, all []setting) error {
	var b strings.Builder
	b.WriteString(`# Configuration

offhook is configured by environment variables and by nothing else. This page is
written by ` + "`offhook config --markdown`" + `; a test fails when it is out of date.
An unknown variable that begins with OFFHOOK_ stops the program, so that a
misspelt one is not silently ignored. The values of the secret ones are never
printed, logged or shown in an error.

| variable | default | secret | meaning |
|---|---|---|---|
`)
	for _, s := range all {
		def, secret := "", ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		if s.Secret {
			secret = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, def, secret, s.Meaning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

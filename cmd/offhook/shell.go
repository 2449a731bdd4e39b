package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The clients of the REST API are one program over the table of nouns.

const shellGroup = "clients"

// shellOptions are the flags of one command.
type shellOptions struct {
	server string
	json   bool
	only   string
	limit  int
	follow bool
	cursor string
	data   string
	file   string
	media  string
	fields bool
	once   string
}

func newShellCommands() []*cobra.Command {
	all := make([]*cobra.Command, len(nouns))
	for i, n := range nouns {
		all[i] = newNounCommand(n)
	}
	return all
}

func newNounCommand(n noun) *cobra.Command {
	opt := &shellOptions{}
	cmd := &cobra.Command{
		Use: n.name, Short: n.short, Example: n.example, GroupID: shellGroup, Args: noArgs,
		Long: n.short + `.

OFFHOOK_URL names the server and OFFHOOK_API_KEY holds the key. On a terminal
this prints tables, in a pipe JSON lines.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&opt.server, "server", "", "URL of the server (default $OFFHOOK_URL or "+defaultServer+")")
	cmd.PersistentFlags().BoolVar(&opt.json, "json", false, "JSON lines also on a terminal")
	cmd.PersistentFlags().StringVar(&opt.only, "only", "", "show this member only, such as id or queue.name")
	for _, v := range n.verbs {
		if v.columns == nil && v.answers == answersList {
			v.columns = n.columns
		}
		cmd.AddCommand(newVerbCommand(v, opt))
		if v.name == "list" && len(v.arguments()) == 0 { // the noun alone lists, too
			cmd.Use = n.name + " [NAME=VALUE]..."
			v.prepare(cmd, opt)
		}
	}
	return cmd
}

func newVerbCommand(v verb, opt *shellOptions) *cobra.Command {
	use := v.name
	for _, a := range v.arguments() {
		use += " " + strings.ToUpper(a)
	}
	if v.takes != takesNothing {
		use += " [NAME=VALUE]..."
	}
	long := v.short + ": " + v.method + " " + v.path + "."
	switch v.takes {
	case takesFilters:
		long += "\n\nNAME=VALUE filters, as the query parameters of the REST API do. since and until\nare instants, or durations before now such as 90m."
	case takesFields, takesRows:
		long += "\n\nNAME=VALUE are the fields of the request; --fields lists them. A list is written\na,b,c or as JSON, a member of a member as variables.crm_id=7001."
	case takesNothing:
	}
	cmd := &cobra.Command{Use: use, Short: v.short, Long: long}
	v.prepare(cmd, opt)
	return cmd
}

// prepare gives a command the verb's flags, its completion and its work.
func (v verb) prepare(cmd *cobra.Command, opt *shellOptions) {
	flags := cmd.Flags()
	if v.answers == answersList {
		flags.IntVar(&opt.limit, "limit", 50, "how many to show at most; 0 = all")
	}
	if v.path == "/v1/events" {
		flags.BoolVarP(&opt.follow, "follow", "f", false, "go on with what happens from now, or from since=… or --cursor")
		flags.StringVar(&opt.cursor, "cursor", "", "begin behind this place of the log")
	}
	if v.method == http.MethodPost {
		flags.StringVar(&opt.once, "idempotency-key", "", "a name of this request: repeated with it, it is carried out once")
	}
	if v.takes == takesFields || v.takes == takesRows {
		flags.StringVar(&opt.data, "data", "", "the whole request as JSON; - reads it from standard input")
		flags.BoolVar(&opt.fields, "fields", false, "list the fields, and do nothing")
	}
	if v.takes == takesRows {
		flags.StringVar(&opt.file, "file", "", "a file of many: .csv, .ndjson or .json; - is standard input")
		flags.StringVar(&opt.media, "type", "", "csv, ndjson or json, when the file's name does not say it")
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		return v.complete(cmd, *opt, args, begun)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return v.run(cmd, *opt, args) }
}

// arguments are the names of what must be given, in order.
func (v verb) arguments() []string {
	var names []string
	for _, b := range braces.FindAllString(v.path, -1) {
		names = append(names, strings.Trim(b, "{}"))
	}
	return append(names, v.fields...)
}

func (v verb) run(cmd *cobra.Command, opt shellOptions, args []string) error {
	client, err := newShellClient(opt.server)
	if err != nil {
		return err
	}
	client.once = opt.once
	if opt.fields {
		return v.printFields(cmd, client)
	}
	names := v.arguments()
	if len(args) < len(names) || v.takes == takesNothing && len(args) > len(names) {
		return usageError{fmt.Errorf("%s needs %s", cmd.CommandPath(), strings.ReplaceAll(strings.ToUpper(strings.Join(names, " ")), " ", " and "))}
	}
	path, inPath := v.path, len(names)-len(v.fields)
	for i, a := range args[:inPath] {
		path = strings.Replace(path, "{"+names[i]+"}", url.PathEscape(a), 1)
	}
	ws, err := words(args[len(names):])
	if err != nil {
		return err
	}
	for i, field := range v.fields {
		ws = append(ws, word{field, args[inPath+i]})
	}
	r := shellRun{verb: v, cmd: cmd, client: client, out: newShellPrinter(cmd.OutOrStdout(), opt.json, opt.only, v.columns), opt: opt}
	if v.answers == answersList {
		return r.list(path, filters(ws))
	}
	return r.act(path, ws)
}

// shellRun is one command that is carried out.
type shellRun struct {
	verb
	cmd    *cobra.Command
	client *shellClient
	out    *shellPrinter
	opt    shellOptions
}

func (r *shellRun) list(path string, query url.Values) error {
	cmd, client, out, opt := r.cmd, r.client, r.out, r.opt
	if opt.cursor != "" {
		query.Set("cursor", opt.cursor)
	}
	if opt.follow {
		f := follower{client: client, query: query, notes: cmd.ErrOrStderr(), each: out.entries}
		return f.run(cmd.Context())
	}
	if opt.limit < 0 {
		return usageError{errors.New("--limit must not be below 0")}
	}
	more, err := client.all(cmd.Context(), path, query, opt.limit, out.entries)
	if err == nil && more && !out.json {
		fmt.Fprintf(cmd.ErrOrStderr(), "There may be more: --limit 0 shows all.\n")
	}
	return err
}

// act carries out what is no list.
func (r *shellRun) act(path string, ws []word) error {
	v, out := r.verb, r.out
	query, b, closeFile, err := v.request(r.cmd, r.client, ws, r.opt)
	if err != nil {
		return err
	}
	defer closeFile()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	answer, err := r.client.do(r.cmd.Context(), v.method, path, b)
	if err != nil {
		return err
	}
	if v.answers == answersEntries {
		var p page
		if err := json.Unmarshal(answer, &p); err != nil {
			return fmt.Errorf("read the answer to %s %s: %w", v.method, path, err)
		}
		if err := out.entries(p.Data); err != nil {
			return err
		}
		return v.judge(answer)
	}
	if len(answer) == 0 {
		if !out.json {
			fmt.Fprintln(r.cmd.ErrOrStderr(), "Done.")
		}
		return nil
	}
	if err := out.one(answer); err != nil {
		return err
	}
	return v.judge(answer)
}

// judge makes an error of an answer that was printed and reports no success.
func (v verb) judge(answer []byte) error {
	if v.succeeded == nil {
		return nil
	}
	if read, err := decodeAny(answer); err != nil || !v.succeeded(read) {
		return errReported
	}
	return nil
}

// request makes the query and the body of the words, of --data or of --file.
func (v verb) request(cmd *cobra.Command, client *shellClient, ws []word, opt shellOptions) (url.Values, body, func(), error) {
	nothing := func() {}
	switch {
	case v.takes == takesNothing || v.takes == takesFilters:
		return filters(ws), body{}, nothing, nil
	case opt.file != "":
		media, err := mediaOf(opt.file, opt.media)
		if err != nil {
			return nil, body{}, nothing, err
		}
		if opt.file == "-" {
			return filters(ws), body{media, cmd.InOrStdin()}, nothing, nil
		}
		file, err := os.Open(opt.file)
		if err != nil {
			return nil, body{}, nothing, fmt.Errorf("read the file: %w", err)
		}
		return filters(ws), body{media, file}, func() { _ = file.Close() }, nil // it was only read
	case opt.data == "-":
		return filters(ws), body{"application/json", cmd.InOrStdin()}, nothing, nil
	case opt.data != "":
		if len(ws) > 0 {
			return nil, body{}, nothing, usageError{errors.New("--data is the whole request: give no NAME=VALUE beside it")}
		}
		return nil, body{"application/json", strings.NewReader(opt.data)}, nothing, nil
	}
	if len(ws) == 0 && v.method == http.MethodPatch {
		return nil, body{}, nothing, usageError{errors.New("say what to change: NAME=VALUE, or --data with JSON; --fields lists the fields")}
	}
	known, err := client.describe(cmd.Context(), v)
	if err != nil {
		return nil, body{}, nothing, err
	}
	query, fields := known.split(ws)
	b, err := jsonBody(fields)
	return query, b, nothing, err
}

// mediaOf says what a file of rows is.
func mediaOf(file, said string) (string, error) {
	if said == "" {
		said = strings.TrimPrefix(filepath.Ext(file), ".")
	}
	switch said {
	case "csv":
		return "text/csv", nil
	case "ndjson", "jsonl":
		return "application/x-ndjson", nil
	case "json":
		return "application/json", nil
	}
	return "", usageError{fmt.Errorf("say what %s holds: --type csv, ndjson or json", file)}
}

func (v verb) printFields(cmd *cobra.Command, client *shellClient) error {
	known, err := client.describe(cmd.Context(), v)
	if err != nil {
		return err
	}
	out := newShellPrinter(cmd.OutOrStdout(), false, "", nil)
	for _, row := range known.rows() {
		fmt.Fprintln(out.table, strings.Join(row, "\t"))
	}
	return out.table.Flush()
}

// complete offers ids with their names, then the names of fields and filters.
// What the server does not say within a moment is not offered.
func (v verb) complete(cmd *cobra.Command, opt shellOptions, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	none := cobra.ShellCompDirectiveNoFileComp
	cmd.SetErr(io.Discard)
	client, err := newShellClient(opt.server)
	if err != nil {
		return nil, none
	}
	names := v.arguments()
	if len(args) < len(names) {
		from, ok := choices[names[len(args)]]
		if !ok {
			return nil, none
		}
		p, err := client.list(cmd.Context(), from.path, nil)
		if err != nil {
			return nil, none
		}
		var all []string
		for _, e := range p.Data {
			if v, err := decodeAny(e); err == nil {
				all = append(all, text(lookUp(v, []string{from.id}))+"\t"+text(lookUp(v, []string{from.label})))
			}
		}
		return all, none
	}
	known, err := client.describe(cmd.Context(), v)
	if err != nil || strings.Contains(begun, "=") {
		return nil, none
	}
	var all []string
	for _, row := range known.rows() {
		if row[0] != "limit" && row[0] != "cursor" && !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, row[0]+"=") }) {
			all = append(all, row[0]+"=\t"+row[2])
		}
	}
	return all, none | cobra.ShellCompDirectiveNoSpace
}

package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A transcript is a text of blocks: comments (#), commands, one a line and
// each with its second in front (none = the second of the line above), four
// dashes, and what came of them, up to an empty line. Time runs through the
// deadlines on the way. -update writes the outcomes anew.
//
// A block whose first line is `json` shows whole bodies instead of lines.

// record is what the transcripts have shown of one attempt.
type record struct {
	file   string
	typ    Type
	events []Event
}

// TestTranscripts plays every transcript. Each event obeys its published
// schema and the invariants; the engine rebuilt from the stored records equals
// the live one after each command. What all of them show together is held to
// the tables of engine.md B.8 and B.9.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/transcripts/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	valid := schemas(t)
	var mu sync.Mutex
	var all []record
	gone := map[string]int{}
	t.Run("files", func(t *testing.T) {
		for _, path := range files {
			name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/transcripts/"), ".txt")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := newPlay(t, valid)
				p.file(path)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, p.records(name)...)
				for row, n := range p.witness.moves {
					gone[row] += n
				}
			})
		}
	})
	t.Run("matrix", func(t *testing.T) { matrixHolds(t, all) })
	t.Run("outcomes", func(t *testing.T) { outcomesHold(t, all) })
	t.Run("moves", func(t *testing.T) { everyMove(t, gone) })
}

// play is one transcript under way.
type play struct {
	*centre
	valid   map[EventType]*jsonschema.Schema
	witness *witness
	ids     map[UUID]bool
	stored  map[Key]Record
	names   map[string]string // of attempts, agents and legs, by what they are
	last    int64             // the attempt that commands mean
	seen    int               // events that were shown
	list    map[int64]*Member // the members, as a store keeps them
	// forbidden are the numbers on the do-not-call list.
	forbidden map[string]bool
	found     []*Member // those whom attempts changed, to be shown
}

func newPlay(t *testing.T, valid map[EventType]*jsonschema.Schema) *play {
	return &play{
		centre: newCentre(t), valid: valid, witness: newWitness(), ids: map[UUID]bool{},
		stored: map[Key]Record{}, names: map[string]string{}, list: map[int64]*Member{}, forbidden: map[string]bool{},
	}
}

func (p *play) file(path string) {
	p.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for block := range strings.SplitSeq(strings.Trim(string(text), "\n"), "\n\n") {
		out = append(out, p.block(block))
	}
	got := strings.Join(out, "\n\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		p.t.Errorf("%s (-golden +got):\n%s", path, diff)
	}
}

// block carries out the commands of a block and returns it with their outcome.
func (p *play) block(block string) string {
	p.t.Helper()
	input, _, ok := strings.Cut(block, "----")
	if !ok {
		return block // only comments
	}
	if strings.Count(block, "----") > 1 {
		p.t.Fatalf("blocks need an empty line between them:\n%s", block)
	}
	var out strings.Builder
	out.WriteString(input + "----")
	whole := false
	for line := range strings.SplitSeq(strings.TrimSpace(input), "\n") {
		switch words := strings.Fields(line); {
		case strings.HasPrefix(line, "#"):
		case line == "json":
			whole = true
		default:
			if sec, err := strconv.ParseFloat(words[0], 64); err == nil {
				p.at(sec)
				words = words[1:]
			}
			note := p.command(parse(words))
			p.rebuilt()
			for ; p.seen < len(p.log); p.seen++ {
				out.WriteString("\n" + p.show(p.log[p.seen], whole))
			}
			for _, m := range p.found {
				out.WriteString("\n" + p.showMember(m))
			}
			p.found = nil
			if note != "" {
				out.WriteString("\n" + note)
			}
		}
	}
	return out.String()
}

// command carries out one command and says what the events do not.
func (p *play) command(c words) string {
	p.t.Helper()
	if c.verb == "wait" {
		return ""
	}
	if c.verb == "clock" {
		p.now = at(c.second("to"))
		return ""
	}
	if c.verb == "member" {
		p.member(c)
		return ""
	}
	events := len(p.log)
	res, err := p.try(p.translate(c))
	if left := c.left(); len(left) > 0 {
		p.t.Fatalf("%s does not know %v", c.verb, left)
	}
	if err != nil {
		return "  refused: " + err.Error()
	}
	if c.verb == "join" || c.verb == "dial" || res.Attempt != nil && p.names[key("attempt", res.Attempt.ID)] == "" {
		p.last = res.Attempt.ID
		p.names[key("attempt", p.last)] = fmt.Sprint("a", p.count("a")+1)
	}
	for _, r := range res.Changed {
		if g, ok := r.(*Agent); ok {
			p.names[key("agent", g.ID)] = g.Name
		}
	}
	switch {
	case res.Dropped != "":
		return "  dropped: " + res.Dropped
	case len(p.log) == events && len(res.Changed) == 0:
		return "  nothing"
	case len(p.log) == events && len(p.found) == 0 && c.verb != "queue" && c.verb != "agent" && c.verb != "load" && c.verb != "calendar" && c.verb != "trunk":
		return "  noted"
	}
	return ""
}

// try steps the command, checks its events and stores its records.
func (p *play) try(cmd Command) (Result, error) {
	p.t.Helper()
	n := len(p.log)
	res, err := p.centre.try(cmd)
	p.check(n)
	for _, r := range res.Changed {
		if a, ok := r.(*Attempt); ok {
			if err := p.witness.moved(a); err != nil {
				p.t.Error(err)
			}
		}
	}
	p.store(res.Changed)
	return res, err
}

func (p *play) check(from int) {
	p.t.Helper()
	for _, ev := range p.log[from:] {
		if err := p.witness.see(ev); err != nil {
			p.t.Errorf("%v", err)
		}
		if p.ids[ev.ID] {
			p.t.Errorf("%s: the id %s is used twice", ev.Type, EventID(ev.ID))
		}
		p.ids[ev.ID] = true
		validate(p.t, p.valid[ev.Type], ev.AppendJSON(nil))
	}
}

// at lets time run to sec, deadline by deadline.
func (p *play) at(sec float64) {
	p.t.Helper()
	to := at(sec)
	for {
		due, ok := p.e.NextDeadline()
		if !ok || due.After(to) {
			break
		}
		if due.After(p.now) {
			p.now = due
		}
		if _, err := p.try(Tick{}); err != nil {
			p.t.Fatal(err)
		}
	}
	if to.After(p.now) {
		p.now = to
	}
}

// rebuilt asserts that Put alone makes the engine that is at hand.
func (p *play) rebuilt() {
	p.t.Helper()
	e := New(p.e.domain)
	var all []Record
	for _, r := range p.stored {
		all = append(all, r)
	}
	e.Put(all...)
	if err := e.Check(); err != nil {
		p.t.Errorf("rebuilt: %v", err)
	}
	if diff := cmp.Diff(seenOf(p.e, p.now), seenOf(e, p.now), cmpopts.EquateEmpty()); diff != "" {
		p.t.Errorf("rebuilt differs (-live +rebuilt):\n%s", diff)
	}
}

func (p *play) store(changed []Record) {
	p.t.Helper()
	for _, r := range changed {
		if x, ok := r.(*Forbidden); ok {
			p.forbidden[x.Number] = true
		}
		if m, ok := r.(*Member); ok {
			p.keepMember(stored(p.t, m).(*Member))
		}
		if a, ok := r.(*Attempt); ok && a.State == StateLeaving {
			delete(p.stored, KeyOf(r))
			continue
		}
		if gone, ok := r.(*Removed); ok {
			delete(p.stored, KeyOf(gone))
			delete(p.stored, AgentStateKey(gone.ID))
			continue
		}
		p.stored[KeyOf(r)] = stored(p.t, r)
	}
}

func (p *play) records(file string) []record {
	var out []record
	for id := range p.witness.attempts {
		r := record{file: file}
		for _, ev := range p.events(id) {
			if ev.Listed != nil {
				r.typ, r.events = ev.Queue.Type, append(r.events, ev)
				if q := p.e.Queue(ev.Queue.ID); r.typ == Progressive && q.ReofferSec > 0 {
					r.typ = reoffering
				}
			}
		}
		out = append(out, r)
	}
	return out
}

func key(kind string, id any) string { return fmt.Sprint(kind, " ", id) }

// count returns how many names begin with the letters and go on with a number.
func (p *play) count(prefix string) int {
	n := 0
	for _, name := range p.names {
		if _, err := strconv.Atoi(strings.TrimPrefix(name, prefix)); err == nil && strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// second renders an instant as seconds of the transcript.
func second(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return strconv.FormatFloat(t.Sub(epoch).Seconds(), 'f', -1, 64)
}

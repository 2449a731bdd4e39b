package dispatcher

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/offhook/offhook/queue"
)

// The bounds of a filter. It has no loops and no variables, so that its work is
// bounded by its length and that of the event.
const (
	maxFilter      = 4096 // bytes
	maxFilterNodes = 500
)

// filterFunctions are what a filter may call. None of them reads a clock: whether
// an event matches must be the same when it is asked again.
var filterFunctions = []string{"len", "lower", "upper", "trim", "int", "float", "string", "abs"}

// filter is a compiled condition on events. It is safe for concurrent use.
type filter struct {
	program *vm.Program
	use     use
}

// compileFilter checks an expression by the names and types of filterNames. Its
// errors say where in the text, and what to do.
func compileFilter(text string) (f *filter, err error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("at most %d bytes", maxFilter)
	}
	defer func() { // the library has panicked at odd input before
		if r := recover(); r != nil {
			f, err = nil, errors.New("this cannot be read as an expression")
		}
	}()
	rules := &filterRules{use: use{top: map[string]bool{}, data: map[string]bool{}, ext: map[string]bool{}}}
	options := []expr.Option{
		expr.Env(filterNames()), expr.AsBool(), expr.MaxNodes(maxFilterNodes), expr.DisableAllBuiltins(), expr.Patch(rules),
	}
	for _, name := range filterFunctions {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	if rules.refused != nil {
		err = rules.refused.Bind(file.NewSource(text))
	}
	if err != nil {
		return nil, placed(err, text)
	}
	return &filter{program: program, use: rules.use}, nil
}

// placed rewrites the library's error in one line that begins with the place.
func placed(err error, text string) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return errors.New(strings.ReplaceAll(err.Error(), "expected bool, but got", "a filter is true or false, not"))
	}
	message := at.Message
	where := fmt.Sprintf("column %d", at.Column+1)
	if strings.Contains(text, "\n") {
		where = fmt.Sprintf("line %d, column %d", at.Line, at.Column+1)
	}
	const shown = 24
	if runes := []rune(text); at.From < len(runes) {
		where += fmt.Sprintf(" (at %q)", string(runes[at.From:min(at.From+shown, len(runes))]))
	}
	return fmt.Errorf("%s: %s", where, message)
}

// filterRules walks over a filter before it is compiled: it refuses what could
// take long, and makes comparisons with null false.
type filterRules struct {
	refused *file.Error // the first thing that is not allowed
	use     use
}

// Visit implements ast.Visitor.
func (r *filterRules) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode, *ast.PointerNode:
		r.refuse(n, "loops are not allowed in a filter")
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		r.refuse(n, "a filter is one expression, without variables")
	case *ast.IdentifierNode:
		r.use.top[n.Value] = true
		if n.Value == "$env" {
			r.refuse(n, "$env is not allowed in a filter")
		}
	case *ast.MemberNode:
		r.member(n)
	case *ast.BinaryNode:
		r.binary(node, n)
	}
}

// member notes which name of data or ext is used; it has to be in the text.
func (r *filterRules) member(n *ast.MemberNode) {
	object, ok := n.Node.(*ast.IdentifierNode)
	if !ok || object.Value != "data" && object.Value != "ext" {
		return
	}
	name, ok := n.Property.(*ast.StringNode)
	switch {
	case !ok:
		r.refuse(n, "a name of "+object.Value+" is written out")
	case object.Value == "data":
		r.use.data[name.Value] = true
	default:
		r.use.ext[name.Value] = true
	}
}

func (r *filterRules) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		r.refuse(n, "ranges are not allowed in a filter")
	case "matches":
		if _, constant := n.Right.(*ast.StringNode); !constant {
			r.refuse(n, "the pattern of matches is a text in quotes")
		}
	case "<", "<=", ">", ">=":
		// As in SQL: what is not known is neither more nor less than anything.
		both := ast.Node(n)
		for _, side := range []ast.Node{n.Left, n.Right} {
			if t := side.Type(); t != nil && t.Kind() == reflect.Pointer {
				known := &ast.BinaryNode{Operator: "!=", Left: side, Right: &ast.NilNode{}}
				both = &ast.BinaryNode{Operator: "&&", Left: known, Right: both}
			}
		}
		if both != ast.Node(n) {
			ast.Patch(node, both)
		}
	}
}

func (r *filterRules) refuse(n ast.Node, why string) {
	if r.refused == nil {
		r.refused = &file.Error{Location: n.Location(), Message: why}
	}
}

var machines = sync.Pool{New: func() any { return new(vm.VM) }}

// match reports whether the event fulfils the filter. It errs when that cannot
// be said: a sum with null, a text that is no number.
func (f *filter) match(ev *queue.Event) (bool, error) {
	env, err := f.env(ev)
	if err != nil {
		return false, err
	}
	machine := machines.Get().(*vm.VM)
	defer machines.Put(machine)
	out, err := machine.Run(f.program, env)
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			// The library's own words show what the event says.
			err = fmt.Errorf("column %d cannot be worked out", at.Column+1)
		}
		return false, err
	}
	yes, _ := out.(bool)
	return yes, nil
}

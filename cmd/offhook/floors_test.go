package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/offhook/offhook"

// floors is the plan of the house: which packages there are, how high they
// stand, and which of ours each may import. Neighbours do not know each other.
var floors = map[string]struct {
	floor int
	uses  []string
}{
	"docs/receivers":            {0, nil}, // what customers copy: the standard library only
	"migrations":                {0, nil},
	"queue/pacing":              {0, nil},
	"queue":                     {1, []string{"queue/pacing"}},
	"queue/sim":                 {2, []string{"queue"}},
	"queue/desk":                {2, []string{"queue"}},
	"queue/desk/desktest":       {2, []string{"queue", "queue/desk"}},
	"dispatcher":                {2, []string{"queue"}},
	"dispatcher/dispatchertest": {2, []string{"queue", "dispatcher"}},
	"store/localpg":             {3, nil},
	"store":                     {3, []string{"queue", "queue/desk", "dispatcher", "migrations"}},
	"store/storetest":           {3, []string{"store/localpg", "store", "migrations"}},
	"api":                       {4, []string{"queue", "queue/desk", "dispatcher", "store"}},
	"api/console":               {4, []string{"queue", "queue/desk", "dispatcher", "store"}},
	"api/asterisk":              {4, []string{"queue", "queue/desk"}},
	"cmd/offhook": {5, []string{"migrations", "queue", "queue/sim", "queue/desk", "dispatcher", "store",
		"store/localpg", "api", "api/asterisk", "api/console"}},
}

// homes names the one place of each library that only one place may know.
var homes = map[string][]string{
	"github.com/go-chi/chi":                 {"api", "api/console"},
	"github.com/danielgtaylor/huma":         {"api"},
	"github.com/jackc/pgx":                  {"store", "store/localpg", "store/storetest"},
	"github.com/pressly/goose":              {"store", "store/storetest"},
	"database/sql":                          {"store", "store/storetest"},
	"github.com/hashicorp/go-retryablehttp": {"dispatcher"},
	"github.com/expr-lang/expr":             {"dispatcher"},
	"github.com/kelseyhightower/envconfig":  {"cmd/offhook"},
	"github.com/spf13/cobra":                {"cmd/offhook"},
	"github.com/schollz/progressbar":        {"cmd/offhook"},
}

// pure packages get time, chance and identity as arguments.
var (
	pure       = []string{"queue", "queue/pacing", "queue/sim"}
	impureTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	impure     = []string{"os", "math/rand", "math/rand/v2", "crypto/rand", "net", "net/http", "io/ioutil", "runtime", "sync"}
)

var topLevel = []string{".ci", ".git", ".github", "api", "bin", "cmd", "deploy", "dispatcher", "docs", "migrations", "queue", "store"}

const longest = 400 // lines of a file

type sourceFile struct {
	path string // from the root of the project
	pkg  string // its folder
	test bool
	ast  *ast.File
	fset *token.FileSet
	text []byte
}

// sources parses every Go file of the project.
func sources(t *testing.T) []sourceFile {
	t.Helper()
	root := projectRoot(t)
	var files []sourceFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "bin"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, sourceFile{
			path: filepath.ToSlash(rel), pkg: filepath.ToSlash(filepath.Dir(rel)),
			test: strings.HasSuffix(path, "_test.go"), ast: parsed, fset: fset, text: text,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func (f *sourceFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

// TestFloors holds every import against the plan. A test may also use what
// stands on its own floor or below it.
func TestFloors(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		plan, known := floors[f.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the plan of the house (floors)", f.path, f.pkg)
			continue
		}
		for _, path := range f.imports() {
			ours, isOurs := strings.CutPrefix(path, module+"/")
			switch {
			case isOurs && f.test:
				if used, ok := floors[ours]; !ok || used.floor > plan.floor {
					t.Errorf("%s: a test on floor %d imports %s from above", f.path, plan.floor, ours)
				}
			case isOurs:
				if !slices.Contains(plan.uses, ours) {
					t.Errorf("%s: %s may not import %s", f.path, f.pkg, ours)
				}
			case slices.Contains(pure, f.pkg) && !f.test && strings.Contains(path, "."):
				t.Errorf("%s: %s is standard library only, not %s", f.path, f.pkg, path)
			}
			for library, places := range homes {
				if inside(path, library) && !f.test && !slices.Contains(places, f.pkg) {
					t.Errorf("%s: %s belongs to %v", f.path, library, places)
				}
			}
		}
	}
}

func inside(path, library string) bool {
	return path == library || strings.HasPrefix(path, library+"/")
}

// TestPurity keeps clocks, chance and the outside world out of the engine.
func TestPurity(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if f.test || !slices.Contains(pure, f.pkg) {
			continue
		}
		for _, path := range f.imports() {
			if slices.Contains(impure, path) {
				t.Errorf("%s: a pure package imports %s", f.path, path)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a pure package starts a goroutine", f.fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(impureTime, n.Sel.Name) {
					t.Errorf("%s: a pure package reads time.%s", f.fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestFilesAreOfOneIdea(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if n := bytes.Count(f.text, []byte("\n")); n > longest {
			t.Errorf("%s has %d lines; more than %d is rarely one idea", f.path, n, longest)
		}
	}
}

func TestTopLevelFolders(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(projectRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(topLevel, e.Name()) {
			t.Errorf("the house has no top-level folder %q; it has %v", e.Name(), topLevel)
		}
	}
}

// TestExportedIsDocumented: what others may call says what they may rely on.
func TestExportedIsDocumented(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s has no doc comment", f.fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

func undocumented(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil && d.Lparen.IsValid() {
			return nil // one comment for the group
		}
		var bare []*ast.Ident
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					bare = append(bare, s.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
						bare = append(bare, name)
					}
				}
			}
		}
		return bare
	}
	return nil
}

// receiverExported leaves out methods of unexported types, and those whose
// meaning an interface of the standard library gives.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	if slices.Contains([]string{"Error", "String", "Is", "Unwrap", "MarshalJSON", "UnmarshalJSON", "ServeHTTP"}, d.Name.Name) {
		return false
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}

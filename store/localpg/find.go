package localpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

// MinMajor is the oldest major version of Postgres that is taken.
const MinMajor = 14

// ErrNoPostgres says that no usable binaries are on the machine. The error
// that wraps it names the one command that installs them.
var ErrNoPostgres = errors.New("no Postgres binaries on this machine")

// Binaries is a folder with both initdb and postgres.
type Binaries struct {
	Dir   string
	Major int
}

// Find looks for Postgres binaries: PG_BIN, postgres on the PATH, pg_config,
// the folders of the distributions (highest version first), and the npm
// package @embedded-postgres if it was fetched. PG_BIN, when set, is the only
// place looked at. The error wraps ErrNoPostgres.
func Find() (Binaries, error) {
	return search{
		pgBin: os.Getenv("PG_BIN"),
		path:  filepath.SplitList(os.Getenv("PATH")),
		globs: append(systemGlobs(), npmGlobs()...),
		hint:  installHint("/etc/os-release", os.Getuid() == 0),
	}.find()
}

// search is where Find looks, as values.
type search struct {
	pgBin string
	path  []string
	globs []string
	hint  string
}

func (s search) find() (Binaries, error) {
	if s.pgBin != "" {
		b, err := inspect(s.pgBin)
		if err != nil {
			return Binaries{}, fmt.Errorf("%w: PG_BIN: %w", ErrNoPostgres, err)
		}
		return b, nil
	}
	var refused []string
	for _, dir := range s.candidates() {
		b, err := inspect(dir)
		if err == nil {
			return b, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			refused = append(refused, err.Error())
		}
	}
	msg := "install them with: " + s.hint
	if len(refused) > 0 {
		msg = strings.Join(refused, "; ") + "; " + msg
	}
	return Binaries{}, fmt.Errorf("%w (set PG_BIN to their folder if they are there); %s", ErrNoPostgres, msg)
}

func (s search) candidates() []string {
	var dirs []string
	for _, dir := range s.path {
		// Distributions link single programs into a bin folder; what belongs
		// together lies where the link points.
		if real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, dir := range s.path {
		config := filepath.Join(dir, "pg_config")
		if _, err := os.Stat(config); err != nil {
			continue
		}
		if out, err := exec.Command(config, "--bindir").Output(); err == nil {
			dirs = append(dirs, strings.TrimSpace(string(out)))
		}
		break
	}
	for _, glob := range s.globs {
		found, err := filepath.Glob(glob)
		if err != nil {
			continue // a folder name with a bracket; nothing to find there
		}
		sort.Slice(found, func(i, j int) bool { return version(found[i]) > version(found[j]) })
		dirs = append(dirs, found...)
	}
	return dirs
}

// version returns the last number in a folder's path, 0 without one.
func version(path string) int {
	n := 0
	for _, field := range strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' }) {
		if v, err := strconv.Atoi(field); err == nil {
			n = v
		}
	}
	return n
}

func inspect(dir string) (Binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return Binaries{}, fmt.Errorf("look for %s: %w", name, err)
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s/postgres for its version: %w", dir, err)
	}
	major, err := parseVersion(string(out))
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s/postgres for its version: %w", dir, err)
	}
	if major < MinMajor {
		return Binaries{}, fmt.Errorf("%s holds Postgres %d, older than %d", dir, major, MinMajor)
	}
	return Binaries{Dir: dir, Major: major}, nil
}

// parseVersion reads the major number out of "postgres (PostgreSQL) 15.18 …",
// also of "… 18beta1".
func parseVersion(line string) (int, error) {
	_, rest, ok := strings.Cut(line, ") ")
	if !ok {
		return 0, fmt.Errorf("unexpected answer %q", line)
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	major, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("unexpected answer %q", line)
	}
	return major, nil
}

func systemGlobs() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

func npmGlobs() []string {
	arch := map[string]string{"amd64": "x64", "386": "ia32"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	tail := filepath.Join("node_modules", "@embedded-postgres", runtime.GOOS+"-"+arch, "native", "bin")
	globs := []string{tail}
	if cache, err := os.UserCacheDir(); err == nil {
		globs = append(globs, filepath.Join(cache, "offhook", tail))
	}
	return globs
}

// installHint is the one command that installs Postgres on the system that the
// os-release file describes.
func installHint(osRelease string, root bool) string {
	sudo := "sudo "
	if root {
		sudo = ""
	}
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@17"
	}
	data, err := os.ReadFile(osRelease)
	if err != nil {
		data = nil // an unknown system gets the general answer
	}
	ids := ""
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			ids += " " + strings.Trim(value, `"'`)
		}
	}
	for _, known := range []struct{ id, command string }{
		{"debian", "apt-get install -y postgresql"},
		{"ubuntu", "apt-get install -y postgresql"},
		{"alpine", "apk add postgresql"},
		{"arch", "pacman -S --noconfirm postgresql"},
		{"suse", "zypper install -y postgresql-server"},
		{"fedora", "dnf install -y postgresql-server"},
		{"rhel", "dnf install -y postgresql-server"},
	} {
		if strings.Contains(ids, known.id) {
			return sudo + known.command
		}
	}
	return `npm install --prefix "${XDG_CACHE_HOME:-$HOME/.cache}/offhook" embedded-postgres`
}

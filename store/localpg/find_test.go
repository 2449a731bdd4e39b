package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeBinaries makes a folder with initdb and a postgres that says version.
func fakeBinaries(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"postgres": "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n",
		"initdb":   "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindOrder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := fakeBinaries(t, filepath.Join(root, "lib", "9", "bin"), "9.6.24")
	lib15 := fakeBinaries(t, filepath.Join(root, "lib", "15", "bin"), "15.4 (Debian)")
	lib16 := fakeBinaries(t, filepath.Join(root, "lib", "16", "bin"), "16beta1")
	own := fakeBinaries(t, filepath.Join(root, "own"), "17.0")
	globs := []string{filepath.Join(root, "lib", "*", "bin")}

	links := filepath.Join(root, "links")
	half := filepath.Join(root, "half") // postgres without initdb does not count
	for _, dir := range []string{links, half} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(lib15, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "postgres"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(root, "config")
	if err := os.Mkdir(config, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "pg_config"), []byte("#!/bin/sh\necho "+lib15+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct {
		name   string
		search search
		want   Binaries
	}{
		{"PG_BIN wins", search{pgBin: own, path: []string{links}, globs: globs}, Binaries{own, 17}},
		{"a link on the PATH is resolved", search{path: []string{half, links}, globs: globs}, Binaries{lib15, 15}},
		{"pg_config before the folders", search{path: []string{config}, globs: globs}, Binaries{lib15, 15}},
		{"highest version first", search{globs: globs}, Binaries{lib16, 16}},
		{"half a folder is passed over", search{path: []string{half}, globs: globs}, Binaries{lib16, 16}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.search.find()
			if err != nil || got != tc.want {
				t.Fatalf("find = %v, %v; want %v", got, err, tc.want)
			}
		})
	}

	t.Run("too old is named", func(t *testing.T) {
		t.Parallel()
		_, err := search{globs: []string{old}, hint: "apt-get it"}.find()
		if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "Postgres 9") {
			t.Fatalf("find = %v", err)
		}
	})
	t.Run("PG_BIN that holds nothing is an error", func(t *testing.T) {
		t.Parallel()
		_, err := search{pgBin: half, globs: globs}.find()
		if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "PG_BIN") {
			t.Fatalf("find = %v", err)
		}
	})
}

func TestFindNothingNamesTheCommand(t *testing.T) {
	t.Parallel()
	release := filepath.Join(t.TempDir(), "os-release")
	for _, tc := range []struct {
		file string
		root bool
		want string
	}{
		{"NAME=\"Debian\"\nID=debian\n", true, "apt-get install -y postgresql"},
		{"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", false, "sudo apt-get install -y postgresql"},
		{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", false, "sudo dnf install -y postgresql-server"},
		{"ID=alpine\n", true, "apk add postgresql"},
		{"ID=plan9\n", true, "npm install"},
	} {
		if err := os.WriteFile(release, []byte(tc.file), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := search{hint: installHint(release, tc.root)}.find()
		if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "install them with: "+tc.want) {
			t.Errorf("%q: find = %v; want the command %q", tc.file, err, tc.want)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: more than one line: %v", tc.file, err)
		}
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres (PostgreSQL) 9.6.24\n":                         9,
	} {
		if got, err := parseVersion(line); err != nil || got != want {
			t.Errorf("parseVersion(%q) = %d, %v; want %d", line, got, err, want)
		}
	}
	for _, line := range []string{"", "bash: no such thing", "postgres (PostgreSQL) x"} {
		if got, err := parseVersion(line); err == nil {
			t.Errorf("parseVersion(%q) = %d, want an error", line, got)
		}
	}
}

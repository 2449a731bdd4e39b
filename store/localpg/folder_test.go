package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketPathIsShort(t *testing.T) {
	t.Setenv("TMPDIR", "/"+strings.Repeat("very-long-", 10))
	long := "/" + strings.Repeat("x", 300)
	dir, err := socketDir(long)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(filepath.Join(dir, socketName)); n > maxSocketPath {
		t.Errorf("socket path has %d bytes", n)
	}
	other, err := socketDir(long + "y")
	if err != nil || other == dir {
		t.Errorf("two data folders share the socket folder %s (%v)", dir, err)
	}
}

func TestReachable(t *testing.T) {
	t.Parallel()
	stranger := account{uid: os.Getuid() + 4711, gid: os.Getgid() + 4711, drop: true}
	base, err := os.MkdirTemp("", "localpg-reach-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	inner := filepath.Join(base, "a", "b")

	if got := reachable(inner, stranger); !strings.HasPrefix(got, "/var/tmp/offhook-") {
		t.Errorf("below a 0700 folder: %s", got)
	}
	if got := reachable(inner, account{uid: os.Getuid(), gid: os.Getgid()}); got != inner {
		t.Errorf("for its owner: %s", got)
	}
	if err := os.Chmod(base, 0o711); err != nil {
		t.Fatal(err)
	}
	if got := reachable(inner, stranger); got != inner {
		t.Errorf("below a 0711 folder: %s", got)
	}
}

func TestOwnFolderRefusesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	me := account{uid: os.Getuid(), gid: os.Getgid()}
	base := t.TempDir()
	dir := filepath.Join(base, "sock")
	if err := ownFolder(dir, me); err != nil {
		t.Fatal(err)
	}
	if err := ownFolder(dir, me); err != nil {
		t.Fatalf("our own again: %v", err)
	}
	if err := ownFolder(dir, account{uid: me.uid + 1}); err == nil {
		t.Error("took a folder of another account")
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := ownFolder(dir, me); err == nil {
		t.Error("took a folder that anybody may enter")
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := ownFolder(link, me); err == nil {
		t.Error("followed a link")
	}
}

func TestLockOfADeletedFileIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := openLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := openLock(path); err == nil {
		t.Fatal("locked twice")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := openLock(path)
	if err != nil {
		t.Fatalf("a fresh file: %v", err)
	}
	second.Close()
}

package localpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrInUse says that another server lives on the data folder.
var ErrInUse = errors.New("the data folder is in use by another server")

const (
	// socketName is the file that a server of port 5432 makes in its folder.
	socketName = ".s.PGSQL.5432"
	// maxSocketPath is what fits into sockaddr_un on Linux, without its NUL.
	maxSocketPath = 107
	lockPoll      = 20 * time.Millisecond
)

// account is who the server runs as: the caller himself, or, because Postgres
// refuses to run as root, the one that root drops to.
type account struct {
	uid, gid int
	drop     bool
}

func serverAccount() (account, error) {
	if os.Getuid() != 0 {
		return account{uid: os.Getuid(), gid: os.Getgid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			continue
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			continue
		}
		return account{uid: uid, gid: gid, drop: true}, nil
	}
	return account{}, errors.New("find an account to run Postgres as: root may not, and neither postgres nor nobody exists")
}

// DefaultDataDir is where a private Postgres keeps its data when nobody said
// otherwise: /var/lib/offhook for root, else below the user's data folder.
func DefaultDataDir() (string, error) {
	if os.Getuid() == 0 {
		return "/var/lib/offhook", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "offhook"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("choose a data folder: %w", err)
	}
	return filepath.Join(home, ".local", "share", "offhook"), nil
}

// standIns is where folders stand that stand for unreachable ones.
const standIns = "/var/tmp"

// reachable returns dir, or, when the account may not pass through it or one of
// its parents (root's home is 0700), a folder in /var/tmp that stands for it.
func reachable(dir string, acc account) string {
	for p := dir; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil && !passes(info, acc) {
			return filepath.Join(standIns, "offhook-"+hash(dir))
		}
		if p == filepath.Dir(p) {
			return dir
		}
	}
}

func passes(info os.FileInfo, acc account) bool {
	mode := info.Mode().Perm()
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case int(st.Uid) == acc.uid:
		return mode&0o100 != 0
	case int(st.Gid) == acc.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

func hash(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}

// folder is the home of one server: the data of one major version, its log and
// its lock, and the folder of its socket.
type folder struct {
	dir    string // …/pg15
	socket string
	lock   *os.File
}

func newFolder(dataDir string, major int) (*folder, error) {
	dir := filepath.Join(dataDir, "pg"+strconv.Itoa(major))
	socket, err := socketDir(dir)
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, socket: socket}, nil
}

func (f *folder) data() string { return filepath.Join(f.dir, "data") }
func (f *folder) log() string  { return filepath.Join(f.dir, "server.log") }

// socketDir names a short folder by a hash of the data path, because the path
// of a socket has little room and a data path may be any length. The server's
// account must be able to pass through to it, which a TMPDIR of root's own may
// not let it.
func socketDir(dir string) (string, error) {
	acc, err := serverAccount()
	if err != nil {
		return "", err
	}
	for _, tmp := range []string{os.TempDir(), "/tmp"} {
		s := filepath.Join(tmp, "offhook-"+hash(dir))
		if len(filepath.Join(s, socketName)) <= maxSocketPath && reachable(tmp, acc) == tmp {
			return s, nil
		}
	}
	return "", fmt.Errorf("name a socket folder for %s: no temporary folder with a short path that Postgres can reach; set TMPDIR", dir)
}

// acquire makes the folder and takes its lock, waiting until ctx ends for a
// server that is just shutting down. The lock is a flock on a file that the
// server inherits: whoever holds it knows that no process of an older server
// lives, whatever pid files say.
func (f *folder) acquire(ctx context.Context, acc account) error {
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		err := f.tryLock(acc)
		if !errors.Is(err, ErrInUse) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: %w", f.dir, ErrInUse)
		case <-poll.C:
		}
	}
}

func (f *folder) tryLock(acc account) error {
	parent := filepath.Dir(f.dir)
	if filepath.Dir(parent) == standIns {
		// Anybody may make folders there; ours must be ours.
		if err := ownFolder(parent, acc); err != nil {
			return err
		}
	} else if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := ownFolder(f.dir, acc); err != nil {
		return err
	}
	lock, err := openLock(filepath.Join(f.dir, "lock"))
	if err != nil {
		return err
	}
	f.lock = lock
	return nil
}

// openLock takes the lock file, or returns ErrInUse. A file that was deleted
// between opening and locking (see Remove) is no lock: that is ErrInUse too, so
// that the caller tries again.
func openLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	held, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("look at the lock: %w", err)
	}
	if named, err := os.Stat(path); err != nil || !os.SameFile(held, named) {
		file.Close()
		return nil, ErrInUse
	}
	return file, nil
}

// unlock gives back a lock that nobody else needs any more. Closing the file
// would not do: a process that we are just forking, for whatever purpose, has it
// open too until it executes its program, and the lock would last as long.
func unlock(lock *os.File) error {
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_UN); err != nil {
		return errors.Join(fmt.Errorf("unlock %s: %w", lock.Name(), err), lock.Close())
	}
	return lock.Close()
}

// ownFolder makes a folder of the account's that nobody else may enter. One
// that is there must be just that: its name can be guessed.
func ownFolder(dir string, acc account) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := os.Chown(dir, acc.uid, acc.gid); err != nil {
			return fmt.Errorf("hand %s to the server's account: %w", dir, err)
		}
		return nil
	} else if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the server's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the server's folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("take %s: it is not a folder with mode 0700", dir)
	}
	if int(st.Uid) == acc.uid {
		return nil
	}
	if acc.drop && st.Uid == 0 { // made by a launcher that ended before its chown
		return os.Chown(dir, acc.uid, acc.gid)
	}
	return fmt.Errorf("take %s: it belongs to another account (uid %d)", dir, st.Uid)
}

// sweep removes what an older server left behind: with the lock held, its pid
// file and its socket speak of nobody.
func (f *folder) sweep() error {
	if err := os.Remove(filepath.Join(f.data(), "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a leftover pid file: %w", err)
	}
	if err := f.removeSocket(); err != nil {
		return err
	}
	return os.RemoveAll(f.data() + ".new")
}

// removeSocket is best effort about what is not there: only the names that a
// server makes, and then the folder.
func (f *folder) removeSocket() error {
	for _, path := range []string{
		filepath.Join(f.socket, socketName), filepath.Join(f.socket, socketName+".lock"), f.socket,
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove a leftover socket: %w", err)
		}
	}
	return nil
}

// Remove deletes the data folder with everything in it, of all versions, unless
// a server lives on it: then it returns ErrInUse and deletes nothing.
func Remove(dataDir string) error {
	if acc, err := serverAccount(); err == nil {
		dataDir = reachable(dataDir, acc)
	}
	dirs, err := filepath.Glob(filepath.Join(dataDir, "pg[0-9]*"))
	if err != nil {
		return fmt.Errorf("list %s: %w", dataDir, err)
	}
	for _, dir := range dirs {
		lock, err := openLock(filepath.Join(dir, "lock"))
		if err != nil {
			return fmt.Errorf("remove %s: %w", dir, err)
		}
		defer lock.Close()
		socket, err := socketDir(dir)
		if err != nil {
			return err
		}
		if err := (&folder{dir: dir, socket: socket}).removeSocket(); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dataDir); err != nil {
		return fmt.Errorf("remove %s: %w", dataDir, err)
	}
	return nil
}

package asterisk

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

// TestListsInManyReads: a rebuild keeps every packet of its lists, also when
// each comes in a read of its own.
func TestListsInManyReads(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe() // every write is a read of its own
	go playLists(theirs)
	now := func() time.Time { return time.Unix(epoch, 0) }
	c := NewClient(Config{}, newTestDesk(), slog.New(slog.DiscardHandler), now)
	s := &session{client: c, conn: ours, buf: make([]byte, 32<<10)}
	s.decoder.Lenient = true
	if err := s.read(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Fatalf("the session ends with %v, want that the switch closed it", err)
	}
	var joined []string
	for _, cmd := range c.outbox.take() {
		if r, ok := cmd.(queue.SwitchReport); ok && r.Event == queue.SwitchJoined {
			joined = append(joined, r.MemberChannelID)
		}
	}
	if diff := cmp.Diff([]string{"u.10", "u.20", "u.30"}, joined); diff != "" {
		t.Errorf("callers of the lists (-want +got):\n%s", diff)
	}
}

// playLists answers the two questions of a rebuild: three callers wait.
func playLists(conn net.Conn) {
	defer conn.Close()
	var ids []string
	lines := bufio.NewScanner(conn)
	for len(ids) < 2 && lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ActionID: "); ok {
			ids = append(ids, id)
			lines.Scan() // the empty line behind it
		}
	}
	write := func(id, packet string) { _, _ = io.WriteString(conn, packet+"\nActionID: "+id+"\n\n") }
	for _, n := range []string{"10", "20", "30"} {
		write(ids[0], "Event: QueueEntry\nQueue: support\nUniqueid: u."+n+"\nCallerIDNum: 20255501"+n+"\nWait: 9")
	}
	write(ids[0], "Event: QueueStatusComplete")
	for _, n := range []string{"10", "20", "30"} {
		write(ids[1], "Event: CoreShowChannel\nChannel: SIP/trunk-"+n+"\nUniqueid: u."+n+"\nApplication: Queue\nDuration: 00:00:12")
	}
	write(ids[1], "Event: CoreShowChannelsComplete")
}

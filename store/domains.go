package store

import (
	"context"
	"fmt"
	"time"

	"github.com/offhook/offhook/queue/desk"
)

const domainHead = `SELECT head_seq, head_recorded_at, version FROM domains WHERE id = $1`

// Head reads the end of a domain's log. The error is ErrNotFound when there is
// no such domain.
func (s *Store) Head(ctx context.Context, domainID int64) (desk.Head, error) {
	var head desk.Head
	var recordedAt *time.Time
	if err := s.pool.QueryRow(ctx, domainHead, domainID).Scan(&head.Seq, &recordedAt, &head.Version); err != nil {
		return desk.Head{}, fmt.Errorf("read the head of domain %d: %w", domainID, notFound(err))
	}
	head.RecordedAt = instant(recordedAt)
	return head, nil
}

package store_test

import (
	"errors"
	"testing"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestDomainsAreSeparate(t *testing.T) {
	t.Parallel()
	s := store.New(storetest.New(t))
	by := store.By{At: at(5), KeyName: "command line"}
	made, err := s.CreateDomain(t.Context(), "north", by)
	if err != nil || made.ID != 2 || made.Name != "north" {
		t.Fatalf("create domain: %+v, %v", made, err)
	}
	if _, err := s.CreateDomain(t.Context(), "north", by); !errors.Is(err, store.ErrNameTaken) {
		t.Errorf("a second domain of the name: %v", err)
	}
	if _, err := s.CreateDomain(t.Context(), "", by); err == nil {
		t.Error("a domain without a name is made")
	}
	noted, _, err := s.Audit(t.Context(), made.ID, store.AuditFilter{Limit: 9})
	if err != nil || len(noted) != 1 || noted[0].Action != "domain.create" || noted[0].ObjectID != "2" || noted[0].KeyName != "command line" ||
		string(noted[0].After) != `{"name": "north"}` {
		t.Errorf("the audit log of the new domain: %+v, %v", noted, err)
	}
	all, err := s.Domains(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != 1 || all[1] != made {
		t.Fatalf("domains: %+v, %v", all, err)
	}
	// Its log loads, is empty, and has a namespace of its own.
	var namespaces []queue.UUID
	for _, d := range all {
		snap, err := s.DeskLog(d.ID).Load(t.Context())
		if err != nil || snap.Domain.ID != d.ID || snap.Head.Seq != 0 || len(snap.Records) != 0 {
			t.Errorf("domain %d loads as %+v, %v", d.ID, snap, err)
		}
		namespaces = append(namespaces, snap.Domain.Namespace)
	}
	if namespaces[0] == namespaces[1] || namespaces[0] == (queue.UUID{}) {
		t.Errorf("namespaces %v", namespaces)
	}
}

func TestMigrationsSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	pool, err := store.Open(t.Context(), store.Config{URL: storetest.Empty(t), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	before, err := store.Migrations(t.Context(), pool)
	if err != nil || len(before) < 3 {
		t.Fatalf("%v, %v", before, err)
	}
	if err := store.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	after, err := store.Migrations(t.Context(), pool)
	if err != nil || len(after) != len(before) {
		t.Fatalf("%v, %v", after, err)
	}
	for i := range before {
		if !before[i].AppliedAt.IsZero() || after[i].AppliedAt.IsZero() || i > 0 && after[i].Version <= after[i-1].Version || after[i].Name == "" {
			t.Errorf("step %d: before %+v, after %+v", i+1, before[i], after[i])
		}
	}
}

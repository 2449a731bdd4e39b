package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/offhook/offhook/store"
)

// snapshotEvery is how often Postgres is asked for its oldest snapshot.
const snapshotEvery = 15 * time.Second

// systemMetrics are the figures of the process and of its database.
type systemMetrics struct {
	store   *store.Store
	xminAge prometheus.Gauge
	oldest  prometheus.Gauge
}

func newSystemMetrics(registry *prometheus.Registry, s *store.Store) *systemMetrics {
	m := &systemMetrics{
		store: s,
		xminAge: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offhook_database_oldest_xmin_transactions",
			Help: "How many transactions the oldest snapshot in the database is behind. While it grows, vacuum frees nothing.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offhook_database_oldest_snapshot_seconds",
			Help: "How long ago the transaction with the oldest snapshot began.",
		}),
	}
	registry.MustRegister(m.xminAge, m.oldest,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "offhook_database_statements_total", Help: "SQL statements that this process has sent.",
		}, func() float64 { return float64(s.Statements()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "offhook_database_connections_in_use", Help: "Connections that carry out something now.",
		}, func() float64 { return float64(s.ConnectionsInUse()) }),
	)
	return m
}

// watch keeps the figures that only the database knows until ctx ends. While it
// is away they stay as they were.
func (m *systemMetrics) watch(ctx context.Context) error {
	ticker := time.NewTicker(snapshotEvery)
	defer ticker.Stop()
	for {
		if transactions, age, err := m.store.OldestSnapshot(ctx); err == nil {
			m.xminAge.Set(float64(transactions))
			m.oldest.Set(age.Seconds())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

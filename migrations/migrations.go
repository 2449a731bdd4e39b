// Package migrations holds the schema: numbered SQL files in goose's format,
// applied in order by store.Migrate. A file that was released never changes.
package migrations

import "embed"

// FS holds every migration.
//
//go:embed *.sql
var FS embed.FS

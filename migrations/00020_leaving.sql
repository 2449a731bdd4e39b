-- +goose Up

-- One that finishes what it is sending and then ends: it has no share any more,
-- so that the others take each endpoint as soon as it is handed back.
ALTER TABLE replicas ADD COLUMN leaving boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE replicas DROP COLUMN leaving;

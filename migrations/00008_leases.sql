-- +goose Up

-- Who delivers. A row is a process that said not long ago that it lives; its
-- number is never given to another. Not of a domain: a replica works for all.
CREATE TABLE replicas (
    number     integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance   text        NOT NULL CHECK (length(instance) BETWEEN 1 AND 200),
    joined_at  timestamptz NOT NULL,
    -- When the session that shows it to be alive was made.
    session_at timestamptz NOT NULL,
    -- Without another sign of life it is dead from then on.
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 20);
COMMENT ON TABLE replicas IS 'the only instants of the database''s own clock: replicas need one that they share';

-- Which replica delivers to an endpoint. A lease expires with its holder, so
-- that a sign of life is one row and not one an endpoint.
CREATE TABLE leases (
    domain_id   bigint  NOT NULL,
    endpoint_id uuid    NOT NULL,
    holder      integer REFERENCES replicas (number) ON DELETE SET NULL, -- null: whoever is below his share may take it
    -- Rises whenever the lease is taken; every write for the endpoint names it.
    epoch       bigint  NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    PRIMARY KEY (domain_id, endpoint_id),
    FOREIGN KEY (domain_id, endpoint_id) REFERENCES endpoints (domain_id, id) ON DELETE CASCADE
);
CREATE INDEX leases_by_holder ON leases (holder);

DROP TABLE delivery_term;

-- +goose Down
CREATE TABLE delivery_term (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    term   bigint  NOT NULL CHECK (term >= 0)
);
INSERT INTO delivery_term (term) VALUES (0);
DROP TABLE leases, replicas;

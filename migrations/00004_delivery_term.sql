-- +goose Up

-- The number of the term in which one process delivers: see store.Delivery.Lead.
-- One row. Every write of deliveries compares its own number with it.
CREATE TABLE delivery_term (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    term   bigint  NOT NULL CHECK (term >= 0)
);

INSERT INTO delivery_term (term) VALUES (0);

-- +goose Down
DROP TABLE delivery_term;

// Package api is offhook's REST interface: everything under /v1, the OpenAPI
// document that describes it, its documentation page, health and metrics.
//
// A request passes, in this order: request id, log line and metrics, panic
// catcher, router, key and role, content type, decoding and validation by the
// operation's schema, the operation. Whatever goes wrong on that way leaves it
// as one application/problem+json answer (problem.go); which refusal becomes
// which status is one table (handler.go).
//
// Commands go to the desk of the key's domain and are answered after they are
// durable. Agents and queues are read from the desk's live state; attempts,
// events and deliveries are read from Postgres.
package api

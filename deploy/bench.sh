#!/bin/sh
# Measures what offhook carries on this machine and ends with one line of keys.
# Postgres is private and durable: on disk, with fsync and synchronous commits.
# The packages run one after the other, because they share the machine.
set -eu
cd "$(dirname "$0")/.."
export OFFHOOK_TEST_DURABLE=1
out=$(mktemp)
trap 'rm -f "$out"' EXIT

measure() { # package, benchmarks, time of each
  # The summary needs the exit code of go test, not of tee.
  { "${GO:-go}" test -buildvcs=false -run '^$' -bench "$2" -benchtime "$3" -timeout 20m "./$1" || touch "$out.failed"; } | tee -a "$out"
  if [ -e "$out.failed" ]; then rm -f "$out.failed"; exit 1; fi
}

measure queue . 1s
# Long enough for a whole collection of the garbage beside a million who wait.
measure queue '^BenchmarkCall$' 100000x
measure queue/sim '^BenchmarkCentre$' 3x
measure store '^(BenchmarkUpdate|BenchmarkEventsAfter|BenchmarkDesk)$' 2s
measure api . 2s
measure store '^BenchmarkDeliver$' 5x
measure store '^BenchmarkLatency$' 1x
measure cmd/offhook '^BenchmarkREST$' 5x
measure cmd/offhook '^BenchmarkCommand$' 1x
measure cmd/offhook '^BenchmarkBacklog$' 1x
measure store '^BenchmarkStall$' 1x
measure store '^BenchmarkHopper$' 300x
measure store '^BenchmarkAnalystReader$' 1x

# A line of go test: name, iterations, then pairs of value and unit.
awk '
  /^Benchmark/ {
    name = $1; sub(/-[0-9]+$/, "", name)
    for (i = 3; i < NF; i += 2) value[name, $(i + 1)] = $i
  }
  function key(k, name, unit) { if ((name, unit) in value) line = line " " k "=" value[name, unit] }
  function us(k, name) { if ((name, "ns/step") in value) line = line sprintf(" %s=%.2f", k, value[name, "ns/step"] / 1000) }
  END {
    line = "bench"
    key("post_ratio_1", "BenchmarkDeliver/endpoints=1", "ratio")
    key("post_ratio_5", "BenchmarkDeliver/endpoints=5", "ratio")
    key("rest_ratio", "BenchmarkREST/events=all", "rest_ratio")
    key("p50_ms", "BenchmarkCommand", "p50_ms")
    key("p99_ms", "BenchmarkCommand", "p99_ms")
    key("sql_per_event", "BenchmarkDeliver/endpoints=1", "sql/delivery")
    key("cpu_us_per_delivery", "BenchmarkBacklog", "cpu_us/delivery")
    key("stall_p99_ratio", "BenchmarkStall", "stall_p99_ratio")
    key("rss_mb", "BenchmarkBacklog", "rss_mb")
    us("step_us_1e3", "BenchmarkCall/waiting=1000")
    us("step_us_1e6", "BenchmarkCall/waiting=1000000")
    us("step_us_10", "BenchmarkCall/waiting=10")
    key("centre_s", "BenchmarkCentre", "s/centre")
    key("cold_start_ms", "BenchmarkBacklog", "cold_start_ms")
    key("rest_ratio_attempts", "BenchmarkREST/events=attempts", "rest_ratio")
    key("desk_per_s_1", "BenchmarkDesk/callers=1", "commands/s")
    key("desk_per_s_16", "BenchmarkDesk/callers=16", "commands/s")
    key("desk_per_s_256", "BenchmarkDesk/callers=256", "commands/s")
    key("desk_per_s_2048", "BenchmarkDesk/callers=2048", "commands/s")
    key("rest_reports_per_s", "BenchmarkReports", "reports/s")
    key("deliveries_per_s_1", "BenchmarkDeliver/endpoints=1", "deliveries/s")
    key("deliveries_per_s_5", "BenchmarkDeliver/endpoints=5", "deliveries/s")
    key("desk_p50_ms_1", "BenchmarkLatency/endpoints=1", "p50_ms")
    key("desk_p99_ms_1", "BenchmarkLatency/endpoints=1", "p99_ms")
    key("desk_p50_ms_5", "BenchmarkLatency/endpoints=5", "p50_ms")
    key("desk_p99_ms_5", "BenchmarkLatency/endpoints=5", "p99_ms")
    key("import_rows_per_s", "BenchmarkImport", "rows/s")
    key("hopper_ms", "BenchmarkHopper", "hopper_ms")
    key("analyst_ratio", "BenchmarkAnalystReader", "ratio")
    print line
  }' "$out"

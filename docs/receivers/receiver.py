#!/usr/bin/env python3
"""A receiver of offhook's webhooks. Nothing but the standard library.

    WEBHOOK_SECRET=whsec_… python3 receiver.py [port] [database]

It verifies every request, keeps each event once, and knows the order within an
attempt. Put your own work where it says so.
"""
import base64
import hashlib
import hmac
import os
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds between the sender's clock and ours
MAX_BODY = 1 << 20  # more than any event has


def keys(secrets):
    """The keys of one secret, or of several while one replaces the other."""
    return [base64.b64decode(s.strip().removeprefix("whsec_")) for s in secrets.split(",")]


def verify(keys, headers, body, now):
    """Return 0 for a genuine request, else the status that refuses it."""
    event, stamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    if not event or not stamp or not stamp.isascii() or not stamp.isdigit():
        return 400
    if abs(now - int(stamp)) > TOLERANCE:
        return 400  # perhaps genuine, and sent again by somebody who listened
    signed = f"{event}.{stamp}.".encode() + body  # the bytes as they came
    for signature in headers.get("webhook-signature", "").split():
        version, _, value = signature.partition(",")
        for key in keys if version == "v1" else []:
            want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
            if hmac.compare_digest(want, value.encode()):
                return 0
    return 401


class Store:
    """Keeps events. The primary key is what makes a repetition harmless."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False)
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, attempt TEXT, sequence INT, type TEXT, body BLOB)"
        )
        self.db.execute("CREATE INDEX IF NOT EXISTS by_attempt ON events (attempt, sequence)")

    def keep(self, headers, body):
        """Return what the event is: verified, repeated, late or after a gap."""
        event, kind, attempt = headers["webhook-id"], headers.get("Offhook-Event", ""), headers.get("Offhook-Attempt")
        sequence = int(headers.get("Offhook-Sequence") or 0)
        previous = int(headers.get("Offhook-Prev-Sequence") or 0)
        with self.lock, self.db:  # one transaction: the event, and your work
            last = self.db.execute("SELECT coalesce(max(sequence), 0) FROM events WHERE attempt = ?", (attempt,)).fetchone()[0]
            new = self.db.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (event, attempt, sequence, kind, body)
            ).rowcount
            if not new:
                return "repeated"
            # Your own work goes here: json.loads(body) is the event.
            if attempt and sequence < last:
                return "late"  # it was overtaken: the word of the later event stands
            if attempt and previous > last:
                return "after a gap"  # GET /v1/events?attempt_id=… has what is missing
            return "verified"


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection

    def do_POST(self):
        given = self.headers.get("Content-Length", "")
        length = int(given) if given.isascii() and given.isdigit() else -1
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            return self.answer(413, "rejected")
        body = self.rfile.read(length)
        refused = verify(self.server.keys, self.headers, body, time.time())
        if refused:
            return self.answer(refused, "rejected")
        try:
            self.answer(200, self.server.store.keep(self.headers, body))
        except (sqlite3.Error, ValueError) as error:
            self.answer(500, f"not kept ({error})")  # it will come again

    def answer(self, status, verdict):
        h = self.headers
        print(
            f"{verdict} {status} {h.get('Offhook-Event', '-')} attempt {h.get('Offhook-Attempt', '-')} "
            f"sequence {h.get('Offhook-Sequence', '-')}",
            flush=True,
        )
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if not secret.startswith("whsec_"):
        sys.exit("set WEBHOOK_SECRET to the endpoint's secret, which begins with whsec_")
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    server.keys = keys(secret)
    server.store = Store(sys.argv[2] if len(sys.argv) > 2 else "events.db")
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

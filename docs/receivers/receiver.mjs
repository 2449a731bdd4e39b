// A receiver of offhook's webhooks. Nothing but Node's standard library.
//
//   WEBHOOK_SECRET=whsec_… node receiver.mjs [port] [file]
//
// It verifies every request, keeps each event once, and knows the order within
// an attempt. Put your own work where it says so.
import { createHmac, timingSafeEqual } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const tolerance = 5 * 60; // seconds between the sender's clock and ours
const maxBody = 1 << 20; // more than any event has

// verify returns 0 for a genuine request, else the status that refuses it.
function verify(keys, headers, body, now) {
  const id = headers["webhook-id"];
  const stamp = headers["webhook-timestamp"] ?? "";
  if (!id || !/^\d+$/.test(stamp)) return 400;
  // Perhaps genuine, and sent again by somebody who listened.
  if (Math.abs(now - Number(stamp)) > tolerance) return 400;
  for (const signature of (headers["webhook-signature"] ?? "").split(" ")) {
    const [version, value = ""] = signature.split(",");
    if (version !== "v1") continue;
    const given = Buffer.from(value, "base64");
    for (const key of keys) {
      // The bytes as they came: parsing and writing them again changes them.
      const want = createHmac("sha256", key).update(`${id}.${stamp}.`).update(body).digest();
      if (given.length === want.length && timingSafeEqual(given, want)) return 0;
    }
  }
  return 401;
}

// Store keeps events in a file, a line each. With a database, make webhook-id a
// primary key and do your work in the same transaction.
class Store {
  constructor(path) {
    this.seen = new Set();
    this.last = new Map(); // attempt → the highest sequence
    if (existsSync(path)) {
      for (const line of readFileSync(path, "utf8").split("\n")) {
        try {
          this.remember(JSON.parse(line));
        } catch {
          // the end of a line that a crash cut off was never answered with 200
        }
      }
    }
    this.file = openSync(path, "a");
    writeSync(this.file, "\n");
  }

  remember({ id, attempt, sequence }) {
    this.seen.add(id);
    if (attempt) this.last.set(attempt, Math.max(sequence, this.last.get(attempt) ?? 0));
  }

  // keep returns what the event is: verified, repeated, late or after a gap.
  keep(headers, body) {
    const event = {
      id: headers["webhook-id"],
      attempt: headers["offhook-attempt"],
      sequence: Number(headers["offhook-sequence"] ?? 0),
      body: body.toString("utf8"),
    };
    if (this.seen.has(event.id)) return "repeated";
    const last = this.last.get(event.attempt) ?? 0;
    writeSync(this.file, JSON.stringify(event) + "\n");
    fsyncSync(this.file); // who answers 200 has it for good
    this.remember(event);
    // Your own work goes here: JSON.parse(event.body) is the event.
    // One that was overtaken is late: the word of the later event stands.
    if (event.attempt && event.sequence < last) return "late";
    // What is missing stands in GET /v1/events?attempt_id=…
    if (event.attempt && Number(headers["offhook-prev-sequence"] ?? 0) > last) return "after a gap";
    return "verified";
  }

  close() {
    closeSync(this.file);
  }
}

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!secret.startsWith("whsec_")) {
  console.error("set WEBHOOK_SECRET to the endpoint's secret, which begins with whsec_");
  process.exit(2);
}
// One secret, or several while one replaces the other.
const keys = secret.split(",").map((s) => Buffer.from(s.trim().replace(/^whsec_/, ""), "base64"));
const store = new Store(process.argv[3] ?? "events.ndjson");

const server = createServer((request, response) => {
  const headers = request.headers;
  const answer = (status, verdict) => {
    const of = (name) => headers[name] ?? "-";
    console.log(`${verdict} ${status} ${of("offhook-event")} attempt ${of("offhook-attempt")} sequence ${of("offhook-sequence")}`);
    response.writeHead(status, { "Content-Length": 0 }).end();
  };
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size <= maxBody) chunks.push(chunk);
  });
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    const refused = request.method !== "POST" ? 405 : size > maxBody ? 413 : verify(keys, headers, body, Date.now() / 1000);
    if (refused) return answer(refused, "rejected");
    try {
      answer(200, store.keep(headers, body));
    } catch (error) {
      answer(500, `not kept (${error.message})`); // it will come again
    }
  });
});
server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
process.on("SIGINT", () => {
  server.close();
  server.closeAllConnections();
  store.close();
});

// The official TypeScript SDKs' clients, driven by the tests: one JSON command per line in, one JSON answer per line out.
//
//     HUB_TOKEN=... node client.mjs SDK REVISION URL
//
// SDK is v2 (@modelcontextprotocol/client) or v1 (@modelcontextprotocol/sdk); REVISION is what must be negotiated.
// Not a test: it reports what the SDK gives, and judges nothing.
import { createInterface } from "node:readline";

import * as v2 from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const [sdk, revision, url] = process.argv.slice(2);
const modern = revision === "2026-07-28";

/** Something that happens once or more; `next()` waits for the first time not yet waited for. */
class Bell {
  #rung = 0;
  #waiting = [];
  ring() {
    const waiter = this.#waiting.shift();
    if (waiter) waiter();
    else this.#rung += 1;
  }
  next() {
    if (this.#rung > 0) {
      this.#rung -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const opened = new Bell(); // the legacy back channel, a GET, is open
const changed = new Bell(); // the list of tools changed

async function watchedFetch(input, init) {
  const reply = await fetch(input, init);
  if (init?.method === "GET" && reply.ok) opened.ring();
  return reply;
}

const options = {
  requestInit: { headers: { Authorization: `Bearer ${process.env.HUB_TOKEN}` } },
  fetch: watchedFetch,
};
const info = { name: "hub-tests", version: "1.0.0" };
const capabilities = { elicitation: {} };

let client;
if (sdk === "v2") {
  const mode = modern ? { pin: revision } : "legacy";
  client = new v2.Client(info, { capabilities, versionNegotiation: { mode } });
  client.setNotificationHandler("notifications/tools/list_changed", () => changed.ring());
  await client.connect(new v2.StreamableHTTPClientTransport(new URL(url), options));
} else {
  client = new ClientV1(info, { capabilities });
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.ring());
  await client.connect(new TransportV1(new URL(url), options));
}

const commands = {
  async about() {
    const version = sdk === "v2" ? client.getNegotiatedProtocolVersion() : client.transport.protocolVersion;
    return { version, server: client.getServerVersion(), instructions: client.getInstructions() };
  },
  async tools() {
    return (await client.listTools(undefined, sdk === "v2" ? { cacheMode: "refresh" } : undefined)).tools;
  },
  async call({ name, arguments: given }) {
    return client.callTool({ name, arguments: given });
  },
  async read({ uri }) {
    return client.readResource({ uri });
  },
  async listen() {
    if (modern) return (await client.listen({ toolsListChanged: true })).honoredFilter;
    return opened.next();
  },
  async changed() {
    return changed.next();
  },
};

console.log(JSON.stringify({ value: "connected" }));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await commands[command.do](command)) ?? null };
  } catch (wrong) {
    answer = { error: { message: wrong.message, code: wrong.code ?? null } };
  }
  console.log(JSON.stringify(answer));
}
await client.close();
process.exit(0);

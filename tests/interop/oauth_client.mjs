// The official TypeScript SDKs' clients from nothing to a tool call, at a hub where people sign in.
//
//     node oauth_client.mjs SDK URL TOOL ARGUMENTS [CLIENT_METADATA_URL]
//
// SDK is v2 (@modelcontextprotocol/client) or v1 (@modelcontextprotocol/sdk). Prints, one JSON object per line: the page
// a person must visit; who the client is to the hub; the tool's result. What the authorization server says comes to a
// server of this process on loopback. Not a test: it reports what the SDK gives, and judges nothing.
import { once } from "node:events";
import { createServer } from "node:http";

import * as v2 from "@modelcontextprotocol/client";
import { UnauthorizedError as UnauthorizedV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [sdk, url, tool, given, clientMetadataUrl] = process.argv.slice(2);
const tell = (told) => console.log(JSON.stringify(told));

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
const called = new Promise((resolve) => {
  server.on("request", (request, response) => {
    const params = new URL(request.url, redirectUrl).searchParams;
    response.end("You can close this window.");
    if (params.has("code") || params.has("error")) resolve(params);
  });
});

const kept = {};
const provider = {
  clientMetadataUrl,
  redirectUrl,
  clientMetadata: {
    client_name: `TypeScript ${sdk}`,
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  saveDiscoveryState: (state) => void (kept.discovery = state),
  discoveryState: () => kept.discovery,
  state: () => "a state of the client & more",
  redirectToAuthorization: (to) => tell({ visit: to.href }),
};

const info = { name: "hub-tests", version: "1.0.0" };
const Unauthorized = sdk === "v2" ? v2.UnauthorizedError : UnauthorizedV1;
const client = () =>
  sdk === "v2" ? new v2.Client(info, { versionNegotiation: { mode: "auto" } }) : new ClientV1(info);
const transport = () => {
  const options = { authProvider: provider };
  const target = new URL(url);
  return sdk === "v2" ? new v2.StreamableHTTPClientTransport(target, options) : new TransportV1(target, options);
};

const first = transport();
try {
  await client().connect(first);
  throw new Error("the hub let a client in that nobody had allowed");
} catch (wrong) {
  if (!(wrong instanceof Unauthorized)) throw wrong;
}
const params = await called;
if (params.has("error")) {
  tell({ refused: params.get("error"), state: params.get("state"), iss: params.get("iss") });
  process.exit(0);
}
// v2 takes the whole answer and looks at its issuer (RFC 9207); v1 takes the code.
await first.finishAuth(sdk === "v2" ? params : params.get("code"));
tell({ client: kept.client.client_id, state: params.get("state") });

const connected = client();
await connected.connect(transport());
tell({ result: await connected.callTool({ name: tool, arguments: JSON.parse(given) }) });
await connected.close();
process.exit(0);

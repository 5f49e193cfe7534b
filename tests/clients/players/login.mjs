// The official TypeScript SDK logs in: discovery, login, refresh, and in 2.x the step to a wider scope.
// The user agrees at once. Prints the texts of the calls, the number of logins, and the errors of the SDK.

import { load } from "./lines.mjs";

const [url, major] = process.argv.slice(2);
const of1 = () => ({
  ...load("@modelcontextprotocol/sdk/client/index.js"),
  ...load("@modelcontextprotocol/sdk/client/auth.js"),
  ...load("@modelcontextprotocol/sdk/client/streamableHttp.js"),
});
const { Client, StreamableHTTPClientTransport, UnauthorizedError } =
  major === "1" ? of1() : load("@modelcontextprotocol/client");

const kept = {};
let logins = 0;
const provider = {
  redirectUrl: "http://127.0.0.1:9/callback",
  clientMetadata: {
    client_name: "tests",
    redirect_uris: ["http://127.0.0.1:9/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  saveDiscoveryState: (state) => { kept.discovery = state; },
  discoveryState: () => kept.discovery,
  async redirectToAuthorization(address) {
    logins += 1;
    const answer = await fetch(address, { redirect: "manual" });
    kept.code = new URL(answer.headers.get("location")).searchParams.get("code");
  },
};

let transport, client;
async function connect() {
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  client = new Client({ name: "tests", version: "1" });
  await client.connect(transport);
}

/** Do something; if that needs a login, finish it and do it once more. */
async function loggedIn(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(kept.code);
    return await work();
  }
}

const texts = [];
async function call(name, args) {
  const result = await loggedIn(() => client.callTool({ name, arguments: args }));
  texts.push(result.content.map((block) => block.text).join(""));
}

await loggedIn(connect);
await call("start_new_game", { botId: "ts", weapon: "mace" });
kept.tokens = { ...kept.tokens, access_token: "spoiled" };
await call("get_game_state", { botId: "ts" });
if (major !== "1") await call("handle_inputs", { botId: "ts", inputs: ["1"] });
await client.close();
process.stdout.write(`${JSON.stringify({ texts, logins, scope: kept.tokens.scope })}\n`);

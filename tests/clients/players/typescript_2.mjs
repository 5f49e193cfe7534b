// The official TypeScript SDK 2.x in each way of negotiating a revision.

import { answerCalls, load } from "./lines.mjs";

const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");
const { StdioClientTransport } = load("@modelcontextprotocol/client/stdio");

const [target, mode] = [JSON.parse(process.argv[2]), process.argv[3]];
const transport = target.url
  ? new StreamableHTTPClientTransport(new URL(target.url))
  : new StdioClientTransport(target);
const wanted = mode.split("+")[0];
const client = new Client(
  { name: "tests", version: "1" },
  { versionNegotiation: { mode: /^\d/.test(wanted) ? { pin: wanted } : wanted } },
);
await client.connect(transport);
await answerCalls(client, client.getNegotiatedProtocolVersion(), mode);

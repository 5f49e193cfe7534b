// Passes calls from standard input to a client, one JSON object a line, and prints what the client hands over.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

/** Load a package from the working directory, where the part node-clients installs it. */
export const load = createRequire(`${process.cwd()}/`);

const print = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Print a text or, if the mode asks for it and there is one, the structured content. */
function shown(result, mode) {
  if (mode.includes("structured") && result.structuredContent) return JSON.stringify(result.structuredContent);
  return result.content.map((block) => block.text).join("");
}

export async function answerCalls(client, protocol, mode) {
  const { tools } = await client.listTools();
  const { contents } = await client.readResource({ uri: "dungeonfighter://rules" });
  const { messages } = await client.getPrompt({ name: "play" });
  print({ protocol, tools: tools.length, rules: contents[0].text, prompt: messages[0].content.text });
  for await (const line of createInterface({ input: process.stdin })) {
    const { tool, arguments: args } = JSON.parse(line);
    print({ shown: shown(await client.callTool({ name: tool, arguments: args }), mode) });
  }
  await client.close();
}

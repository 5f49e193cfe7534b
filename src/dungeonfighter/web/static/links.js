// Addresses inside the page: a bot, one of its runs, and a turn of that run.

const WHOLE = /^\d{1,9}$/;

/** Return the address of a bot (`#bot=ada`), of its run or of a turn (`#bot=ada&run=3&turn=117`). */
export function hashOf(bot, run = null, turn = null) {
  const parts = [`bot=${encodeURIComponent(bot)}`];
  if (run !== null) parts.push(`run=${run}`);
  if (turn !== null) parts.push(`turn=${turn}`);
  return `#${parts.join("&")}`;
}

/** Return what an address names, as `{bot, run, turn}` with null for what is missing; null if it names no bot. */
export function placeOf(hash) {
  const found = new Map(hash.replace(/^#/, "").split("&").map((part) => part.split(/=(.*)/s, 2)));
  const bot = decoded(found.get("bot") ?? "");
  const whole = (name) => (WHOLE.test(found.get(name) ?? "") ? Number(found.get(name)) : null);
  return bot ? { bot, run: whole("run"), turn: whole("turn") } : null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a % that begins no escape
  }
}

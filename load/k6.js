// A load of bots for k6: open loop, MCP 2026-07-28 over HTTP. docs/load.md explains it.
//
//   k6 run -e URL=http://127.0.0.1:8000 -e BOTS=10000 -e RATE=500 -e SECONDS=30 load/k6.js
//
// State of a bot is not state of a virtual user. k6 gives each iteration to any free user, and users share no
// memory. But it numbers the iterations of a scenario without a gap, and that number says all: iteration n is
// the call of bot n % BOTS, in round n / BOTS. Round 0 begins the run of each bot, and round r plays turn r - 1.
// A bot recurs after one whole round, BOTS / RATE seconds, and an answer may take at most nine tenths of
// that; so no two users ever play one bot at once. Where a bot does not stand where the arithmetic has it (a
// call was lost, or a run has ended), the server's refusal names the true position, and the iteration plays
// from there.

import exec from "k6/execution";
import http from "k6/http";
import { Counter, Rate, Trend } from "k6/metrics";

const URL = (__ENV.URL || "http://127.0.0.1:8000").replace(/\/+$/, "").replace(/\/mcp$/, "") + "/mcp";
const BOTS = setting("BOTS", 1000);
const RATE = setting("RATE", 500); // calls a second of all bots together
const WARM_UP = setting("WARM_UP", 5, 0); // seconds after the round that begins the runs
const SECONDS = setting("SECONDS", 30); // measured
const P99_MS = setting("P99_MS", 250); // the threshold
const VUS = Math.min(1000, setting("VUS", Math.max(20, Math.ceil((RATE * P99_MS * 2) / 1000))));
const ROUND_SECONDS = BOTS / RATE;
const TIMEOUT_MS = Math.floor(Math.min(setting("TIMEOUT_MS", 5000), 900 * ROUND_SECONDS));
const TOKEN = __ENV.DUNGEONFIGHTER_TOKEN || "";
const TOKENS_OF_EACH = 3; // the tokens of every third answer are counted, because the count takes time

const MEASURED_FROM = BOTS + WARM_UP * RATE; // the first measured iteration

const answerMs = new Trend("answer_ms", true); // with the time blocked and connecting; of measured turns
const tokens = new Trend("tokens_per_turn");
const acknowledged = new Counter("turns_acknowledged"); // in the warm-up, too
const measured = new Counter("turns_measured");
const begun = new Counter("runs_begun");
const corrected = new Counter("positions_corrected");
const failed = new Rate("calls_failed"); // every failure: a timeout, a status, an error of the tool, a wrong turn

export const options = {
  scenarios: {
    play: {
      executor: "constant-arrival-rate",
      rate: RATE,
      timeUnit: "1s",
      duration: `${Math.round((ROUND_SECONDS + WARM_UP + SECONDS) * 1000)}ms`,
      preAllocatedVUs: VUS, // all of them: users that are added during a test distort it
      maxVUs: VUS,
      gracefulStop: `${Math.ceil(TIMEOUT_MS / 1000) + 1}s`,
    },
  },
  thresholds: {
    dropped_iterations: ["count==0"], // otherwise the load was not offered
    calls_failed: ["rate==0"],
    turns_measured: [`count>=${Math.floor(0.98 * RATE * SECONDS)}`],
    "answer_ms{success:true}": [`p(99)<=${P99_MS}`],
  },
  summaryTrendStats: ["avg", "min", "med", "p(95)", "p(99)", "p(99.9)", "max", "count"],
  noConnectionReuse: __ENV.RECONNECT === "1",
  discardResponseBodies: false,
  systemTags: ["status", "name", "scenario", "expected_response", "error_code"], // no series for each address
};

export function setup() {
  // A prefix of its own, so that every bot is new and round 0 begins its first run.
  return { prefix: __ENV.PREFIX || `k6-${Date.now().toString(36)}` };
}

export default function (shared) {
  const number = exec.scenario.iterationInTest;
  const bot = `${shared.prefix}-${String(number % BOTS).padStart(5, "0")}`;
  const round = Math.floor(number / BOTS);
  if (round === 0) {
    begin(bot, number, 1);
  } else {
    play(bot, number, { episode: 1, turn: round - 1 });
  }
}

function begin(bot, number, episode) {
  const answer = call("start_new_game", bot, number, {
    name: bot.slice(0, 24), seed: number % BOTS, mode: "casual", episode,
  });
  const ok = !answer.code && answer.episode === episode && answer.turn === 0;
  note(answer, ok, "start_new_game", `episode ${episode}`);
  if (ok) begun.add(1);
}

function play(bot, number, place) {
  let answer = turn(bot, number, place);
  if ((answer.code === "stale_turn" || answer.code === "future_turn") && answer.episode > 0) {
    corrected.add(1);
    place = { episode: answer.episode, turn: answer.turn };
    answer = turn(bot, number, place);
  }
  if (answer.code === "run_over") {
    begin(bot, number, place.episode + 1);
    return;
  }
  const ok = !answer.code && answer.episode === place.episode && answer.turn === place.turn + 1;
  note(answer, ok, "handle_input", `e${place.episode} t${place.turn + 1}`);
  if (ok) acknowledged.add(1);
  if (number >= MEASURED_FROM) {
    answerMs.add(answer.ms, { success: String(ok) });
    if (ok) measured.add(1);
    const share = number + Math.floor(number / BOTS); // not the same bots in each round
    if (ok && share % TOKENS_OF_EACH === 0) tokens.add(countTokens(answer.text));
  }
}

function turn(bot, number, place) {
  return call("handle_input", bot, number, { input: "1", turn: place.turn, episode: place.episode });
}

function note(answer, ok, tool, wanted) {
  failed.add(!ok);
  if (!ok) {
    const found = answer.code || `e${answer.episode} t${answer.turn}`;
    console.error(`${tool}: wanted ${wanted}, got ${found}: ${answer.text.split("\n")[0].slice(0, 160)}`);
  }
}

// Returns {code, text, episode, turn, ms}: the code is "" for a success, else one of docs/tools.md, "http_" and
// the status, or the cause that k6 names.
function call(tool, bot, id, args) {
  const body = JSON.stringify({
    jsonrpc: "2.0", id, method: "tools/call",
    params: {
      name: tool,
      arguments: Object.assign({ botId: bot, view: "text" }, args),
      _meta: {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { name: "dungeonfighter-k6", version: "1" },
      },
    },
  });
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": tool,
    "Mcp-Param-Bot-Id": bot,
  };
  if (TOKEN) headers.Authorization = `Bearer ${TOKEN}`;
  const phase = id < MEASURED_FROM ? "warm-up" : "measured";
  const response = http.post(URL, body, { headers, timeout: `${TIMEOUT_MS}ms`, tags: { name: tool, phase } });
  const times = response.timings;
  const answer = { code: "", text: "", episode: -1, turn: -1, ms: times.blocked + times.connecting + times.duration };
  if (response.error) {
    answer.code = `k6_${response.error_code}`;
    answer.text = response.error;
  } else if (response.status !== 200) {
    answer.code = `http_${response.status}`;
    answer.text = String(response.body || "");
  } else {
    read(response.body, answer);
  }
  return answer;
}

function read(body, answer) {
  let reply;
  try {
    reply = JSON.parse(body);
  } catch (_) {
    answer.code = "bad_answer";
    return;
  }
  const result = reply.result;
  if (!result) {
    answer.code = `rpc_${reply.error ? reply.error.code : "none"}`;
    return;
  }
  answer.text = result.content && result.content.length ? result.content[0].text : "";
  if (result.isError) {
    const refusal = result.structuredContent || {};
    answer.code = refusal.code || "unnamed_error";
    answer.episode = typeof refusal.episode === "number" ? refusal.episode : -1;
    answer.turn = typeof refusal.turn === "number" ? refusal.turn : -1;
    return;
  }
  const place = /^e(\d+) t(\d+) \|/.exec(answer.text);
  if (place) {
    answer.episode = Number(place[1]);
    answer.turn = Number(place[2]);
  } else {
    answer.code = "bad_answer";
  }
}

// The same estimate as src/dungeonfighter/telemetry/tokens.py, for texts in ASCII.
const PIECE = /'(?:[sdmtSDMT]|ll|ve|re)|(?:[^\r\n\w]|_)?[A-Za-z]+|\d{1,3}| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]|\s+/g;
const SPACED = [100, 100, 100, 102, 106, 110, 110, 122, 135, 140];
const SPACED_CAPITAL = [100, 100, 105, 110, 120, 125, 140, 160, 180, 200];
const BARE = [100, 100, 102, 105, 115, 122, 125, 140, 180, 190];
const BARE_CAPITAL = [100, 100, 102, 110, 145, 155, 190, 240, 245, 260];

function countTokens(text) {
  let hundredths = 0;
  for (const piece of text.match(PIECE) || []) {
    const last = piece[piece.length - 1];
    if (piece[0] !== "'" && /[A-Za-z]/.test(last)) hundredths += wordCost(piece);
    else if (/[\s\d]/.test(last) && !/[^\s\w]|_/.test(piece)) hundredths += 100;
    else if (piece[0] === "'" && /[A-Za-z]/.test(last)) hundredths += 100;
    else hundredths += 100 + Math.max(0, piece.length - 4) * 45;
  }
  return Math.ceil((hundredths * 102) / 10000);
}

function wordCost(piece) {
  const letters = piece.length === 1 || /[A-Za-z]/.test(piece[0]) ? piece : piece.slice(1);
  const capital = letters[0] !== letters[0].toLowerCase();
  const table = piece[0] === " " ? (capital ? SPACED_CAPITAL : SPACED) : capital ? BARE_CAPITAL : BARE;
  return letters.length < 10 ? table[letters.length] : table[9] + (letters.length - 9) * 15;
}

export function handleSummary(summary) {
  const value = (metric, stat) => {
    const found = summary.metrics[metric];
    return found && found.values[stat] !== undefined ? found.values[stat] : 0;
  };
  const crossed = [];
  for (const [name, metric] of Object.entries(summary.metrics)) {
    for (const [rule, outcome] of Object.entries(metric.thresholds || {})) {
      if (!outcome.ok) crossed.push(`${name}: ${rule} was not kept`);
    }
  }
  const turns = value("turns_measured", "count");
  const result = {
    tool: "k6",
    url: URL, bots: BOTS, rate: RATE, warm_up: ROUND_SECONDS + WARM_UP, seconds: SECONDS,
    turns, turns_per_second: turns / SECONDS,
    acknowledged: value("turns_acknowledged", "count"),
    runs_begun: value("runs_begun", "count"),
    calls_failed: value("calls_failed", "passes"),
    positions_corrected: value("positions_corrected", "count"),
    missed_starts: value("dropped_iterations", "count"),
    tokens_per_turn: value("tokens_per_turn", "avg"),
    answer_ms: {
      p50: value("answer_ms{success:true}", "med"), p95: value("answer_ms{success:true}", "p(95)"),
      p99: value("answer_ms{success:true}", "p(99)"), p999: value("answer_ms{success:true}", "p(99.9)"),
      max: value("answer_ms{success:true}", "max"),
    },
    // Unix seconds; the summary is made at once after the last iteration.
    measured_at: (Date.now() - summary.state.testRunDurationMs) / 1000 + ROUND_SECONDS + WARM_UP,
    failures: crossed,
  };
  const ms = result.answer_ms;
  const line =
    `k6: ${BOTS} bots, ${turns} turns in ${SECONDS} s, ${result.turns_per_second.toFixed(1)} turns/s, ` +
    `p50 ${ms.p50.toFixed(2)} ms, p99 ${ms.p99.toFixed(2)} ms, ${result.calls_failed} failed, ` +
    `${result.missed_starts} missed starts, ${result.tokens_per_turn.toFixed(1)} tokens a turn: ` +
    `${crossed.length ? `FAILED, ${crossed.join("; ")}` : "passed"}\n`;
  const files = { stdout: line };
  if (__ENV.RESULT) files[__ENV.RESULT] = JSON.stringify(result, null, 2) + "\n";
  return files;
}

function setting(name, otherwise, least = 1) {
  const value = Number(__ENV[name] || otherwise);
  if (!Number.isFinite(value) || value < least) {
    throw new Error(`${name}: ${__ENV[name]} must be a number of at least ${least}`);
  }
  return value;
}

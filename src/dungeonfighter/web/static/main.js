// The watch page: it draws the events of one stream from the server.
import { link, markChosen, showAll, showPlaying } from "./bots.js";
import { drawCurve, drawScores } from "./charts.js";
import { byId, duration, make, number } from "./dom.js";
import { clearHero, showHero, showTrouble } from "./hero.js";

const HISTORY = 180;
const BUCKET_POINTS = 3;
const RETRY_MS = 2000;
const BOT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const BAD_ID = "A bot id is 1 to 128 letters, digits, “.”, “_” and “-”, the first a letter or digit.";
let stream = null;
let history = [];
let summary = null;
let chosen = null;
let paging = null; // null: the bots that played last; otherwise the last id of the page of all bots, "" at the end
let retry = 0;

function connect() {
  clearTimeout(retry);
  stream?.close();
  stream = new EventSource(chosen ? `/api/events?bot=${encodeURIComponent(chosen)}` : "/api/events");
  stream.addEventListener("open", () => setStatus("live", "live"));
  stream.addEventListener("history", (event) => { history = JSON.parse(event.data).slice(-HISTORY); drawCharts(); });
  stream.addEventListener("summary", (event) => showSummary(JSON.parse(event.data)));
  stream.addEventListener("bot", (event) => {
    const detail = JSON.parse(event.data);
    if (detail.botId === chosen) showHero(detail);
  });
  stream.addEventListener("trouble", (event) => showTrouble(JSON.parse(event.data).message));
  stream.addEventListener("error", () => {
    setStatus("lost", "connection lost, trying again");
    stream.close(); // the browser would retry at its own pace, while the server may be restarting
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MS);
  });
}

function setStatus(state, text) {
  const status = byId("status");
  status.dataset.state = state;
  if (status.textContent !== text) status.textContent = text;
}

function showSummary(next) {
  if (summary) history = [...history, next.turnsPerSecond].slice(-HISTORY);
  summary = next;
  setStatus(next.storeUp ? "live" : "lost", next.storeUp ? "live" : "the store does not answer");
  showHazards(next.hazards ?? []);
  byId("rate").textContent = number(Math.round(next.turnsPerSecond));
  byId("hot").textContent = number(next.hotGames);
  byId("turns").textContent = number(next.turns);
  byId("ended").textContent = number(next.runsEnded);
  byId("ended-label").textContent = ["runs ended", ...Object.entries(next.results).map(([result, count]) => `${count} ${result}`)].join(" · ");
  byId("batch").textContent = number(next.rowsPerBatch);
  byId("about").textContent = `version ${next.version}, up ${duration(next.uptimeSeconds)}`;
  byId("scores-note").textContent = next.sampled < next.hotGames ? `of the ${next.sampled} that played last` : "being played now";
  drawCharts();
  if (paging === null) showPlaying(next.playing, chosen);
  showRuns("top", next.top);
  showRuns("recent", next.recent);
  if (!chosen && !location.hash && next.playing.length) choose(next.playing[0].botId);
}

/** Show a warning across the page while a setting of the store can lose turns. */
function showHazards(hazards) {
  const text = hazards.length ? `Acknowledged turns can be lost: ${hazards.join(" ")}` : "";
  const line = byId("hazards");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = !text;
}

function drawCharts() {
  drawCurve(byId("rate-chart"), history, HISTORY);
  drawScores(byId("score-chart"), summary?.scores ?? [], BUCKET_POINTS);
}

function showRuns(id, runs) {
  const lines = runs.map((run) => make("li", {}, make("span", { class: "score" }, run.score.toFixed(2)), link(run.botId),
    make("span", { class: "faint" }, `${run.result}, ${number(run.turns)} turns, ${run.mode}`)));
  byId(id).replaceChildren(...(lines.length ? lines : [make("li", { class: "empty" }, "No run has ended yet.")]));
}

function choose(botId) {
  if (botId === chosen) return;
  chosen = botId;
  clearHero(botId);
  markChosen(botId);
  connect();
}

function chooseByHash() {
  const match = /^#bot=(.+)$/.exec(location.hash);
  if (match && isBotId(decoded(match[1]))) choose(decoded(match[1]));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a % that begins no escape
  }
}

/** Check a bot id, and show the reason beside the field if it is not valid. */
function isBotId(text) {
  const good = BOT_ID.test(text);
  byId("find-trouble").textContent = good ? "" : BAD_ID;
  byId("find-id").setAttribute("aria-invalid", String(!good));
  return good;
}

async function turnPage() {
  const answer = await fetch(`/api/bots?count=100${paging ? `&after=${encodeURIComponent(paging)}` : ""}`);
  if (!answer.ok) return;
  const { bots, next } = await answer.json();
  paging = next ?? "";
  showAll(bots, chosen);
  byId("more").textContent = next ? "next 100 by id" : "those that played last";
}

byId("more").addEventListener("click", () => {
  if (paging === "") {
    paging = null;
    byId("more").textContent = "all bots by id";
    if (summary) showPlaying(summary.playing, chosen);
  } else turnPage();
});
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const botId = byId("find-id").value.trim();
  if (botId && isBotId(botId)) location.hash = `bot=${encodeURIComponent(botId)}`;
});
window.addEventListener("hashchange", chooseByHash);
window.addEventListener("resize", drawCharts);
byId("mcp-url").textContent = `${location.origin}/mcp`;
chooseByHash();
if (!chosen) connect();

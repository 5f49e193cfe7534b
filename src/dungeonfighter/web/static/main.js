// The watch page: it draws the events of one stream from the server.
import { link, markChosen, onRowClick, showAll, showPlaying } from "./bots.js";
import { drawCurve, drawScores } from "./charts.js";
import { byId, duration, make, moment, number } from "./dom.js";
import { clearHero, reveal, showHero, showTrouble } from "./hero.js";
import { hashOf, placeOf } from "./links.js";
import { askForToken, showSession } from "./login.js";
import { showHeard, showLost } from "./notice.js";
import { closePlayback, openPlayback } from "./playback.js";
import { noteEpisode, showRunsOf } from "./runs.js";
import { reasonOf, Stream } from "./stream.js";

const HISTORY = 180;
const BUCKET_POINTS = 3;
const BOT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const ID_RULE = "1 to 128 letters, digits, “.”, “_” and “-”, the first a letter or digit";
const FLEET = /^[a-z0-9-]{1,32}\//;
const stream = new Stream(showEvent, lose, askForToken);
let seesAllFleets = null; // unknown until the first event; if so, the name of a bot is its fleet, a slash and its id
let history = [];
let isInHistory = false; // the next summary is of the last moment of the history
let summary = null;
let chosen = null;
let paging = null; // null: the bots that played last; otherwise the last id of the page of all bots, "" at the end

// Every address is relative: the page may stand below a path of another server.
function connect() {
  stream.open(chosen ? `api/events?bot=${encodeURIComponent(chosen)}` : "api/events");
}

function lose(reason, nextTry) {
  byId("main").hidden = false;
  showLost(reason, nextTry);
}

function showEvent(name, value) {
  byId("main").hidden = false;
  byId("log-in").hidden = true;
  if (name === "session") {
    seesAllFleets = value.fleet === null;
    showSession(value);
  } else if (name === "history") {
    history = value.slice(-HISTORY);
    isInHistory = true;
    drawCharts();
  } else if (name === "summary") showSummary(value);
  else if (name === "bot" && value.botId === chosen) {
    showHero(value);
    noteEpisode(value.episode);
  }
  else if (name === "trouble") showTrouble(value.message);
}

function showSummary(next) {
  if (!isInHistory && next.turnsPerSecond !== null) history = [...history, next.turnsPerSecond].slice(-HISTORY);
  isInHistory = false;
  summary = next;
  seesAllFleets ??= false;
  showHeard(next.storeUp);
  showHazards(next.hazards ?? []);
  const since = `since ${moment(next.startedAt * 1000, false)}`;
  showCount("rate", next.turnsPerSecond === null ? null : Math.round(next.turnsPerSecond));
  byId("rate-panel").hidden = next.turnsPerSecond === null;
  showCount("hot", next.hotGames);
  showCount("turns", next.turns);
  byId("turns-label").textContent = `turns committed ${since}`;
  showCount("ended", next.runsEnded);
  byId("ended-label").textContent = [`runs ended ${since}`, ...Object.entries(next.results).map(([result, count]) => `${count} ${result}`)].join(" · ");
  showCount("batch", next.rowsPerBatch);
  byId("about").textContent = `version ${next.version}, up ${duration(next.uptimeSeconds)}`;
  byId("scores-note").textContent = next.sampled && (next.hotGames === null || next.sampled < next.hotGames) ? `of the ${next.sampled} that played last` : "being played now";
  drawCharts();
  if (paging === null) showPlaying(next.playing, chosen);
  showRuns("live", next.live, (run) => `turn ${number(run.turn)}, ${kind(run)}`, "No run is being played.");
  showRuns("top", next.top, ended, "No run has ended yet.", (run) => run.episode);
  showRuns("recent", next.recent, ended, "No run has ended yet.", (run) => run.episode);
  if (!chosen && !location.hash && next.playing.length) choose(next.playing[0].botId);
}

/** Show a number, or hide its tile if the server does not tell it to this caller. */
function showCount(id, value) {
  byId(id).parentElement.hidden = value === null;
  byId(id).textContent = value === null ? "" : number(value);
}

/** Say what a run counts for: only ranked runs compare with each other, and only within their mode. */
const kind = (run) => run.ranked ? `ranked ${run.mode}` : run.mode === "casual" ? run.mode : `${run.mode}, practice`;

const ended = (run) => `${run.result}, ${number(run.turns)} turns, ${kind(run)}`;

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

/** Show a list of runs; it changes only if the runs did, so that a link keeps the focus. `played` is the run that a link plays back. */
function showRuns(id, runs, describe, empty, played = () => null) {
  const texts = JSON.stringify(runs);
  const list = byId(id);
  if (list.dataset.shown === texts) return;
  list.dataset.shown = texts;
  const focused = list.contains(document.activeElement) ? document.activeElement.title : null;
  const lines = runs.map((run) => make("li", { "data-bot": run.botId }, make("span", { class: "score" }, run.score.toFixed(2)),
    link(run.botId, played(run)), make("span", { class: "faint" }, describe(run))));
  list.replaceChildren(...(lines.length ? lines : [make("li", { class: "empty" }, empty)]));
  if (focused) [...list.querySelectorAll("a")].find((one) => one.title === focused)?.focus({ preventScroll: true });
}

function choose(botId) {
  if (botId === chosen) return;
  chosen = botId;
  clearHero(botId);
  closePlayback();
  showRunsOf(botId, askForToken);
  markChosen(botId);
  connect();
}

function chooseByHash() {
  const place = placeOf(location.hash);
  if (!place) return closePlayback();
  if (!isBotId(place.bot)) return;
  choose(place.bot);
  if (place.run === null) closePlayback();
  else openPlayback(place.bot, place.run, place.turn, askForToken);
}

/** Go where a link leads: the focus goes along. */
function follow() {
  chooseByHash();
  if (placeOf(location.hash)?.run != null) byId("playback-title").focus();
}

/** Check a bot id, and show the reason beside the field if it is not valid. */
function isBotId(text) {
  const good = BOT_ID.test(seesAllFleets === false ? text : text.replace(FLEET, ""));
  byId("find-trouble").textContent = good ? "" : `${text ? `“${text.slice(0, 40)}” is not a bot id` : "Type a bot id"}: ${ID_RULE}.`;
  byId("find-id").setAttribute("aria-invalid", String(!good));
  return good;
}

async function turnPage() {
  const answer = await fetch(`api/bots?count=100${paging ? `&after=${encodeURIComponent(paging)}` : ""}`).catch(() => null);
  if (answer?.status === 401) return askForToken();
  byId("more-trouble").textContent = answer?.ok ? "" : `${await reasonOf(answer)}.`;
  if (!answer?.ok) return;
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
  if (!isBotId(botId)) return byId("find-id").focus();
  location.hash = hashOf(botId);
  choose(botId);
  reveal();
});
onRowClick((botId) => { choose(botId); reveal(); });
byId("retry").addEventListener("click", () => stream.retry());
window.addEventListener("online", () => stream.retry());
window.addEventListener("hashchange", follow);
document.addEventListener("click", (event) => {
  const followed = event.target.closest('a[href^="#bot="]');
  if (followed?.hash === location.hash) follow(); // the browser does nothing where the address stays the same
});
window.addEventListener("resize", drawCharts);
byId("mcp-url").textContent = new URL("mcp", document.baseURI);
byId("fleet-command").textContent = `dungeonfighter fleet ${new URL(".", document.baseURI)}`;
chooseByHash();
if (!chosen) connect();

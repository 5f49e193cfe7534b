// The playback of one run: play, pause, step, a slider, the keyboard, and a link to each turn.
import { byId, make, number } from "./dom.js";
import { gauge } from "./hero.js";
import { hashOf } from "./links.js";
import { Run } from "./parts.js";

const SETTLED_MS = 300; // without a further step; then the address follows, and a screen reader hears the turn
const SCRUB_MS = 120; // a slider that moves asks for the place where it rests
const LIVE_MS = 2000;
const AHEAD_TURNS = 40;
const LEAP = 10;
const beginnings = { load: "loaded from a save", fork: "forked", import: "imported", reset: "begun by a reset" };

let run = null; // the Run that is shown
let turn = 0;
let isPlaying = false;
let isReading = false;
let playTimer = 0;
let readTimer = 0;
let settleTimer = 0;
let remark = ""; // stays until the next step
let onStranger = () => {};

/** Show a run of a bot at a turn, null for its first one. `stranger()` is called if the server asks for credentials. */
export async function openPlayback(bot, episode, at, stranger) {
  onStranger = stranger;
  if (run?.bot === bot && run.number === episode && run.about) {
    pause();
    return at === null ? undefined : goTo(at);
  }
  closePlayback();
  const opened = run = new Run(bot, episode);
  byId("hero").setAttribute("data-playback", "");
  byId("playback").hidden = false;
  byId("playback-body").hidden = true;
  byId("playback-title").textContent = `Run ${episode}, played back`;
  byId("playback-line").textContent = "loading";
  byId("playback-live").href = hashOf(bot);
  await begin(opened, at);
}

/** Put the live game back in the place of the playback. */
export function closePlayback() {
  pause();
  [readTimer, settleTimer].forEach(clearTimeout);
  run?.close();
  run = null;
  isReading = false;
  remark = "";
  complain("");
  byId("playback").hidden = true;
  byId("hero").removeAttribute("data-playback");
}

async function begin(opened, at) {
  if (!(await read(opened, () => opened.begin(), () => begin(opened, at)))) return;
  byId("playback-body").hidden = false;
  const { firstTurn, lastTurn } = opened.about;
  goTo(at ?? firstTurn);
  if (at === null || at === turn) return;
  remark = `Run ${opened.number} goes from turn ${firstTurn} to ${lastTurn}, so it has no turn ${at}.`;
  complain(remark);
}

/** Do one read; show why it failed, and call `again` when another attempt makes sense. Return true if it succeeded. */
async function read(opened, work, again) {
  isReading = true;
  let failure = null;
  try {
    await work();
  } catch (error) {
    failure = error;
  }
  if (run !== opened) return false;
  isReading = false;
  if (failure) refuse(opened, failure, again);
  else {
    complain(remark);
    describe();
  }
  return !failure;
}

function refuse(opened, { message, retryMs = 0, status }, again) {
  if (status === 401) return onStranger();
  if (!opened.about) byId("playback-line").textContent = "";
  if (!retryMs) pause();
  const next = retryMs ? `. Trying again in ${Math.ceil(retryMs / 1000)} s` : "";
  complain(`Run ${opened.number} cannot be played back: ${message}${next}.`);
  if (retryMs) readTimer = setTimeout(() => run === opened && again(), retryMs);
}

function complain(text) {
  const line = byId("playback-trouble");
  if (line.textContent !== text) line.textContent = text;
}

/** Show what is known about the whole run. */
function describe() {
  const { about } = run;
  const parent = about.parentEpisode && about.origin !== "reset" ? ` (run ${about.parentEpisode})` : "";
  byId("playback-line").textContent = [
    about.result === "live" ? "goes on" : about.result, `turns ${number(about.firstTurn)} to ${number(about.lastTurn)}`,
    `score ${about.score.toFixed(2)}`, about.mode, about.ranked ? "ranked" : "",
    about.origin in beginnings ? `${beginnings[about.origin]}${about.origin === "load" ? parent : ""}` : "",
  ].filter(Boolean).join(" · ");
  for (const id of ["playback-slider", "playback-turn"]) {
    byId(id).min = about.firstTurn;
    byId(id).max = about.lastTurn;
  }
  byId("playback-last-turn").textContent = `of ${number(about.lastTurn)}`;
}

/** Go to a turn, or to the nearest one that the run has. */
function goTo(wanted) {
  if (!run?.about) return;
  remark = "";
  complain("");
  turn = Math.max(run.about.firstTurn, Math.min(run.about.lastTurn, wanted));
  draw();
}

function draw() {
  const { firstTurn, lastTurn, result } = run.about;
  const slider = byId("playback-slider");
  slider.value = turn;
  slider.setAttribute("aria-valuetext", `turn ${turn} of ${lastTurn}`);
  if (document.activeElement !== byId("playback-turn")) byId("playback-turn").value = turn;
  const link = byId("playback-link");
  link.href = hashOf(run.bot, run.number, turn);
  link.textContent = `Link to turn ${number(turn)}`;
  for (const id of ["playback-first", "playback-back"]) byId(id).setAttribute("aria-disabled", String(turn <= firstTurn));
  for (const id of ["playback-next", "playback-last"]) byId(id).setAttribute("aria-disabled", String(turn >= lastTurn && result !== "live"));
  const moment = run.at(turn);
  byId("playback-body").toggleAttribute("data-loading", !moment);
  if (moment) drawMoment(moment);
  else {
    byId("playback-input").textContent = "Loading this turn.";
    readSoon();
  }
  if (moment && turn < lastTurn && !isReading) {
    const ahead = Math.min(lastTurn, turn + AHEAD_TURNS);
    if (isPlaying && !run.at(ahead)) readPart(ahead);
  }
  clearTimeout(settleTimer);
  settleTimer = setTimeout(settle, SETTLED_MS);
}

function drawMoment(moment) {
  const next = turn < run.about.lastTurn ? run.at(turn + 1) : null;
  byId("playback-text").textContent = moment.text;
  byId("playback-input").replaceChildren(...(next ? ["Its agent answers ", make("code", {}, next.input)]
    : [moment.over ? "The run is over." : turn < run.about.lastTurn ? "" : "This is the last turn."]));
  const gauges = [gauge("hero", `health, level ${moment.level}`, moment.health, moment.healthMax)];
  if (moment.place) gauges.push(gauge("xp", moment.place, moment.room, moment.rooms, " rooms"));
  if (moment.enemy) gauges.push(gauge("enemy", moment.enemy, moment.enemyHealth, moment.enemyHealthMax));
  byId("playback-gauges").replaceChildren(...gauges);
  byId("playback-score").textContent = `score ${moment.score.toFixed(2)}`;
}

function readSoon() {
  clearTimeout(readTimer);
  readTimer = setTimeout(() => isReading || readPart(turn), isPlaying ? 0 : SCRUB_MS);
}

/** Read the part of a turn, and then that of the present one if it is another. */
async function readPart(wanted) {
  const opened = run;
  if (opened && await read(opened, () => opened.load(wanted), () => readPart(turn))) draw();
}

/** The place stays for a moment: the address names it, and a screen reader hears it once. */
function settle() {
  if (!run?.about || isPlaying) return;
  history.replaceState(null, "", hashOf(run.bot, run.number, turn));
  if (document.activeElement !== byId("playback-slider")) byId("playback-status").textContent = `turn ${turn} of ${run.about.lastTurn}`;
}

function pause() {
  isPlaying = false;
  clearTimeout(playTimer);
  byId("playback-play").textContent = "Play";
  if (run?.about) {
    clearTimeout(settleTimer);
    settleTimer = setTimeout(settle, SETTLED_MS);
  }
}

function play() {
  if (!run?.about) return;
  const { firstTurn, lastTurn, result } = run.about;
  if (turn >= lastTurn && result !== "live") goTo(firstTurn);
  isPlaying = true;
  byId("playback-play").textContent = "Pause";
  playOn();
}

const toggle = () => (isPlaying ? pause() : play());

function playOn() {
  clearTimeout(playTimer);
  playTimer = setTimeout(next, 1000 / Number(byId("playback-speed").value));
}

async function next() {
  if (!isPlaying) return;
  if (turn < run.about.lastTurn) {
    if (run.at(turn) && !byId("playback-body").hasAttribute("data-loading")) goTo(turn + 1);
    return playOn();
  }
  if (run.about.result !== "live") return pause();
  if (!isReading) await readPart(turn); // the run goes on: read its new turns
  if (isPlaying) playTimer = setTimeout(next, turn < run.about.lastTurn ? 0 : LIVE_MS);
}

async function step(turns) {
  if (!run?.about) return;
  pause();
  if (turns > 0 && turn === run.about.lastTurn && run.about.result === "live" && !isReading) await readPart(turn);
  goTo(turn + turns);
}

const jump = (end) => run?.about && (pause(), goTo(end === "first" ? run.about.firstTurn : run.about.lastTurn));

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, [type=number]")) return;
  const isSlider = event.target.matches("[type=range]");
  const keys = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => jump("first"), End: () => jump("last"),
    PageUp: () => step(-LEAP), PageDown: () => step(LEAP) };
  const act = event.key === " " && !event.target.matches("button, a, summary") ? toggle : isSlider ? null : keys[event.key];
  if (!act) return; // a slider moves by itself, a button is pressed
  event.preventDefault();
  act();
}

byId("playback-first").addEventListener("click", () => jump("first"));
byId("playback-back").addEventListener("click", () => step(-1));
byId("playback-play").addEventListener("click", toggle);
byId("playback-next").addEventListener("click", () => step(1));
byId("playback-last").addEventListener("click", () => jump("last"));
byId("playback-speed").addEventListener("change", () => isPlaying && playOn());
byId("playback-slider").addEventListener("input", (event) => { pause(); goTo(Number(event.target.value)); });
byId("playback-turn").addEventListener("change", (event) => { pause(); goTo(Number(event.target.value) || 0); event.target.value = turn; });
byId("playback").addEventListener("keydown", onKey);
byId("playback-live").addEventListener("click", () => byId("hero-title").focus({ preventScroll: true }));
if (matchMedia("(prefers-reduced-motion: reduce)").matches) byId("playback-speed").value = "1";

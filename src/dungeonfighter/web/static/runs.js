// The runs of the chosen bot, the last one first; each but a live ranked one is a link to its playback.
import { byId, make, moment, number } from "./dom.js";
import { hashOf } from "./links.js";
import { reasonOf } from "./stream.js";

const COUNT = 20;
let bot = null;
let before = null; // the value for the rest of the list
let episode = 0; // the present run of the list
let onStranger = () => {};

/** Show the runs of this bot when the list is open. */
export function showRunsOf(botId, stranger) {
  bot = botId;
  onStranger = stranger;
  episode = 0;
  byId("bot-runs").replaceChildren();
  byId("bot-runs-more").hidden = true;
  byId("bot-runs-trouble").textContent = "";
  if (byId("bot-runs-box").open) read();
}

/** Tell the list the present run of the bot: a new one belongs into it. */
export function noteEpisode(now) {
  if (byId("bot-runs-box").open && episode && now !== episode) showRunsOf(bot, onStranger);
  episode = now;
}

async function read() {
  const asked = bot;
  const rest = before !== null && byId("bot-runs").children.length ? `&before=${before}` : "";
  const answer = await fetch(`api/bots/${encodeURIComponent(asked)}/runs?count=${COUNT}${rest}`).catch(() => null);
  if (asked !== bot) return;
  if (answer?.status === 401) return onStranger();
  byId("bot-runs-trouble").textContent = answer?.ok ? "" : `${await reasonOf(answer)}.`;
  if (!answer?.ok) return;
  const { runs, next } = await answer.json();
  if (asked !== bot) return;
  before = next;
  const lines = runs.map(line);
  if (rest) byId("bot-runs").append(...lines);
  else byId("bot-runs").replaceChildren(...(lines.length ? lines : [make("li", { class: "empty" }, "No run yet.")]));
  byId("bot-runs-more").hidden = next === null;
}

function line(run) {
  const isLive = run.result === "live";
  const name = `run ${run.episode}`;
  const about = [isLive ? `live, turn ${number(run.turn)}` : `${run.result}, ${number(run.turn)} turns`, run.mode, run.ranked ? "ranked" : "",
    isLive && run.ranked ? "plays back when it is over" : "", run.endedAt ? moment(run.endedAt * 1000, false) : ""].filter(Boolean).join(", ");
  const title = isLive && run.ranked ? make("span", {}, name) : make("a", { href: hashOf(bot, run.episode) }, name);
  return make("li", {}, make("span", { class: "score" }, run.score.toFixed(2)), title, make("span", { class: "faint" }, about));
}

byId("bot-runs-box").addEventListener("toggle", () => {
  if (byId("bot-runs-box").open && bot && !byId("bot-runs").children.length) read();
});
byId("bot-runs-more").addEventListener("click", read);

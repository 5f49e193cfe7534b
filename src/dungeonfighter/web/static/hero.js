// One bot: its gauges, its log while it plays, and the text view that its agent gets.
import { byId, make, number } from "./dom.js";

const LINES_MAX = 400;
const intents = {
  light: "a light blow", normal: "a blow", heavy: "a heavy blow", status: "a spell", defend: "defence", heal: "healing", flee: "flight",
  feint: "a feint", charge: "a charge", crush: "a crushing blow", ward: "a ward", harden: "harder skin", aim: "an aim", drain: "a drain",
  steal: "a theft", summon: "a helper",
};
let shown = null; // {botId, episode, turn, lines}

/** Bring the bot into view, if it is not: on a phone its panel stands below the list. */
export function reveal() {
  const { top } = byId("hero").getBoundingClientRect();
  if (top >= 0 && top < innerHeight / 2) return;
  byId("hero").scrollIntoView();
  byId("hero-title").focus({ preventScroll: true });
}

/** Remove the bot that was shown, and show the name of the next one. */
export function clearHero(botId) {
  shown = null;
  byId("hero-title").textContent = botId ?? "No bot chosen";
  byId("hero-line").textContent = botId ? "loading" : "Choose one from the list: its log appears here as it plays.";
  byId("hero-body").hidden = true;
  byId("log").replaceChildren();
}

/** Show why there is no state of the bot. */
export function showTrouble(message) {
  byId("hero-line").textContent = message;
}

/** Show the newest state of a bot, and append the new lines of its log. */
export function showHero(detail) {
  const { view } = detail;
  const { player } = view;
  byId("hero-title").textContent = detail.botId;
  byId("hero-line").textContent = [
    `${heroName(detail.botId, player)}, level ${player.level}`,
    `run ${detail.episode}, turn ${number(detail.turn)}`,
    `score ${view.score.toFixed(2)}`,
    `${player.gold} gold`,
    view.mode,
    view.isOver ? "run over" : "",
  ].filter(Boolean).join(" · ");
  byId("hero-body").hidden = false;
  showGauges(view);
  showLog(detail);
  byId("text").textContent = detail.text;
  showGear(player);
}

function heroName(botId, player) {
  if (player.name === botId) return player.heroClass || "no weapon yet";
  return player.heroClass ? `${player.name} the ${player.heroClass}` : player.name;
}

/** Make one bar: how much there is of how much, under a name. */
export function gauge(kind, name, value, most, note = "") {
  const fill = make("div", { class: "fill" });
  fill.style.width = `${Math.max(0, Math.min(100, most ? (100 * value) / most : 0))}%`;
  return make("div", { class: "gauge", "data-kind": kind },
    make("span", { class: "name", title: name }, name), make("div", { class: "track" }, fill),
    make("span", { class: "amount" }, `${number(value)} / ${number(most)}${note}`));
}

function showGauges(view) {
  const { player, combat, currentDungeon: dungeon } = view;
  const gauges = [gauge("hero", "health", player.health, player.healthMax), gauge("xp", "experience", player.xp, player.xpNext)];
  if (dungeon) gauges.push(gauge("xp", `${dungeon.name} (level ${dungeon.level})`, dungeon.room, dungeon.rooms, " rooms"));
  if (combat) gauges.push(gauge("enemy", `${combat.enemy}, next: ${intentWords(combat)}`, combat.health, combat.healthMax));
  byId("gauges").replaceChildren(...gauges);
}

function intentWords({ intent, intentAfter }) {
  const [next, after] = [intent, intentAfter].map((each) => intents[each] ?? each);
  return after ? `${next}, then ${after}` : next;
}

/** Count the first lines of `now` that are the last lines of `before`. */
export function overlap(before, now) {
  for (let length = Math.min(before.length, now.length); length > 0; length -= 1) {
    if (now.slice(0, length).every((line, index) => line === before[before.length - length + index])) return length;
  }
  return 0;
}

function showLog(detail) {
  const log = byId("log");
  const lines = detail.view.recentOutput;
  if (shown && shown.episode === detail.episode && shown.turn === detail.turn) return;
  const sameRun = shown && shown.episode === detail.episode && detail.turn > shown.turn;
  const known = sameRun ? overlap(shown.lines, lines) : 0;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const fresh = [];
  if (!sameRun) fresh.push(make("p", { class: "mark" }, `run ${detail.episode}, up to turn ${detail.turn}`));
  else {
    fresh.push(make("p", { class: "mark" }, `turn ${detail.turn}`));
    if (!known && shown.lines.length) fresh.push(make("p", { class: "gap" }, "…"));
  }
  for (const line of lines.slice(known)) fresh.push(make("p", {}, line));
  log.append(...fresh);
  while (log.children.length > LINES_MAX) log.firstChild.remove();
  if (atEnd || !shown) log.scrollTop = log.scrollHeight;
  shown = { episode: detail.episode, turn: detail.turn, lines };
}

function showGear(player) {
  const entries = [
    ["stats", `STR ${player.strength}, AGI ${player.agility}, TEC ${player.technique}, INT ${player.intelligence}`],
    ["damage, armour", `${player.damage}, ${player.armour}`],
    ["strip", player.strip.join(" → ") || "none"],
    ["talents", player.talents.join(", ") || "none"],
    ...player.worn.map((item) => [item.slot, `${item.name} (${item.rarity}, level ${item.level})`]),
    ["bag", player.bag.map((item) => item.name).join(", ") || "empty"],
    ["potions", String(player.potions)],
  ];
  byId("gear").replaceChildren(...entries.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
}

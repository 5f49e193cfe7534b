// The list of bots: the bots that played last, or one page of all bots.
import { byId, make, number } from "./dom.js";
import { hashOf } from "./links.js";

const rows = new Map();
const places = { GameLoop: "hub", DungeonSelection: "choosing a dungeon", WeaponSelection: "choosing a weapon", LevelUp: "level up",
  DungeonCompletion: "dungeon cleared", RegionTravel: "travelling", Inventory: "inventory", Death: "dead", Victory: "victory" };

/** Make the link that chooses a bot, or plays a run of it back; it is a real link, so that keyboard and middle click work. */
export const link = (botId, run = null) => make("a", { href: hashOf(botId, run), title: run === null ? botId : `${botId}, run ${run}` }, botId);

/** Call `choose(botId)` for a click anywhere in a row of a bot. */
export function onRowClick(choose) {
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-bot]");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("a")) choose(row.dataset.bot);
    else if (getSelection().isCollapsed) row.querySelector("a").click();
  });
}

function row(botId) {
  let entry = rows.get(botId);
  if (!entry) {
    const cells = ["", "right", "", "right", "right"].map((kind) => make("td", kind ? { class: kind } : {}));
    entry = { element: make("tr", { "data-bot": botId }, make("td", {}, link(botId)), ...cells), cells };
    rows.set(botId, entry);
  }
  return entry;
}

function fill(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

function heroName(card) {
  if (card.name === card.botId) return card.kind || "no weapon yet";
  return card.kind ? `${card.name} the ${card.kind}` : card.name;
}

function where(card) {
  const state = places[card.state] ?? card.state.toLowerCase();
  if (card.over) return "run over";
  return card.place ? `${card.place}, ${state}` : state;
}

/** Show the bots that played last, in order of id, so that rows keep their places. */
export function showPlaying(cards, chosen) {
  const sorted = [...cards].sort((a, b) => a.botId.localeCompare(b.botId, "en", { numeric: true }));
  const body = byId("bot-rows");
  const wanted = sorted.map((card) => {
    const { element, cells } = row(card.botId);
    fill(cells[0], heroName(card));
    fill(cells[1], String(card.level));
    fill(cells[2], where(card));
    fill(cells[3], `e${card.episode} t${number(card.turn)}`);
    fill(cells[4], card.score.toFixed(1));
    return element;
  });
  replaceRows(body, wanted, sorted.map((card) => card.botId));
  markChosen(chosen);
  byId("no-bots").hidden = sorted.length > 0;
}

function replaceRows(body, wanted, ids) {
  const same = body.children.length === wanted.length && wanted.every((element, index) => body.children[index] === element);
  if (!same) {
    const focused = document.activeElement;
    const hadFocus = body.contains(focused);
    body.replaceChildren(...wanted);
    if (hadFocus && body.contains(focused)) focused.focus({ preventScroll: true });
  }
  const keep = new Set(ids);
  for (const id of rows.keys()) if (!keep.has(id)) rows.delete(id);
}

/** Mark the row of the chosen bot. */
export function markChosen(botId) {
  for (const [id, { element }] of rows) {
    if (id === botId) element.setAttribute("data-chosen", "");
    else element.removeAttribute("data-chosen");
  }
}

/** Show one page of all bots, in the order of the store. */
export function showAll(bots, chosen) {
  const body = byId("bot-rows");
  const elements = bots.map((bot) => {
    const { element, cells } = row(bot.botId);
    ["", "", new Date(bot.updatedAt * 1000).toLocaleString(), `e${bot.episode} t${number(bot.turn)}`, ""]
      .forEach((text, index) => fill(cells[index], text));
    return element;
  });
  replaceRows(body, elements, bots.map((bot) => bot.botId));
  markChosen(chosen);
  byId("no-bots").hidden = bots.length > 0;
}

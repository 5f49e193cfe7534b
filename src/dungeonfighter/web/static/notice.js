// The line above the figures: since when the server or its store does not answer.
import { byId, moment } from "./dom.js";

let heardAt = 0; // of the last summary
let storeDownAt = 0;
let retryAt = 0;

function show(text, isLost) {
  byId("notice").hidden = !text;
  byId("retry").hidden = !isLost;
  byId("main").toggleAttribute("data-stale", isLost);
  if (byId("notice-text").textContent !== text) byId("notice-text").textContent = text;
  countDown();
}

function setStatus(state, text) {
  const status = byId("status");
  status.hidden = false;
  status.dataset.state = state;
  if (status.textContent !== text) status.textContent = text;
}

function countDown() {
  const seconds = Math.ceil((retryAt - Date.now()) / 1000);
  byId("notice-next").textContent = !retryAt ? "" : seconds > 0 ? `Next try in ${seconds} s.` : "Trying now.";
}

/** Show that a summary came, and whether the store answers. */
export function showHeard(storeUp) {
  heardAt = Date.now();
  retryAt = 0;
  storeDownAt = storeUp ? 0 : storeDownAt || heardAt;
  setStatus(storeUp ? "live" : "lost", storeUp ? "live" : "store down");
  show(storeUp ? "" : `The store does not answer since ${moment(storeDownAt)}: turns wait until it does.`, false);
}

/** Show that the page cannot be updated, and dim what it shows. */
export function showLost(reason, nextTry) {
  retryAt = nextTry;
  setStatus("lost", "no connection");
  show(heardAt ? `${reason}. The last figures came at ${moment(heardAt)}.` : `${reason}.`, true);
}

/** Show that the server does not know this browser. */
export function showLoggedOut() {
  heardAt = retryAt = 0;
  setStatus("waiting", "logged out");
  show("", false);
}

setStatus("waiting", "connecting");

setInterval(() => retryAt && countDown(), 1000);

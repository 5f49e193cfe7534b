// The log-in: a token is shown to the server once, and the browser keeps a cookie that scripts cannot read.
import { byId } from "./dom.js";
import { showLoggedOut } from "./notice.js";
import { reasonOf } from "./stream.js";

const PATH = "api/session";
let hadSession = false;

/** Show whose bots the page shows, and the button that logs out. */
export function showSession({ fleet, bots }) {
  hadSession = true;
  byId("log-out").hidden = false;
  byId("who").textContent = fleet === null ? "all fleets" : `fleet ${fleet}${bots === "*" ? "" : `, bots ${bots}`}`;
}

/** Ask for a token in place of the figures. */
export function askForToken() {
  byId("main").hidden = byId("hazards").hidden = byId("log-out").hidden = true;
  showLoggedOut();
  byId("who").textContent = "";
  byId("log-in-title").textContent = hadSession ? "The session has ended: log in again" : "Log in to see your bots";
  if (!byId("log-in").hidden) return;
  byId("log-in").hidden = false;
  byId("token").focus();
}

function complain(text) {
  byId("token-trouble").textContent = text;
  byId("token").setAttribute("aria-invalid", String(text !== ""));
}

async function logIn() {
  const token = byId("token").value.trim();
  if (!token) return complain("Paste an access token.");
  byId("log-in-button").disabled = true;
  const headers = { "content-type": "application/json" };
  const answer = await fetch(PATH, { method: "POST", headers, body: JSON.stringify({ token }) }).catch(() => null);
  byId("log-in-button").disabled = false;
  byId("token").value = "";
  if (answer?.ok) return location.reload(); // the page begins anew, and keeps nothing of another session
  if (answer?.status === 401) complain("This access token is unknown, was revoked, or has expired.");
  else if (answer?.status === 429) complain(`Too many log-ins failed. Try again in ${answer.headers.get("retry-after")} s.`);
  else if (answer?.status === 405) complain("This page has no log-in for the tokens of this server's identity provider.");
  else complain(`${await reasonOf(answer)}.`);
  byId("token").focus();
}

async function logOut() {
  const answer = await fetch(PATH, { method: "DELETE" }).catch(() => null);
  if (answer?.ok) location.replace(location.pathname + location.search); // without the bot of this session
  else byId("who").textContent = `${await reasonOf(answer)}.`;
}

byId("log-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn();
});
byId("log-out").addEventListener("click", logOut);

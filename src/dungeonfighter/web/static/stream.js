// One stream of events from the server, opened again whenever it ends.
// It is read with fetch: EventSource shows neither the status nor the reason of a refusal.

const QUIET_MS = 5000; // the server sends a summary each second
const ANSWER_MS = 10000;
const QUICK_MS = 300;
const PAUSES_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const NO_ANSWER = "The server does not answer";

class Refusal extends Error {
  constructor(reason, seconds, status = 0) {
    super(reason);
    this.seconds = seconds;
    this.status = status;
  }
}

/** Return why a request failed: from the answer of the server, or without one. */
export async function reasonOf(answer) {
  if (!answer) return NO_ANSWER;
  const known = await answer.json().catch(() => null);
  const message = known?.error?.message;
  return `The server refuses this (${answer.status}${message ? `: ${message}` : ""})`;
}

/**
 * A stream that comes back by itself, after growing pauses.
 *
 * `onEvent(name, value)` gets every event. `onLost(reason, retryAt)` is called after every attempt that failed, with
 * the moment of the next one (milliseconds). A good stream that ends is tried again once before that.
 * `onStranger()` is called if the server asks for credentials; then there is no further attempt before `retry`.
 */
export class Stream {
  #path = "";
  #onEvent;
  #onLost;
  #onStranger;
  #attempt = null; // {abort, until, events}
  #failures = 0;
  #timer = 0;

  constructor(onEvent, onLost, onStranger) {
    this.#onEvent = onEvent;
    this.#onLost = onLost;
    this.#onStranger = onStranger;
    setInterval(() => this.#endIfQuiet(), 1000);
  }

  /** Read from this address from now on. */
  open(path) {
    this.#path = path;
    this.retry();
  }

  /** Try at once. */
  retry() {
    clearTimeout(this.#timer);
    this.#attempt?.abort.abort();
    this.#run();
  }

  async #run() {
    const attempt = this.#attempt = { abort: new AbortController(), until: Date.now() + ANSWER_MS, events: 0, isQuiet: false };
    let reason = NO_ANSWER;
    let seconds = 0;
    let status = 0;
    try {
      const answer = await fetch(this.#path, { signal: attempt.abort.signal, cache: "no-store", headers: { accept: "text/event-stream" } });
      const kind = answer.headers.get("content-type") ?? "";
      if (!answer.ok) throw new Refusal(await reasonOf(answer), Number(answer.headers.get("retry-after")) || 0, answer.status);
      if (!kind.startsWith("text/event-stream")) throw new Refusal("The answer is not from a DungeonFighter server", 0);
      await this.#read(answer.body, attempt);
    } catch (error) {
      if (error instanceof Refusal) ({ message: reason, seconds, status } = error);
    }
    if (attempt !== this.#attempt) return;
    if (status === 401) this.#leave();
    else this.#ended(attempt, reason, seconds);
  }

  #leave() {
    this.#attempt = null;
    this.#failures = 0;
    this.#onStranger();
  }

  async #read(body, attempt) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || attempt !== this.#attempt) return;
      attempt.until = Date.now() + QUIET_MS;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) this.#take(block, attempt);
    }
  }

  #take(block, attempt) {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
    if (!name) return;
    attempt.events += 1;
    if (attempt.events > 3) this.#failures = 0; // it lives longer than its first events
    this.#onEvent(name, JSON.parse(data));
  }

  #ended(attempt, reason, seconds) {
    const wasGood = attempt.events > 3 && !attempt.isQuiet;
    this.#failures += wasGood ? 0 : 1;
    const pause = wasGood ? QUICK_MS
      : Math.max(seconds * 1000, PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length) - 1] * (0.8 + Math.random() / 2.5));
    this.#timer = setTimeout(() => this.#run(), pause);
    if (!wasGood) this.#onLost(reason, Date.now() + pause);
  }

  #endIfQuiet() {
    const attempt = this.#attempt;
    if (!attempt || attempt.abort.signal.aborted || Date.now() < attempt.until) return;
    attempt.isQuiet = true;
    attempt.abort.abort();
  }
}

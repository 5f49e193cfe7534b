// The turns of one run, read from the server in parts of some turns.

const TURNS = 100; // in one part
const PARTS_MAX = 40;
const WAIT_MS = 3000;
const BUSY = [429, 503];

/** Why a part is not there: `message` in words; `retryMs` until the next attempt makes sense, 0 for never. */
export class NotThere extends Error {
  constructor(message, retryMs = 0, status = 0) {
    super(message);
    this.retryMs = retryMs;
    this.status = status;
  }
}

/** A run: `about` is what the server says about it, null before the first part came. */
export class Run {
  about = null;
  #address;
  #parts = new Map(); // by number, the last one used at the end
  #abort = new AbortController();

  constructor(bot, number) {
    this.bot = bot;
    this.number = number;
    this.#address = `api/bots/${encodeURIComponent(bot)}/runs/${number}`;
  }

  /** Read what is known about the run, with its first part. */
  async begin() {
    await this.#read("", 0);
  }

  #numberOf(turn) {
    return Math.floor((turn - this.about.firstTurn) / TURNS);
  }

  /** Return one turn if it was read; else null. */
  at(turn) {
    const number = this.#numberOf(turn);
    const part = this.#parts.get(number);
    if (!part) return null;
    this.#parts.delete(number);
    this.#parts.set(number, part);
    return part[turn - this.about.firstTurn - number * TURNS] ?? null;
  }

  /** Read the part of a turn anew. */
  async load(turn) {
    const number = this.#numberOf(turn);
    await this.#read(`from=${this.about.firstTurn + number * TURNS}&`, number);
  }

  /** Read no more. */
  close() {
    this.#abort.abort();
  }

  async #read(from, number) {
    const answer = await fetch(`${this.#address}?${from}count=${TURNS}`, { cache: "no-store", signal: this.#abort.signal })
      .catch(() => null);
    const value = await answer?.json().catch(() => null);
    if (!answer || !value) throw new NotThere("the server does not answer", WAIT_MS);
    if (!answer.ok) {
      const seconds = BUSY.includes(answer.status) && value.error?.code !== "newer_rules" ? Number(answer.headers.get("retry-after")) || 1 : 0;
      throw new NotThere(value.error?.message ?? `the server answers ${answer.status}`, seconds * 1000, answer.status);
    }
    const { turns, ...about } = value;
    this.about = about;
    this.#parts.delete(number);
    this.#parts.set(number, turns);
    if (this.#parts.size > PARTS_MAX) this.#parts.delete(this.#parts.keys().next().value);
  }
}

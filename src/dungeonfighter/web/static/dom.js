// Functions that build the page. All data of the server becomes text, never markup.

export const byId = (id) => document.getElementById(id);

/** Make an HTML element: `make("td", {class: "right"}, "12")`. Children are elements or texts. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element, with the same arguments. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Format a number: 12345 is "12,345", 3.25 is "3.3". */
export const number = (value) => (Math.abs(value) < 100 && !Number.isInteger(value) ? fine : whole).format(value);

/** Format a moment (milliseconds) as "14:03:22", with the date unless it is of today. */
export function moment(when, seconds = true) {
  const date = new Date(when);
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(seconds && { second: "2-digit" }) };
  const day = date.toDateString() === new Date().toDateString() ? {} : { month: "short", day: "numeric" };
  return date.toLocaleString("en", { ...day, ...clock });
}

/** Format seconds as "1 h 4 min", "3 min" or "12 s". */
export function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

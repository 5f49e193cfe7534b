// Two small charts in SVG: a curve over time and columns by score.
import { draw, number } from "./dom.js";

const HEIGHT = 150;
const FOOT = 18;

/** Return a round number at or above the highest value, so that the scale seldom changes. */
function ceiling(values) {
  const highest = Math.max(1, ...values);
  const unit = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 3, 5, 7.5, 10].map((step) => step * unit).find((step) => step >= highest);
}

function prepare(svg) {
  const width = Math.max(200, svg.clientWidth);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  return { width, floor: HEIGHT - FOOT };
}

/** Draw a curve of `values`, the newest at the right edge; `slots` values fill the width. */
export function drawCurve(svg, values, slots) {
  const { width, floor } = prepare(svg);
  const top = ceiling(values);
  const x = (index) => width - (values.length - 1 - index) * (width / (slots - 1));
  const y = (value) => floor - (value / top) * (floor - 14);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const parts = [
    draw("line", { class: "axis", x1: 0, x2: width, y1: floor, y2: floor }),
    draw("line", { class: "axis", x1: 0, x2: width, y1: y(top), y2: y(top) }),
    draw("text", { x: 0, y: y(top) - 3 }, number(top)),
    draw("text", { x: 0, y: HEIGHT - 4 }, "3 min ago"),
    draw("text", { x: width, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
  ];
  if (points.length > 1) {
    const first = x(0).toFixed(1);
    parts.unshift(draw("polygon", { class: "area", points: `${first},${floor} ${points.join(" ")} ${width},${floor}` }));
    parts.push(draw("polyline", { class: "curve", points: points.join(" ") }));
  }
  svg.replaceChildren(...parts);
  const last = values.at(-1) ?? 0;
  svg.setAttribute("aria-label", `Turns per second over the last three minutes: now ${number(last)}, most ${number(Math.max(0, ...values))}`);
}

/** Draw one column for each bucket of `points` score points, up to the highest bucket in use. */
export function drawScores(svg, counts, points) {
  const { width, floor } = prepare(svg);
  const used = Math.max(8, counts.findLastIndex((count) => count > 0) + 2);
  const shown = counts.slice(0, Math.min(counts.length, used));
  const top = Math.max(1, ...shown);
  const step = width / shown.length;
  const parts = [draw("line", { class: "axis", x1: 0, x2: width, y1: floor, y2: floor })];
  shown.forEach((count, index) => {
    const height = (count / top) * (floor - 18);
    const middle = index * step + step / 2;
    if (count > 0) {
      parts.push(
        draw("rect", { class: "column", x: index * step + 3, width: step - 6, y: floor - Math.max(2, height), height: Math.max(2, height), rx: 2 }),
        draw("text", { x: middle, y: floor - Math.max(2, height) - 4, "text-anchor": "middle" }, String(count)),
      );
    }
    parts.push(draw("text", { x: index * step, y: HEIGHT - 4, "text-anchor": index ? "middle" : "start" }, String(index * points)));
  });
  svg.replaceChildren(...parts);
  const described = counts.map((count, index) => [count, index]).filter(([count]) => count > 0);
  svg.setAttribute("aria-label", `Runs by score: ${described.map(([count, index]) => `${count} from ${index * points} points`).join(", ") || "none"}`);
}

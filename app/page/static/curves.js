// Loss curves, drawn.

import { h, s } from "./elements.js";
import { words } from "./words.js";

const [HEIGHT, LEFT, BOTTOM] = [200, 40, 20];
const HUES = [184, 32, 262, 96, 340, 212, 54, 300];
const POINTS = 320;

/** The running mean of losses, with a weight of .1 for each new one, undistorted at the beginning. */
export function smoothed(losses) {
  let [sum, weight] = [0, 0];
  return losses.map((loss) => {
    sum = 0.9 * sum + 0.1 * loss;
    weight = 0.9 * weight + 0.1;
    return sum / weight;
  });
}

/** One curve per member; `bare` is the loss of the LLM without them, or null. */
export function curvesView(members, bare = null) {
  const curves = members.filter((losses) => losses.length > 1).map(smoothed);
  if (!curves.length) return h("div");
  const width = Math.max(280, Math.min(760, innerWidth - 80));
  const values = curves.flatMap((curve) => curve.slice(Math.min(5, curve.length - 2)));
  if (bare !== null) values.push(bare);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || 1;
  const steps = Math.max(...curves.map((curve) => curve.length));
  const x = (step) => LEFT + (step * (width - LEFT)) / Math.max(1, steps - 1);
  const y = (loss) => 8 + ((high - Math.min(high, loss)) * (HEIGHT - BOTTOM - 8)) / span;
  const line = (curve) => {
    const every = Math.max(1, Math.ceil(curve.length / POINTS));
    const at = curve.map((loss, step) => [step, loss]).filter(([step]) => step % every === 0 || step === curve.length - 1);
    return at.map(([step, loss], index) => `${index ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
  };
  const mean = (pick) => curves.reduce((sum, curve) => sum + pick(curve), 0) / curves.length;
  const drawing = s("svg", {
    class: "curves", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": words.curvesAlt(mean((curve) => curve[0]), mean((curve) => curve.at(-1))),
  },
    [high, low].map((loss) => s("text", { x: 0, y: y(loss) + 4 }, loss.toFixed(2))),
    s("path", { class: "axis", d: `M${LEFT} 0V${HEIGHT - BOTTOM}H${width}` }),
    s("text", { x: LEFT, y: HEIGHT - 4 }, "1"), s("text", { x: width, y: HEIGHT - 4, "text-anchor": "end" }, String(steps)),
    bare !== null && s("path", { class: "bare", d: `M${LEFT} ${y(bare).toFixed(1)}H${width}` }),
    curves.map((curve, member) => s("path", { d: line(curve), stroke: `hsl(${HUES[member % HUES.length]} 45% 48%)` })));
  return h("figure", { class: "figure" }, drawing, h("figcaption", { class: "soft" }, words.curves));
}

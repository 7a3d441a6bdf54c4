/* RNN, GRU and LSTM read one word at a time: the arithmetic of the page "See an LSTM read".

   The same equations as in autograder/reference/layers.py, for one text. A vector is an array. A
   matrix is an array, too, row after row, and multiplies from the right: x @ w. The gates' columns
   stand side by side, in the order i f g o (LSTM) and r z n (GRU). */

export const sigmoid = (x) => 0.5 * (1 + Math.tanh(0.5 * x));

/* x @ weights + bias; `weights` has a row for each number of x and a column for each of bias. */
export function dense(x, weights, bias) {
  const y = Float64Array.from(bias);
  x.forEach((value, row) => {
    const start = row * y.length;
    for (let column = 0; column < y.length; column++) y[column] += value * weights[start + column];
  });
  return y;
}

/* A vector cut into equal blocks, one for each gate. */
function blocks(vector, count) {
  const size = vector.length / count;
  return Array.from({ length: count }, (_, k) => vector.subarray(k * size, (k + 1) * size));
}

const add = (a, b) => a.map((value, unit) => value + b[unit]);

/* A gate as the network computes it, or held: then all its units are at that number. */
const gate = (z, held) => z.map((value) => held ?? sigmoid(value));

/* Each cell takes a word's vector, its own last step and the weights, and returns the next step.
   `held` may name gates to hold, for example { f: 1 }. */
export const cells = {
  rnn(x, { h }, w) {
    return { h: dense(h, w.w_h, dense(x, w.w_x, w.b)).map(Math.tanh) };
  },

  gru(x, { h }, w, held = {}) {
    const [xr, xz, xn] = blocks(dense(x, w.w_x, w.b_x), 3);
    const [hr, hz, hn] = blocks(dense(h, w.w_h, w.b_h), 3);
    const r = gate(add(xr, hr), held.r);
    const z = gate(add(xz, hz), held.z);
    const n = xn.map((value, unit) => Math.tanh(value + r[unit] * hn[unit]));
    return { r, z, n, h: n.map((value, unit) => (1 - z[unit]) * value + z[unit] * h[unit]) };
  },

  lstm(x, { h, c }, w, held = {}) {
    const [zi, zf, zg, zo] = blocks(dense(h, w.w_h, dense(x, w.w_x, w.b)), 4);
    const i = gate(zi, held.i);
    const f = gate(zf, held.f);
    const g = zg.map(Math.tanh);
    const o = gate(zo, held.o);
    const memory = c.map((value, unit) => f[unit] * value + i[unit] * g[unit]);
    return { i, f, g, o, c: memory, h: memory.map((value, unit) => o[unit] * Math.tanh(value)) };
  },
};

/* The step before the first word: nothing remembered. */
export function start(w) {
  const units = w.w_h.length / (w.b ?? w.b_h).length;
  return { h: new Float64Array(units), c: new Float64Array(units) };
}

/* The vector of a word. */
export function vector(id, w) {
  const size = w.w_x.length / (w.b ?? w.b_x).length;
  return w.table.subarray(id * size, (id + 1) * size);
}

/* The probability of "positive" if the review ended here. */
export function verdict({ h }, w) {
  const hidden = dense(h, w.hidden_kernel, w.hidden_bias).map((value) => Math.max(0, value));
  return sigmoid(dense(hidden, w.output_kernel, w.output_bias)[0]);
}

/* Everything that a network computes while it reads: one step for each word. */
export function read(kind, ids, w, held = {}) {
  const steps = [];
  for (const id of ids) {
    const step = cells[kind](vector(id, w), steps.at(-1) ?? start(w), w, held);
    steps.push({ ...step, probability: verdict(step, w) });
  }
  return steps;
}

/* The probability of each next word; word 0, <unk>, is never chosen. */
export function nextWord({ h }, w, temperature) {
  const scores = dense(h, w.output_kernel, w.output_bias).map((score) => score / temperature);
  scores[0] = -Infinity;
  const highest = scores.reduce((a, b) => Math.max(a, b));
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/* The place of `fraction` (from 0 to 1) in the running sum of the probabilities. */
export function draw(probabilities, fraction) {
  let sum = 0;
  const found = probabilities.findIndex((probability) => (sum += probability) > fraction);
  return found < 0 ? probabilities.length - 1 : found;
}

/* Numbers of 16 bits (IEEE 754 half precision, finite), as the files hold them. */
export function halves(buffer) {
  const view = new DataView(buffer);
  return Float32Array.from({ length: buffer.byteLength / 2 }, (_, place) => {
    const bits = view.getUint16(2 * place, true);
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
    return bits >> 15 ? -size : size;
  });
}

/* A network's arrays by name, cut out of its file. */
export function unpack(buffer, shapes) {
  const [all, arrays] = [halves(buffer), {}];
  let place = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const size = shape.reduce((a, b) => a * b);
    arrays[name] = all.subarray(place, (place += size));
  }
  if (place !== all.length) throw new Error(`expected ${place} numbers, found ${all.length}`);
  return arrays;
}

/* Words as in training: lecture 4's reviews keep emoticons, lecture 5's novel has only letters. */
const WORD = "[\\p{L}\\p{N}_]";
const LETTERS = "[\\p{L}\\p{Nl}\\p{No}]+";
const REVIEW = new RegExp(`[:;=]-?[)(dp](?!${WORD})|${WORD}+(?:'${WORD}+)*`, "gu");
const NOVEL = new RegExp(`${LETTERS}(?:'${LETTERS})*`, "gu");

export function reviewWords(text) {
  return text.toLowerCase().replace(/<[^>]*>/g, " ").match(REVIEW) ?? [];
}

export function novelWords(text) {
  return text.toLowerCase().match(NOVEL) ?? [];
}

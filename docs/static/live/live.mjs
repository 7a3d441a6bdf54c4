/* The page "See an LSTM read": what one types is read by cells.mjs and drawn. */

import * as network from "./cells.mjs";

const NAMES = { lstm: "LSTM", gru: "GRU", rnn: "RNN" };
/* What is drawn of each network, from top to bottom, and which of it can be held. */
const PARTS = {
  lstm: { i: "input gate i", f: "forget gate f", o: "output gate o", g: "candidate g", c: "memory c", h: "state h" },
  gru: { r: "reset gate r", z: "update gate z", n: "candidate n", h: "state h" },
  rnn: { h: "state h" },
};
const GATES = "iforz";
const LONGEST = 300;
const EXAMPLES = [
  "It was not, as my neighbors had promised me all week, good.",
  "It was not bad.",
  "The first hour is boring and the acting is awful, but the ending is wonderful and I loved it.",
  "The ending is wonderful and I loved it, but the first hour is boring and the acting is awful.",
];

const find = (id) => document.getElementById(id);
const bytes = (size) => `${(size / 1e6).toFixed(1)} MB`;
const share = (value) => value.toFixed(2);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/* ------------------------------------------------------------------------------------ loading */

const here = (file) => new URL(file, import.meta.url);

async function fetched(file) {
  const answer = await fetch(here(file));
  if (!answer.ok) throw new Error(`${file}: the server answered ${answer.status}`);
  return answer;
}

/* The weights of some networks and the ids of their words. */
async function load(manifest, names) {
  const words = (await (await fetched(manifest[names[0]].words)).text()).trimEnd().split("\n");
  const loaded = await Promise.all(names.map(async (name) => {
    const buffer = await (await fetched(manifest[name].file)).arrayBuffer();
    return [name, network.unpack(buffer, manifest[name].arrays)];
  }));
  return { words, ids: new Map(words.map((word, id) => [word, id])), ...Object.fromEntries(loaded) };
}

/* A button that loads networks once and then shows what uses them. */
function offer(part, manifest, names, use) {
  const numbers = names.flatMap((name) => Object.values(manifest[name].arrays))
    .reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
  const [button, status] = [find(`${part}-load`), find(`${part}-status`)];
  button.textContent = `Load the ${part === "writer" ? "writer" : "networks"} (${bytes(2 * numbers)})`;
  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = "Loading …";
    try {
      const loaded = await load(manifest, names);
      find(`${part}-loaded`).hidden = false;
      button.hidden = true;
      status.textContent = "Ready.";
      use(loaded);
    } catch (error) {
      status.textContent = `This did not work: ${error.message}. Try again.`;
      button.disabled = false;
    }
  });
  find(part).hidden = false;
}

/* ----------------------------------------------------------------------------------- the reader */

/* White at 0; up to blue where positive, to orange where negative. */
function color(value) {
  const [strength, [r, g, b]] = [Math.min(1, Math.abs(value)), value < 0 ? [196, 78, 0] : [0, 90, 160]];
  return [r, g, b].map((channel) => Math.round(255 + (channel - 255) * strength));
}

/* One column for each word, one row for each unit. */
function drawMap(canvas, steps, part, upTo) {
  const units = steps[0][part].length;
  Object.assign(canvas, { width: steps.length, height: units });
  const largest = part === "c" ? Math.max(1, ...steps.flatMap((step) => [...step.c].map(Math.abs))) : 1;
  const image = new ImageData(steps.length, units);
  for (let word = 0; word < upTo; word++) {
    for (let unit = 0; unit < units; unit++) {
      image.data.set([...color(steps[word][part][unit] / largest), 255], 4 * (unit * steps.length + word));
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const last = steps[upTo - 1][part];
  const mean = last.reduce((a, b) => a + b) / units;
  canvas.ariaLabel = `${canvas.dataset.name}: ${units} units, ${upTo} words; mean after the last word ${share(mean)}`;
}

function drawChart(readings, upTo) {
  const chart = find("chart");
  const count = readings.lstm.length;
  const x = (word) => 600 * (count > 1 ? word / (count - 1) : 0.5);
  const y = (probability) => 165 - 160 * probability;
  const level = (value) => `<line x1="0" x2="600" y1="${y(value)}" y2="${y(value)}" />`;
  const lines = Object.entries(readings).map(([name, steps]) => {
    const points = steps.slice(0, upTo).map((step, word) => `${x(word)},${y(step.probability)}`);
    if (points.length === 1) points.push(`${x(0) + 6},${y(steps[0].probability)}`);
    return `<polyline data-network="${name}" points="${points.join(" ")}" />`;
  });
  chart.innerHTML = [0, 0.5, 1].map(level).join("") + lines.join("");
  const now = Object.entries(readings).map(([name, steps]) => `${NAMES[name]} ${share(steps[upTo - 1].probability)}`);
  chart.ariaLabel = `Three lines between 0 (bottom) and 1 (top). After word ${upTo} of ${count}: ${now.join(", ")}.`;
  find("legend").replaceChildren(...now.map((text, k) => {
    const entry = element("span", { textContent: `${"━╍┅"[k]} ${text}` });
    entry.dataset.network = Object.keys(readings)[k];
    return entry;
  }));
}

function drawWords(words, ids, steps, upTo) {
  find("words").replaceChildren(...words.map((word, k) => {
    const name = element("span", { textContent: word });
    if (!ids.has(word)) Object.assign(name, { className: "live-unknown", title: "not in the vocabulary" });
    const entry = element("li", {}, name, element("small", { textContent: share(steps[k].probability) }));
    entry.classList.toggle("live-unread", k >= upTo);
    if (k === upTo - 1) entry.ariaCurrent = "true";
    return entry;
  }));
}

function drawTable(words, readings) {
  const columns = Object.entries(readings).flatMap(([name, steps]) => [
    [`P, ${NAMES[name]}`, (k) => steps[k].probability],
    ...[...GATES].filter((gate) => gate in PARTS[name]).map((gate) => [
      `${NAMES[name]}, mean ${gate}`, (k) => steps[k][gate].reduce((a, b) => a + b) / steps[k][gate].length,
    ]),
  ]);
  const head = element("tr", {}, ...["word", ...columns.map(([title]) => title)].map(
    (title) => element("th", { scope: "col", textContent: title })));
  const rows = words.map((word, k) => element("tr", {}, element("th", { scope: "row", textContent: word }),
    ...columns.map(([, value]) => element("td", { textContent: share(value(k)) }))));
  find("numbers").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}

/* The maps of one network, each gate with a slider; `changed` is called when a gate is held or let go. */
function networkView(name, held, changed) {
  const view = element("section", {}, element("h3", { textContent: NAMES[name] }));
  view.ariaLabel = NAMES[name];
  for (const [part, title] of Object.entries(PARTS[name])) {
    const canvas = element("canvas");
    Object.assign(canvas.dataset, { part, name: `${NAMES[name]}, ${title}` });
    canvas.role = "img";
    const map = element("div", { className: "live-map" });
    if (GATES.includes(part)) map.append(holder(name, part, title, held, changed));
    else map.append(element("p", { textContent: title }));
    map.append(canvas);
    view.append(map);
  }
  return view;
}

/* A box that holds a gate, and a slider that says where: 0 is shut, 1 is open. */
function holder(name, part, title, held, changed) {
  const slider = element("input", { type: "range", min: 0, max: 1, step: 0.05, value: 1 });
  slider.ariaLabel = `${NAMES[name]}: hold ${title} at`;
  const box = element("input", { type: "checkbox" });
  const shown = element("output", { textContent: "free" });
  const update = () => {
    if (box.checked) held[part] = Number(slider.value);
    else delete held[part];
    shown.textContent = box.checked ? share(held[part]) : "free";
    changed();
  };
  box.addEventListener("change", update);
  slider.addEventListener("input", () => { box.checked = true; update(); });
  find("release").addEventListener("click", () => { box.checked = false; update(); });
  return element("div", {}, element("label", {}, box, `hold ${title}`),
    element("label", {}, "shut", slider, "open", shown));
}

function useReader(loaded) {
  const held = { lstm: {}, gru: {}, rnn: {} };
  let [words, readings, timer] = [[], {}, null];

  const show = () => {
    const upTo = Number(find("position").value);
    find("position-shown").textContent = `${upTo} of ${words.length}`;
    drawWords(words, loaded.ids, readings.lstm, upTo);
    drawChart(readings, upTo);
    for (const [name, view] of Object.entries(views)) {
      for (const canvas of view.querySelectorAll("canvas")) drawMap(canvas, readings[name], canvas.dataset.part, upTo);
    }
  };
  const reread = (toTheEnd) => {
    const typed = network.reviewWords(find("sentence").value.replace(/[‘’]/g, "'"));
    words = typed.length ? typed.slice(0, LONGEST) : ["…"];
    const ids = words.map((word) => loaded.ids.get(word) ?? loaded.ids.get("<unk>"));
    for (const name of Object.keys(NAMES)) readings[name] = network.read(name, ids, loaded[name], held[name]);
    const position = find("position");
    position.max = words.length;
    if (toTheEnd) position.value = words.length;
    drawTable(words, readings);
    show();
  };
  const views = {};
  for (const name of Object.keys(NAMES)) views[name] = networkView(name, held[name], () => reread(false));
  find("networks").replaceChildren(...Object.values(views));
  find("examples").replaceChildren(...EXAMPLES.map((text, k) => {
    const button = element("button", { type: "button", textContent: `Example ${k + 1}`, title: text });
    button.addEventListener("click", () => { find("sentence").value = text; reread(true); });
    return button;
  }));
  const stop = () => { clearInterval(timer); timer = null; find("play").textContent = "Read it word by word"; };
  find("play").addEventListener("click", () => {
    if (timer) return stop();
    find("play").textContent = "Stop";
    find("position").value = 1;
    show();
    timer = setInterval(() => {
      if (Number(find("position").value) >= words.length) return stop();
      find("position").value = Number(find("position").value) + 1;
      show();
    }, 350);
  });
  find("position").addEventListener("input", () => { stop(); show(); });
  find("sentence").addEventListener("input", () => { stop(); reread(true); });
  reread(true);
}

/* ----------------------------------------------------------------------------------- the writer */

function useWriter(loaded) {
  let [step, timer] = [null, null];
  const weights = loaded.writer;
  const temperature = () => Number(find("temperature").value);
  const next = () => network.nextWord(step, weights, temperature());

  const take = (id) => { step = network.cells.lstm(network.vector(id, weights), step ?? network.start(weights), weights); };
  const show = () => {
    find("temperature-shown").textContent = share(temperature());
    const probabilities = next();
    const best = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, 5);
    find("next").replaceChildren(...best.map((id) => element("li", {}, element("span", { textContent: loaded.words[id] }),
      element("span", { textContent: share(probabilities[id]) }),
      Object.assign(element("meter", { min: 0, max: 1, value: probabilities[id] }), { ariaLabel: loaded.words[id] }))));
  };
  const restart = () => {
    const words = network.novelWords(find("opening").value.replace(/[‘’]/g, "'"));
    const known = words.length ? words : ["the"];
    step = null;
    for (const word of known) take(loaded.ids.get(word) ?? 0);
    find("text").textContent = known.join(" ");
    show();
  };
  const write = () => {
    const id = network.draw(next(), Math.random());
    find("text").append(` ${loaded.words[id]}`);
    take(id);
    show();
  };
  const toggle = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(write, 150) : null;
    find("write").ariaPressed = String(on);
    find("write").textContent = on ? "Stop" : "Write";
  };
  find("write").addEventListener("click", () => toggle(!timer));
  find("restart").addEventListener("click", () => { toggle(false); restart(); });
  find("opening").addEventListener("input", () => { toggle(false); restart(); });
  find("temperature").addEventListener("input", show);
  restart();
}

const manifest = await (await fetched("weights.json")).json();
offer("reader", manifest, Object.keys(NAMES), useReader);
if (find("writer")) offer("writer", manifest, ["writer"], useWriter);
find("live-asleep").remove();

// Answers without a server: the same functions as api.js, by models that this page carries. What a visitor says does not
// leave the browser.

import { Problem } from "./problem.js";

const text = new TextDecoder();
const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));

async function file(name, options) {
  const response = await fetch(name, options).catch(() => ({}));
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new Problem(`\`${name}\` is missing`, "serve all files of the folder, then try again");
}

/** What is read once: the models, the items, and the functions of the module. */
async function read() {
  // Those whose names stay the same: asked anew, lest an older one be taken for it.
  const newest = (name) => file(name, { cache: "no-cache" });
  const [served, catalogue, wasm] = await Promise.all(["models.json", "catalogue.json", "reco.wasm"].map(newest));
  const { instance } = await WebAssembly.instantiate(wasm);
  const { memory, reserve, result, ...functions } = instance.exports;
  const call = (name, given, argument) => {
    let answer;
    try {
      // Before anything else: it may move the memory.
      const at = reserve(given.length) >>> 0;
      new Uint8Array(memory.buffer, at, given.length).set(given);
      const length = functions[name](argument);
      answer = JSON.parse(text.decode(new Uint8Array(memory.buffer, result() >>> 0, length)));
    } catch (error) {
      // The module ended, most likely for want of memory.
      opened.forget();
      loaded.forget();
      throw new Problem(`no answer: ${error.message}`, "choose another approach, or reload the page", 500);
    }
    if (answer.problem) throw new Problem(answer.problem.detail, answer.problem.hint, 400);
    return answer;
  };
  call("open", catalogue);
  const { items, models, unnamed } = JSON.parse(text.decode(catalogue));
  return { served: JSON.parse(text.decode(served)), items, models, unnamed, call };
}

/** Does `work` once for each key, and anew after a failure. */
function once(work) {
  const done = new Map();
  const get = (key) => {
    if (!done.has(key)) done.set(key, work(key).catch((error) => (done.delete(key), Promise.reject(error))));
    return done.get(key);
  };
  return Object.assign(get, { forget: () => done.clear() });
}

const opened = once(read);

/** Reads the weights of a model. */
const loaded = once(async (name) => {
  const { models, call } = await opened();
  const listed = models.find((one) => one.name === name);
  if (!listed) throw new Problem(`there is no approach \`${name}\``, models.map((one) => one.name).join(", "), 404);
  const weights = await file(`${listed.file}?${listed.digest}`);
  const named = new TextEncoder().encode(name);
  const both = new Uint8Array(named.length + weights.length);
  both.set(named);
  both.set(weights, named.length);
  call("load", both, named.length);
});

/** What is there, and what a question can name. */
export const models = async () => (await opened()).served;

/** Items whose titles fit `query`; those that most users met, without one. */
export async function search(query, { k, offset, signal }) {
  const { items, call } = await opened();
  signal?.throwIfAborted();
  const found = call("search", bytes({ query, k, offset }));
  return { ...found, items: found.items.map(({ row }) => items[row]) };
}

/** The best items for whoever `question` describes. */
export async function recommend(question, { signal } = {}) {
  const { served, items, unnamed, call } = await opened();
  const { ratings = [], likes = [], attributes = {} } = question;
  const states = likes.length > 0 || Object.keys(attributes).length > 0;
  const fits = (one) => one.states === states && one.n_rated <= ratings.length;
  const { approach, why } = question.approach ? { approach: question.approach } : unnamed.findLast(fits);
  await loaded(approach);
  signal?.throwIfAborted();
  const answer = call("recommend", bytes({ ...question, approach }));
  return { ...answer, why, run: served.run, items: answer.items.map(({ row, score }) => ({ ...items[row], score })) };
}

/** Items like the one called `id`. */
export async function similar(id, { k }) {
  const { unnamed } = await opened();
  // Who follows ratings at all, whatever the number.
  return recommend({ ratings: [{ item_id: id }], k, approach: unnamed.findLast((one) => !one.states).approach });
}

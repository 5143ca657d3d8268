// Answers without a server: the same functions as api.js, by models that this page carries. What a visitor says does not
// leave the browser.

import { Problem } from "./problem.js";

const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));

async function file(name) {
  const response = await fetch(name).catch(() => ({}));
  if (response.ok) return response;
  throw new Problem(`\`${name}\` is missing`, "serve all files of the folder, then try again");
}

/** What is read once: the models' names, the items, and the functions of the module. */
async function read() {
  const files = [file("models.json"), file("catalogue.json"), file("reco.wasm")];
  const [served, catalogue, wasm] = await Promise.all(files);
  const given = new Uint8Array(await catalogue.arrayBuffer());
  const { instance } = await WebAssembly.instantiate(await wasm.arrayBuffer());
  const { memory, reserve, result, ...functions } = instance.exports;
  const call = (name, given, argument) => {
    // Before anything else: it may move the memory.
    const at = reserve(given.length) >>> 0;
    new Uint8Array(memory.buffer, at, given.length).set(given);
    const length = functions[name](argument);
    const answer = JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, result() >>> 0, length)));
    if (answer.problem) throw new Problem(answer.problem.detail, answer.problem.hint, 400);
    return answer;
  };
  call("open", given);
  const { items, models } = JSON.parse(new TextDecoder().decode(given));
  return { served: await served.json(), items, files: new Map(models.map((one) => [one.name, one.file])), call };
}

/** Does `work` once, and anew after a failure. */
function once(work) {
  const done = new Map();
  return (key) => {
    if (!done.has(key)) done.set(key, work(key).catch((error) => (done.delete(key), Promise.reject(error))));
    return done.get(key);
  };
}

const opened = once(read);

/** Reads the weights of a model. */
const loaded = once(async (name) => {
  const { files, call } = await opened();
  const weights = new Uint8Array(await (await file(files.get(name))).arrayBuffer());
  const named = new TextEncoder().encode(name);
  const both = new Uint8Array(named.length + weights.length);
  both.set(named);
  both.set(weights, named.length);
  call("load", both, named.length);
});

/** What is there, and what a question can name. */
export const models = async () => (await opened()).served;

/** Items whose titles fit `query`; those that most users met, without one. */
export async function search(query, { k, offset }) {
  const { items, call } = await opened();
  const found = call("search", bytes({ query, k, offset }));
  return { ...found, items: found.items.map(({ row }) => items[row]) };
}

/** The best items for whoever `question` describes. */
export async function recommend(question) {
  const { served, items, call } = await opened();
  const approach = question.approach || served.approaches.find((one) => one.is_default).name;
  await loaded(approach);
  const answer = call("recommend", bytes({ ...question, approach }));
  return { ...answer, run: served.run, items: answer.items.map(({ row, score }) => ({ ...items[row], score })) };
}

/** Items like the one called `id`. */
export async function similar(id, { k }) {
  const { approaches } = await models();
  const able = approaches.filter(({ follows_ratings }) => follows_ratings);
  const { name } = able.find(({ is_default }) => is_default) || able[0] || {};
  return recommend({ ratings: [{ item_id: id }], k, approach: name });
}

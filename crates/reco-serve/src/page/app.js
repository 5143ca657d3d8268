// The page: rate items, say what else is to count, and watch two approaches answer.
//
// Knows no data set: all names come from the service, and are set as text, never as markup. What the visitor says is
// kept in this browser's storage.

import { models, recommend, search, similar } from "./api.js";

const AT_ONCE = 10;
const FOUND = 6;

const byId = (id) => document.getElementById(id);
const nothing = () => ({ ratings: {}, likes: [], attributes: {} });

let served, scale;
/** What the visitor says, and what is asked besides. */
let said = nothing();
const asked = { context: {}, diversity: 0, only: [], without: [], k: AT_ONCE };
/** What was changed last: lists are compared with those before it. */
let changed;

/** `el("p.soft", "text")`, or with properties and attributes in place of the text; then children. */
function el(kind, properties, ...children) {
  const [tag, className] = kind.split(".");
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (typeof properties === "string") properties = { textContent: properties };
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

const button = (kind, textContent, onclick, more) =>
  el(`button${kind}`, { type: "button", textContent, onclick, ...more });
const plain = (name) => name.replace("=", " ").replaceAll("_", " ");
const round = (number) => String(Number(number.toFixed(3)));
const percent = (part) => `${Math.round(part * 100)} %`;
const many = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const listed = (words) => [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" and ");
const ghosts = (n) => Array.from({ length: n }, () => el("li.ghost", { ariaHidden: "true" }));

let ids = 0;
const newId = () => `n${++ids}`;

function later(wait, work) {
  let timer;
  return (value) => {
    clearTimeout(timer);
    timer = setTimeout(work, wait, value);
  };
}

const tell = later(300, (text) => (byId("told").textContent = text));

const problem = ({ message, hint }, again) =>
  el("div.problem", null, el("p", message), hint && el("p.soft", hint), again && button("", "Try again", again));

const named = ({ title, year }) => [title, year && !title.includes(year) ? el("span.soft", ` ${year}`) : ""];

function load() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(`reco:${served.dataset}`)) || {};
  } catch { /* Not ours: begin anew. */ }
  said = { ...nothing(), ...kept.said };
  said.likes = said.likes.filter((name) => served.features.includes(name));
  for (const name in said.attributes) if (!(name in served.attributes)) delete said.attributes[name];
  return kept.approaches || [];
}

function save(forget) {
  const approaches = columns.map(({ approach }) => approach);
  const key = `reco:${served.dataset}`;
  try {
    if (forget) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ said, approaches }));
  } catch { /* Then it lasts until the page is closed. */ }
}

function question(approach) {
  const { user, context, only, without, from, to, scenario, k } = asked;
  const diversity = asked.diversity || undefined;
  const ratings = Object.entries(said.ratings).map(([item_id, { stars }]) => ({ item_id, rating: stars }));
  const filter = { features: only, without_features: without, year_from: from, year_to: to };
  const who = user ? { user_id: user } : { ratings, likes: said.likes, attributes: said.attributes };
  return { ...who, context, filter, diversity, scenario, k, approach: approach || undefined, explain: true };
}

/** What is served under this name. */
const servedAs = (name) => served.approaches.find((one) => one.name === name);
/** Whether it answers whoever is asked for now. */
const answers = ({ answers_visitors }) => answers_visitors || Boolean(asked.user);
/** Whether a list that is shown looks at the moment. */
const looksAtMoment = () => columns.some(({ answer }) => answer && servedAs(answer.approach)?.uses_context);

const isYesNo = (name) => String(served.contexts[name]) === "0,1";

/** The question in a sentence. */
function showQuestion() {
  const { user, context, diversity, only, without, from, to, scenario } = asked;
  const n = Object.keys(said.ratings).length;
  const attributes = Object.entries(said.attributes).map(([name, value]) => `${plain(name)} ${value}`);
  const parts = ["For "];
  const add = (words, bold) => bold && parts.push(words, el("strong", bold));
  if (user) {
    add("", `user ${user}`);
  } else {
    parts.push("you");
    add(", ", listed(attributes));
    add(`, who ${scale ? "rated" : "liked"} `, n && many(n, "item"));
    add(n ? " and like " : ", who like ", listed(said.likes.map(plain)));
    if (parts.length === 2) parts.push(", of whom nothing is known yet");
  }
  const value = (name, number) => (isYesNo(name) ? ["no", "yes"][number] : number);
  const moment = looksAtMoment() ? Object.entries(context) : [];
  add("; ", moment.map(([name, number]) => `${plain(name)}: ${value(name, number)}`).join(", "));
  add("; only ", listed(only.map(plain)));
  add("; no ", listed(without.map(plain)));
  add("; of the years ", (from || to) && `${from || "…"} to ${to || "…"}`);
  add("; variety ", diversity && percent(diversity));
  add("; scenario ", scenario);
  byId("question").replaceChildren(...parts, ".");
  byId("forget").hidden = !n && !said.likes.length && !attributes.length;
}

const refresh = later(60, () => columns.forEach((column) => column.load()));

/** Something else is asked. Lists are compared with those before all changes under one key. */
function change(key) {
  if (!key || key !== changed) for (const column of columns) column.before = key && column.now;
  changed = key;
  save();
  showQuestion();
  refresh();
}

/** How stars are chosen, in `n` steps; null where the data have none. Only short scales are drawn as stars. */
function scaleOf({ stars, star_step }) {
  if (!stars) return null;
  const [min, max] = stars;
  const step = star_step || (max - min) / 100;
  const n = Math.round((max - min) / step) + 1;
  // A star is one or more whole steps, and the first step ends at the least rating.
  const isDrawn = max < 8 && Number.isInteger(max) && n <= 20 && Math.abs(min - step) < 1e-6;
  return { min, max, step, n, isDrawn };
}

const syncAll = () => document.querySelectorAll(".rater").forEach((control) => control.sync());

function rate(item, stars) {
  const { item_id: id, title, year } = item;
  if (stars === undefined) delete said.ratings[id];
  else said.ratings[id] = { stars, title, year };
  showMine();
  syncAll();
  change(`rate:${id}`);
}

/**
 * What rates `item`. One that `leaves` goes away once it is rated: arrow keys only choose, Enter or going on rates.
 */
function rater(item, leaves) {
  const kept = () => said.ratings[item.item_id];
  if (!scale) {
    const press = () => rate(item, kept() ? undefined : null);
    const like = button(".rater like", "", press, { ariaLabel: `Like ${item.title}` });
    like.sync = () => {
      like.ariaPressed = Boolean(kept());
      like.textContent = kept() ? "♥ liked" : "♡ like";
    };
    like.sync();
    return like;
  }
  const { min, max, step, n, isDrawn } = scale;
  const input = el("input", { type: "range", min: 0, max: n, ariaLabel: `Your rating of ${item.title}` });
  const box = el(isDrawn ? "span.rater stars" : "span.rater steps", null, input);
  const keptPlace = () => (kept() ? Math.round((kept().stars - min) / step) + 1 : 0);
  const starsAt = (place) => (place ? min + (place - 1) * step : undefined);
  const show = (place) => {
    box.style.setProperty("--fill", place / n);
    box.dataset.stars = place ? round(starsAt(place)) : "–";
    input.setAttribute("aria-valuetext", place ? `${round(starsAt(place))} of ${max} stars` : "not rated");
  };
  const commit = () => input.valueAsNumber !== keptPlace() && rate(item, starsAt(input.valueAsNumber));
  let byKey = false;
  input.onkeydown = ({ key }) => {
    byKey = true;
    if (key === "Escape") box.sync();
    if (key === "Delete" || key === "Backspace") show((input.value = 0));
    if (key === "Enter" || (key.length > 1 && input.value === "0" && !leaves)) commit();
  };
  // In a handler's short form `false` would keep the click from the slider.
  input.onpointerdown = () => void (byKey = false);
  input.oninput = () => show(input.valueAsNumber);
  input.onchange = () => (leaves && byKey) || commit();
  input.onblur = () => leaves && input.isConnected && commit();
  box.style.setProperty("--glyphs", max);
  box.style.setProperty("--n", n);
  box.sync = () => show((input.value = keptPlace()));
  box.sync();
  return box;
}

const row = (item, more) =>
  el("li", { "data-id": item.item_id }, el("span.what", null, ...named(item)), rater(item), more);

function showMine() {
  const list = byId("mine");
  const rows = [...list.children];
  for (const row of rows.filter(({ dataset }) => !(dataset.id in said.ratings))) {
    const next = row.nextElementSibling || row.previousElementSibling;
    if (row.contains(document.activeElement)) (next?.querySelector("input, button") || byId("query")).focus();
    row.remove();
  }
  for (const [id, kept] of Object.entries(said.ratings)) {
    if (rows.some((row) => row.dataset.id === id)) continue;
    const item = { item_id: id, ...kept };
    const remove = button(".quiet", "×", () => rate(item), { ariaLabel: `Remove ${item.title}` });
    list.prepend(row(item, remove));
  }
  const n = list.children.length;
  byId("mine-title").textContent = `Your ${scale ? "ratings" : "likes"}${n ? ` (${n})` : ""}`;
}

function forget() {
  if (!confirm("Forget your ratings and all that you said?")) return;
  said = nothing();
  showMine();
  showAbout();
  syncAll();
  change();
  save("forget");
  byId("query").focus();
  tell("All is forgotten.");
}

let finding, hasYears;
let nextOffset = 0;

async function find(offset) {
  finding?.abort();
  const { signal } = (finding = new AbortController());
  const query = byId("query").value.trim();
  try {
    const { items, next_offset } = await search(query, { k: FOUND, offset, signal });
    nextOffset = next_offset || 0;
    byId("found").replaceChildren(...items.map((item) => row(item)));
    const title = query ? `${items.length ? "Found" : "Nothing found"} for “${query}”` : "The best known";
    byId("found-title").textContent = title;
    byId("others").classList.toggle("gone", !nextOffset && !offset);
    byId("others").textContent = nextOffset ? "Show others" : "From the start";
    if (!items.length) byId("found").append(el("li.soft", "Try other words, or fewer."));
    if (query || offset) tell(items.length ? `${many(items.length, "item")}, first ${items[0].title}` : title);
    if (items.some(({ year }) => year)) showYears();
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("found").replaceChildren(el("li", null, problem(error, () => find(offset))));
    tell(error.message);
  }
}

function labelled(text, control) {
  control.id = newId();
  return el("div.field", null, el("label", { htmlFor: control.id, textContent: text }), control);
}

function menu(text, none, values, set, value = "") {
  const select = el("select", null, new Option(none, ""), ...values.map((value) => new Option(value)));
  select.value = value;
  select.onchange = () => set(select.value || undefined);
  return labelled(plain(text), select);
}

function number(text, none, set, value = "", limits) {
  const input = el("input", { type: "number", step: "any", placeholder: none, value, ...limits });
  input.oninput = () => input.validity.valid && set(input.value || undefined);
  return labelled(plain(text), input);
}

/** Sets or takes away what has a name. */
const setter = (target, name, then) => (value) => {
  if (value === undefined) delete target[name];
  else target[name] = value;
  then();
};

/** Names to choose from, or one of some words. */
function choice(kind, text, entries) {
  const name = newId();
  const boxes = entries.map(([word, checked, onchange]) =>
    el("label", null, el("input", { type: kind, name, checked, onchange }), el("span", word)));
  return el("fieldset", null, el("legend", text), el(`div.${kind}`, null, ...boxes));
}

const features = (text, names, list, then) => {
  if (!names.length) return null;
  const toggle = (name, on) => then(on ? list.push(name) : list.splice(list.indexOf(name), 1));
  const entry = (name) => [plain(name), list.includes(name), ({ target }) => toggle(name, target.checked)];
  return choice("checkbox", text, names.map(entry));
};

function fill(id, fields) {
  byId(id).lastElementChild.replaceChildren(...fields.filter(Boolean));
  byId(id).hidden = !fields.some(Boolean);
}

function showAbout() {
  const fields = Object.entries(served.attributes).map(([name, values]) => {
    const set = setter(said.attributes, name, () => change(name));
    const value = said.attributes[name];
    return values.length ? menu(name, "not stated", values, set, value) : number(name, "not stated", set, value);
  });
  fill("about", [...fields, features("You like", served.features, said.likes, () => change("likes"))]);
}

function showFilter() {
  const { scenarios } = served;
  // Years have fields of their own.
  const names = served.features.filter((name) => !served.year_features.includes(name));
  const scenario = () => menu("scenario", "none", scenarios, setter(asked, "scenario", () => change("scenario")));
  const some = features("At least one of", names, asked.only, () => change("only"));
  const none = features("None of", names, asked.without, () => change("without"));
  fill("filter", [scenarios.length && scenario(), some, none]);
}

function showYears() {
  if (hasYears) return;
  hasYears = true;
  byId("filter").hidden = false;
  const year = (text, name) => {
    const set = setter(asked, name, () => change("years"));
    // A year that is still being typed is not asked for.
    return number(text, "any", (value) => (!value || value.length > 3) && set(value && Number(value)), "", { step: 1 });
  };
  byId("filter").lastElementChild.append(year("From the year", "from"), year("To the year", "to"));
}

function showMoment() {
  const texts = {};
  const fields = [];
  const set = (name) => setter(asked.context, name, () => change(name));
  for (const [name, [min, max]] of Object.entries(served.contexts)) {
    const [text, value] = name.split("=");
    if (value !== undefined) {
      (texts[text] ??= []).push(value);
    } else if (isYesNo(name)) {
      const words = { any: undefined, no: 0, yes: 1 };
      const entry = ([word, value]) => [word, value === undefined, () => set(name)(value)];
      fields.push(choice("radio", plain(name), Object.entries(words).map(entry)));
    } else if (min < max) {
      const then = (value) => set(name)(value && Number(value));
      fields.push(number(name, `${round(min)} to ${round(max)}`, then, "", { min, max }));
    }
  }
  for (const [name, values] of Object.entries(texts)) fields.push(menu(name, "any", values, set(name)));
  byId("contexts").append(...fields);
  byId("moment").lastElementChild.hidden = false;
  byId("user").hidden = !served.n_users;
  byId("variety").oninput = ({ target }) => {
    asked.diversity = target.valueAsNumber;
    const words = asked.diversity ? percent(asked.diversity) : "off";
    target.nextElementSibling.textContent = words;
    target.setAttribute("aria-valuetext", words);
    change("variety");
  };
}

/** Shows the fields of the moment where a list looks at it; else says which approach would. */
function showLooked() {
  const one = served.approaches.find((one) => one.uses_context && answers(one));
  const isLooked = looksAtMoment();
  byId("contexts").hidden = !isLooked;
  byId("unlooked").hidden = isLooked || !one;
  if (!one || byId("unlooked").textContent.includes(one.name)) return;
  const show = () => {
    columns[1].select.value = one.name;
    columns[1].choose();
    byId("lists").focus({ preventScroll: true });
  };
  const names = listed([...new Set(Object.keys(served.contexts).map((name) => plain(name.split("=")[0])))]);
  byId("unlooked").replaceChildren(`Neither list looks at ${names}. `, button(".quiet", `Show ${one.name}, which does`, show));
}

class Column {
  rows = new Map();

  constructor(name) {
    const id = newId();
    this.select = el("select", { id, onchange: () => this.choose() }, new Option("the default choice", ""));
    this.why = el("p.why");
    this.trouble = el("div");
    this.list = el("ol", { role: "list" }, ...ghosts(AT_ONCE));
    const label = el("h2", null, el("label", { htmlFor: id, textContent: name }));
    this.node = el("section.column", { ariaLabel: name }, label, this.select, this.why, this.trouble, this.list);
  }

  offer(approach) {
    for (const one of served.approaches) {
      const { name, validation, is_default, answers_visitors } = one;
      const measured = validation ? ` · ${validation.toFixed(4)} on validation` : "";
      const isChosen = name === approach && answers(one);
      const limited = answers_visitors ? "" : " · users only";
      const standing = is_default ? ` · default${served.n_users ? " for users" : ""}` : "";
      const text = `${name}${measured}${standing}${limited}`;
      this.select.add(new Option(text, name, isChosen, isChosen));
    }
    this.allow();
    this.choose();
  }

  /** Lets those be chosen that answer whoever is asked for. */
  allow() {
    for (const option of this.select.options) option.disabled = option.value && !answers(servedAs(option.value));
    if (this.select.selectedOptions[0].disabled) this.select.value = "";
    this.approach = this.select.value;
  }

  choose() {
    this.approach = this.select.value;
    this.before = null;
    save();
    this.load();
  }

  async load() {
    this.control?.abort();
    const control = (this.control = new AbortController());
    this.node.ariaBusy = true;
    try {
      this.show(await recommend(question(this.approach), control));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.answer = this.now = this.before = null;
      this.rows.clear();
      this.list.replaceChildren();
      this.why.textContent = "";
      this.trouble.replaceChildren(problem(error, error.status !== 400 && (() => this.load())));
      tell(error.message);
    }
    this.node.ariaBusy = false;
    showBoth();
  }

  show(answer) {
    const { items, approach, why, choice, arm, notes = [] } = answer;
    this.answer = answer;
    this.now = { approach, ids: items.map(({ item_id }) => String(item_id)) };
    const reason = why || (arm ? `arm ${arm} of the A/B test` : "as chosen");
    const [n, follows] = [Object.keys(said.ratings).length, servedAs(approach)?.follows_ratings];
    const deaf = n && !follows ? "It does not look at what you rated." : "";
    const waiting = !n && follows ? "Rate something, and it follows." : "";
    const more = [choice && `In it, ${choice}. `, !asked.user && (deaf || waiting)].filter(Boolean);
    this.why.replaceChildren(el("strong", approach), `, ${reason}. `, ...more);
    this.trouble.replaceChildren(...notes.map((note) => el("p.note", note)));

    const { list, rows: old } = this;
    const tops = new Map([...old].map(([id, { node }]) => [id, node.offsetTop]));
    const focused = list.contains(document.activeElement) && document.activeElement;
    const place = focused && [...list.children].indexOf(focused.closest("li"));
    this.rows = new Map(items.map((item, at) => [this.now.ids[at], old.get(this.now.ids[at]) || new Row(item)]));
    // Only what differs is moved, so that what has the focus keeps it.
    const nodes = [...this.rows.values()].map(({ node }) => node);
    for (const child of [...list.children]) if (!nodes.includes(child)) child.remove();
    nodes.forEach((node, at) => list.children[at] === node || list.insertBefore(node, list.children[at] || null));
    // That others were rated and left moves nothing up.
    const isMet = (id) => !asked.user && id in said.ratings;
    const before = this.before?.approach === approach && this.before.ids.filter((id) => !isMet(id));
    items.forEach((item, at) => this.rows.get(this.now.ids[at]).show(item, at, before, answer.score_kind));
    if (focused && document.activeElement !== focused) {
      const kind = focused.matches(".title") ? ".title" : "input, .like";
      (focused.isConnected ? focused : list.children[place]?.querySelector(kind))?.focus({ preventScroll: true });
    }
    if (!old.size || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [id, { node }] of this.rows) {
      const from = tops.has(id) ? { transform: `translateY(${tops.get(id) - node.offsetTop}px)` } : { opacity: 0 };
      node.animate([from, {}], { duration: 260, easing: "ease-out" });
    }
  }
}

class Row {
  rank = el("div.rank");
  moved = el("span.moved");
  shared = el("span.shared");
  because = el("p.because");
  inner = el("div.inner", { id: newId(), hidden: true });

  constructor(item) {
    const open = () => {
      this.inner.hidden = !this.inner.hidden;
      this.title.ariaExpanded = !this.inner.hidden;
      this.showInner();
    };
    this.title = button(".title", "", open, { ariaExpanded: false, "aria-controls": this.inner.id });
    this.title.append(...named(item));
    const others = (item.features || []).filter((name) => !served.year_features.includes(name));
    const kinds = [...(item.genres || []), ...others].slice(0, 6).map(plain).join(" · ");
    const place = el("div.place", null, this.rank, this.moved);
    const parts = [this.title, !asked.user && rater(item, true), el("p.kinds", null, this.shared, kinds), this.because];
    this.node = el("li", { "data-id": item.item_id }, place, ...parts, this.inner);
  }

  show(item, at, before, scoreKind) {
    Object.assign(this, { item, scoreKind });
    this.node.dataset.score = item.score;
    this.rank.textContent = at + 1;
    this.because.textContent = item.because || "";
    const was = before ? before.indexOf(String(item.item_id)) : at;
    const by = was < 0 ? 0 : was - at;
    const shown = el("span", { ariaHidden: true, textContent: `${by > 0 ? "▲" : "▼"}${Math.abs(by)}` });
    const spoken = el("span.hidden", `${by > 0 ? "up" : "down"} ${many(Math.abs(by), "place")}`);
    this.moved.className = `moved ${by < 0 ? "down" : ""}`;
    this.moved.replaceChildren(...(by ? [shown, spoken] : [was < 0 ? "new" : ""]));
    this.showInner();
  }

  /** What the score is made of, and what is like this item. */
  showInner() {
    if (this.inner.hidden) return;
    const { score, explanation, n_users, item_id } = this.item;
    const stars = (rating) => (rating ? ` (${round(rating)})` : "");
    const label = ({ name, user_id, rating }) => (name ? plain(name) : `user ${user_id}`) + stars(rating);
    const terms = (explanation?.terms || []).slice(0, 6);
    const made = el("ul", null, ...terms.map((term) => el("li", null, el("b", round(term.effect)), label(term))));
    const told = el("p", `Score ${round(score)} (${this.scoreKind}). ${many(n_users, "user")} met it in training.`);
    if (!this.like) {
      this.like = el("p", "Items like it: …");
      const titles = ({ items }) => `Items like it: ${items.map(({ title }) => title).join("; ") || "none"}.`;
      similar(item_id, { k: 5 }).then(titles, ({ message }) => message).then((text) => (this.like.textContent = text));
    }
    this.inner.replaceChildren(told, made, this.like);
  }
}

/** What both lists have in common. */
function showBoth() {
  const [one, other] = columns;
  const both = one.now && other.now;
  const isSame = both && one.now.approach === other.now.approach;
  let n = 0;
  for (const [from, to, name] of [[one, other, "second"], [other, one, "first"]]) {
    for (const [id, { shared }] of from.rows) {
      const at = both ? to.now.ids.indexOf(id) : -1;
      shared.textContent = at < 0 || isSame ? "" : `${name} list: ${at + 1}`;
      n += at >= 0 && from === one;
    }
  }
  const shared = both ? `${n} of ${one.rows.size} items are in both lists.` : "";
  const common = isSame ? `Both lists are by ${one.now.approach}.` : shared;
  const isMarked = columns.some(({ now, before }) => before && before.approach === now?.approach);
  const marks = isMarked ? "Marked: how far your last change moved items." : "Change something, and see what moves.";
  byId("compared").textContent = `${common} ${marks}`;
  const first = one.answer?.items[0];
  byId("peek").hidden = !first;
  byId("peek").lastElementChild.textContent = first?.title;
  byId("longer").hidden = !columns.some(({ answer }) => answer?.next_offset);
  showLooked();
  showQuestion();
  const isBusy = frame.querySelector('[aria-busy="true"]');
  if (first && !isBusy) tell(`The lists are new. First is ${first.title}. ${common}`);
  drawThreads();
}

function drawThreads() {
  const [one, other] = columns;
  const box = frame.getBoundingClientRect();
  const [left, right] = columns.map(({ list }) => list.getBoundingClientRect());
  const paths = [];
  if (left.right < right.left) {
    const [from, to] = [left.right - box.left + 5, right.left - box.left - 5];
    const y = (list, { node }) => list.top - box.top + node.offsetTop + 26;
    for (const [id, row] of one.rows) {
      if (!other.rows.has(id)) continue;
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const [begin, end, middle] = [y(left, row), y(right, other.rows.get(id)), (from + to) / 2];
      path.setAttribute("d", `M${from} ${begin}C${middle} ${begin} ${middle} ${end} ${to} ${end}`);
      path.dataset.id = id;
      paths.push(path);
    }
  }
  byId("threads").replaceChildren(...paths);
}

function light({ type, target }) {
  const id = type === "pointerleave" ? null : target.closest("[data-id]")?.dataset.id;
  for (const { classList, dataset } of frame.querySelectorAll("[data-id]")) classList.toggle("lit", dataset.id === id);
}

/** What stands beside the default choice at first: the best ranked of those that follow what a visitor rates. */
function beside() {
  const rank = ({ is_default, validation = 0 }) => (is_default ? -1 : validation);
  const able = served.approaches.filter(({ follows_ratings }) => follows_ratings);
  return able.sort((one, other) => rank(other) - rank(one))[0]?.name;
}

async function begin() {
  try {
    served = await models();
  } catch (error) {
    document.querySelectorAll(".ghost").forEach((ghost) => ghost.remove());
    columns[0].trouble.replaceChildren(problem(error, begin));
    return tell(error.message);
  }
  const { dataset, n_items, n_users } = served;
  scale = scaleOf(served);
  byId("served").textContent = `${dataset}: ${many(n_items, "item")}${n_users ? `, ${many(n_users, "user")}` : ""}`;
  const [one, other] = load();
  columns[0].offer(one);
  showAbout();
  showFilter();
  showMoment();
  showMine();
  showQuestion();
  find(0);
  byId("query").oninput = later(140, () => find(0));
  byId("others").onclick = () => find(nextOffset);
  columns[1].offer(other ?? beside());
}

const columns = [new Column("First list"), new Column("Second list")];
const frame = byId("columns");
frame.append(...columns.map(({ node }) => node));
byId("found").append(...ghosts(FOUND));
byId("forget").onclick = forget;
byId("longer").onclick = () => {
  asked.k += AT_ONCE;
  change();
};
document.onsubmit = (event) => {
  event.preventDefault();
  if (event.target.id === "find") return;
  asked.user = byId("user-id").value.trim();
  for (const column of columns) {
    column.allow();
    column.rows.clear();
  }
  change();
};
for (const type of ["pointerover", "pointerleave", "focusin"]) frame.addEventListener(type, light);
const resized = new ResizeObserver(drawThreads);
[frame, ...columns.map(({ list }) => list)].forEach((node) => resized.observe(node));
const isAway = (entries) => byId("peek").classList.toggle("gone", entries.at(-1).isIntersecting);
new IntersectionObserver(isAway).observe(frame);
begin();

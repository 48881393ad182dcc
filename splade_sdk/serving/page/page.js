// The search page. Everything that comes from documents becomes text nodes, never markup.

const MODES = {
  sparse: { title: "Sparse", missing: "This collection has no sparse vectors." },
  dense: { title: "Dense", missing: "This collection has no dense vectors." },
  hybrid: { title: "Hybrid", missing: "Needs sparse and dense vectors in one collection." },
};
const SNIPPET = 320; // characters
const TERMS_SHOWN = 8; // of a hit
const QUERY_TERMS_SHOWN = { narrow: 12, wide: 40 };

const byId = (id) => document.getElementById(id);
const number = (value) => value.toFixed(Math.abs(value) < 0.1 ? 3 : 2);
const narrow = matchMedia("(max-width: 56rem)");

let key = ""; // kept in this page only
let modes = [];
let running = null; // AbortController of the search under way

/** Make an element: properties, then children, where strings become text. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

class Refused extends Error {}

/** Ask the service; returns parsed JSON. */
async function ask(path, body, signal) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const request = body
    ? { method: "POST", body: JSON.stringify(body), signal }
    : { signal };
  const answer = await fetch(path, {
    ...request,
    headers: body ? { ...headers, "Content-Type": "application/json" } : headers,
  });
  if (answer.status === 401) throw new Refused("The API key is missing or wrong.");
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error ?? `The service answered ${answer.status}.`);
  return told;
}

function say(message, alarm = false) {
  byId("status").textContent = message;
  byId("status").classList.toggle("alarm", alarm);
}

/** Tell an error, and ask for the key where that is what is missing. */
function fail(error) {
  if (error instanceof Refused) {
    byId("key").hidden = false;
    say(key ? error.message : "", Boolean(key));
    byId("key-value").focus();
  } else {
    say(error.message, true);
  }
}

// --- terms ------------------------------------------------------------------------------------

/** A tokenizer's term as a reader writes it: "##ing" and "▁sing" are "…ing" and "sing". */
const readable = (token) => token.replace(/^##(?=.)/, "…").replace(/^[▁Ġ](?=.)/, "");

function term({ name, amount, literal, share, title }) {
  const made = element("li", { className: `term ${literal ? "literal" : "added"}`, title }, readable(name));
  if (amount !== null) made.append(element("span", { className: "weight" }, number(amount)));
  made.style.setProperty("--share", share);
  return made;
}

function queryTerm(each, heaviest) {
  const literal = each.literal !== false;
  return term({
    name: each.term,
    amount: each.weight,
    literal,
    share: each.weight / heaviest,
    title: literal ? "stands in the query" : "added to the query by the model",
  });
}

function matchedTerm(each, most) {
  const places = [
    each.in_query !== false ? "stands in the query" : "added to the query",
    each.in_text !== false ? "stands in the text" : "added to the text",
  ];
  return term({
    name: each.term,
    amount: each.score,
    literal: each.in_query !== false && each.in_text !== false,
    share: each.score === null ? 0 : each.score / most,
    title: places.join(", "),
  });
}

/** A list of terms, of which all but the first come on request. */
function termList(terms, make, shown, label) {
  const list = element("ul", { className: "terms" });
  list.setAttribute("aria-label", label);
  const most = Math.max(...terms.map((each) => each.weight ?? each.score ?? 0), 1e-9);
  list.append(...terms.slice(0, shown).map((each) => make(each, most)));
  if (terms.length > shown) {
    const more = element("button", { type: "button", className: "more" });
    more.textContent = `${terms.length - shown} more`;
    const item = element("li", {}, more);
    more.addEventListener("click", () => {
      item.replaceWith(...terms.slice(shown).map((each) => make(each, most)));
    });
    list.append(item);
  }
  return list;
}

// --- texts ------------------------------------------------------------------------------------

/** The part of a text with the most matches, in whole words: [start, end) in code points. */
function bestPart(points, spans) {
  const length = points.length;
  if (length <= SNIPPET) return [0, length];
  let best = 0;
  let start = 0;
  for (let from = 0; from < spans.length; from += 1) {
    const left = Math.max(0, spans[from][0] - 40);
    let inside = 0;
    while (from + inside < spans.length && spans[from + inside][1] <= left + SNIPPET) inside += 1;
    if (inside > best) [best, start] = [inside, left];
  }
  start = Math.min(start, length - SNIPPET);
  let end = start + SNIPPET;
  const isBlank = (at) => /\s/.test(points[at]);
  if (start > 0) for (let at = start; at < start + 30; at += 1) if (isBlank(at)) { start = at; break; }
  if (end < length) for (let at = end; at > end - 30; at -= 1) if (isBlank(at)) { end = at; break; }
  return [start, end];
}

/** Text nodes and marks of points[start:end]; points are code points, as the spans count. */
function marked(points, spans, start, end) {
  const nodes = [];
  let at = start;
  for (const [from, to] of spans) {
    if (to <= at || from >= end) continue;
    nodes.push(points.slice(at, from).join(""));
    nodes.push(element("mark", {}, points.slice(Math.max(at, from), Math.min(to, end)).join("")));
    at = Math.min(to, end);
  }
  nodes.push(points.slice(at, end).join(""));
  return nodes;
}

function textOf(hit) {
  // A lone line break is a wrapped line; the same length, so that the spans still hold.
  const points = Array.from(hit.text.replace(/(?<!\n)\n(?!\n)/g, " "));
  const [start, end] = bestPart(points, hit.spans);
  const text = element("p", { className: "text" });
  const whole = () => text.replaceChildren(...marked(points, hit.spans, 0, points.length));
  if (start === 0 && end === points.length) {
    whole();
    return [text];
  }
  const shown = marked(points, hit.spans, start, end);
  text.append(start ? "…" : "", ...shown, end < points.length ? " …" : "");
  const more = element("button", { type: "button", className: "more" }, "Whole text");
  more.addEventListener("click", () => {
    whole();
    more.remove();
  });
  return [text, more];
}

// --- hits -------------------------------------------------------------------------------------

function facts(pairs) {
  const list = element("dl", { className: "facts" });
  for (const [name, value] of pairs) {
    const told = typeof value === "string" ? value : JSON.stringify(value);
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, told)));
  }
  return list;
}

function hitItem(hit, rank, mode) {
  const title = element("h3", {}, element("span", { className: "rank" }, `${rank}.`), " ", hit.id);
  const score = element("span", { className: "score", title: "score" }, number(hit.score));
  const item = element("li", { className: "hit" }, element("header", {}, title, score));
  item.append(...textOf(hit));
  if (hit.terms.length) {
    item.append(termList(hit.terms, matchedTerm, TERMS_SHOWN, "Terms that matched"));
  }
  const legs = Object.entries(hit.legs)
    .filter(([name]) => name !== mode)
    .map(([name, leg]) => [name, `#${leg.rank} (${number(leg.score)})`]);
  const known = [...legs, ...Object.entries(hit.metadata)];
  if (known.length) item.append(facts(known));
  return item;
}

function column(mode) {
  const made = element("section", { id: `column-${mode}`, className: "column" });
  const title = element("h2", { id: `title-${mode}` }, MODES[mode].title);
  made.setAttribute("aria-labelledby", title.id);
  made.append(element("header", {}, title, element("p", { className: "took" })));
  return made;
}

function fill(mode, content, told = "") {
  const made = byId(`column-${mode}`);
  made.querySelector(".took").textContent = told;
  made.replaceChildren(made.firstElementChild, content);
}

const note = (message) => element("p", { className: "note" }, message);

function showTerms(terms) {
  byId("became").hidden = !terms.length;
  const shown = QUERY_TERMS_SHOWN[narrow.matches ? "narrow" : "wide"];
  byId("query-terms").replaceChildren(termList(terms, queryTerm, shown, "Terms of the query"));
}

/** Search in one mode and fill its column; returns the answer. */
async function searchIn(mode, wanted, signal) {
  const started = performance.now();
  try {
    const answer = await ask("search", { ...wanted, mode }, signal);
    const took = Math.round(performance.now() - started);
    const hits = element("ol", { className: "hits" });
    hits.append(...answer.hits.map((hit, at) => hitItem(hit, at + 1, mode)));
    const content = answer.hits.length ? hits : note("Nothing found.");
    fill(mode, content, `${answer.hits.length} hits, ${took} ms`);
    return answer;
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof Refused)) fill(mode, note(error.message));
    throw error;
  }
}

async function search() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  let filter = null;
  try {
    filter = byId("filter").value.trim() ? JSON.parse(byId("filter").value) : null;
  } catch {
    say('The filter is not JSON: write it as in {"year": 2024}.', true);
    return;
  }
  const query = byId("query").value;
  if (!query.trim()) return;
  const wanted = { query, limit: Number(byId("limit").value), filter };
  say("Searching …");
  document.title = `${query} - splade search`;
  const answers = await Promise.allSettled(
    modes.map((mode) => searchIn(mode, wanted, mine.signal)),
  );
  if (running !== mine) return; // a newer search has begun
  const failed = answers.find((each) => each.status === "rejected");
  const answered = answers.find((each) => each.status === "fulfilled");
  if (answered) showTerms(answered.value.query_terms);
  if (failed) {
    fail(failed.reason);
  } else {
    const [{ value }] = answers;
    const added = value.query_terms.filter((each) => each.literal === false).length;
    const terms = value.query_terms.length;
    say(`The query has ${terms} terms, ${added} of them added by the model.`);
  }
}

// --- the page ---------------------------------------------------------------------------------

function build() {
  byId("columns").replaceChildren();
  for (const mode of Object.keys(MODES)) {
    const made = column(mode);
    byId("columns").append(made);
    const supported = modes.includes(mode);
    made.classList.toggle("off", !supported);
    fill(mode, note(supported ? "" : MODES[mode].missing));
  }
  const choices = byId("switch");
  choices.replaceChildren(choices.firstElementChild);
  for (const mode of modes) {
    const radio = element("input", { type: "radio", name: "shown", value: mode });
    radio.addEventListener("change", () => showColumn(mode));
    choices.append(element("label", {}, radio, MODES[mode].title));
  }
  choices.hidden = modes.length < 2;
  showColumn(modes.includes("hybrid") ? "hybrid" : modes[0]);
}

/** Choose the column that narrow screens show. */
function showColumn(mode) {
  for (const each of modes) byId(`column-${each}`).classList.toggle("shown", each === mode);
  const radio = byId("switch").querySelector(`[value="${mode}"]`);
  if (radio) radio.checked = true;
}

/** Learn what the service has, then run the search that the address names. */
async function start() {
  try {
    const info = await ask("info");
    byId("key").hidden = true;
    byId("model").textContent = `model ${info.model_id.split(/[\\/]/).pop()}`;
    modes = Object.keys(MODES).filter((mode) => info.splade_sdk.modes.includes(mode));
    if (!modes.length) {
      byId("search").hidden = true;
      say("This service encodes texts; it was started without a collection to search.");
      return;
    }
    say("");
    build();
    byId("query").focus();
    fromAddress();
  } catch (error) {
    fail(error);
  }
}

// The query stands behind the #, which browsers do not send: no log of a server holds it.
function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)).get("q");
  if (asked === null || !modes.length) return;
  byId("query").value = asked;
  search();
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const address = `#${new URLSearchParams({ q: byId("query").value })}`;
  if (location.hash === address) search();
  else location.hash = address;
});
byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key-value").value.trim();
  start();
});
addEventListener("hashchange", fromAddress);
addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    byId("query").focus();
    byId("query").select();
  }
});
start();

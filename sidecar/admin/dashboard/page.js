"use strict";
// Everything that comes from the sidecar is shown as text: models are named by whoever calls.

const KEPT = 180; // samples
const MINUTE = 12; // samples
const OPEN_CARDS = 4; // with more limits, the rest is opened by hand
const MOVES = 12; // latest limit changes shown
const WORDS = { urgent: "Act now", warning: "Needs a look", note: "Worth knowing", fine: "All is well" };
const SIGNS = { urgent: "✕", warning: "!", note: "i", fine: "✓" };
const LEVELS = ["urgent", "warning", "note", "fine"];
const GROWTH = ["slow_start", "recovery", "probe"];
const REASONS = {
  slow_start: "growth before the first push-back",
  recovery: "back towards what held before a cut",
  probe: "one more is tried",
  rate: "cut: a limit of the provider was reached",
  ramp: "cut: the provider found growth too fast",
  overload: "cut: the provider lacks capacity",
  latency: "cut: answers became slow, or a test of that",
  restored: "the slowness was not ours: back up",
};
const KINDS = ["rate", "ramp", "overload", "quota", "too_large", "transient"];
const SHEDS = ["queue_full", "queue_timeout", "deadline", "buffer_full", "draining", "quota_exhausted", "websockets_full"];

const $ = (id) => document.getElementById(id);
const limits = new Map(); // key -> limit
let run = null; // the sidecar's start; another one means that it began anew
let next = 0; // sequence number of the next sample
let at = []; // milliseconds of each sample
let stats = null;
let advice = [];
let heard = Date.now(); // when the sidecar answered last
let timer = 0;
let asking = false;
let sortedAs = "";
let pointed = null; // {limit, index}: what the tip shows

// ---- words and figures ------------------------------------------------------------------------

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const NONE = "–";

const words = (name) => name.replaceAll("_", " ");
const count = (n) => (n == null ? NONE : n < 100000 ? whole.format(n) : compact.format(n));
const rate = (n) => (n == null ? NONE : n === 0 ? "0" : n < 10 ? n.toFixed(1) : count(n));
function percent(part, all) {
  if (!all) return NONE;
  const share = (100 * part) / all;
  return part === 0 || part === all ? `${share} %` : `${Math.min(Math.max(share, 0.1), 99.9).toFixed(1)} %`;
}
function seconds(s) {
  if (s == null) return NONE;
  return s < 0.001 ? `${Math.round(s * 1e6)} µs` : s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(s < 10 ? 2 : 1)} s`;
}
/** The same on an axis: no more digits than needed. */
const shortSeconds = (s) => (s < 1 ? seconds(s) : `${Number(s.toFixed(2))} s`);
function money(usd) {
  if (usd == null) return NONE;
  if (usd > 0 && usd < 0.00005) return "< $0.0001";
  return `$${usd === 0 ? "0" : usd < 0.01 ? usd.toFixed(4) : usd < 1000 ? usd.toFixed(2) : compact.format(usd)}`;
}
function duration(s) {
  for (const [size, unit, part, small] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (s >= size) return `${Math.floor(s / size)} ${unit} ${Math.floor((s % size) / part)} ${small}`;
  }
  return `${Math.floor(s)} s`;
}

// ---- nodes, made once and written again --------------------------------------------------------

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function mark(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
function make(parent, tag, cls) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  parent.append(node);
  return node;
}
function draw(parent, tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  parent.append(node);
  return node;
}
/** As many children as there are items, each filled by `fill(node, item)`. */
function fillList(parent, items, create, fill) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) create(parent);
  items.forEach((item, i) => fill(parent.children[i], item));
}
function makeRow(cells, wide) {
  return (body) => {
    const row = make(body, "tr");
    for (let i = 0; i < cells; i++) make(row, "td", wide.includes(i) ? "wide" : "");
  };
}
function fillRow(row, texts) {
  texts.forEach((text, i) => put(row.children[i], text));
}

// ---- what the sidecar says ----------------------------------------------------------------------

function take(answer) {
  const fresh = answer.run !== run || answer.first !== next;
  if (fresh) {
    at = [];
    if (answer.run !== run) for (const limit of limits.values()) limit.moves = [];
  }
  run = answer.run;
  next = answer.next;
  at.push(...answer.at);
  if (at.length > KEPT) at.splice(0, at.length - KEPT);
  stats = answer.stats;
  advice = answer.advice;
  const counted = new Map(stats.limits.map((each) => [keyOf(each), each]));
  const seen = new Set();
  for (const each of answer.limits) {
    const key = keyOf(each);
    seen.add(key);
    const limit = limits.get(key) ?? newLimit(key, each);
    answer.columns.forEach((name, i) => {
      const column = fresh ? [] : limit.columns[name] ?? [];
      while (column.length + each.values[i].length < at.length) column.unshift(-1);
      column.push(...each.values[i]);
      if (column.length > at.length) column.splice(0, column.length - at.length);
      limit.columns[name] = column;
    });
    limit.stats = counted.get(key) ?? null;
    limit.reasons = answer.reasons;
  }
  for (const [key, limit] of limits) if (!seen.has(key)) forget(key, limit);
  for (const change of answer.changes) {
    const limit = limits.get(keyOf(change));
    if (!limit) continue;
    if (fresh && limit.moves.some((known) => known.at === change.at)) continue;
    limit.moves.unshift(change);
    if (limit.moves.length > MOVES) limit.moves.length = MOVES;
  }
  for (const limit of limits.values()) judge(limit);
  put($("state"), answer.state);
  mark($("state"), "data-level", answer.state === "ready" ? "fine" : "warning");
}

const keyOf = (each) => JSON.stringify([each.upstream, each.model]);

function newLimit(key, { upstream, model }) {
  const limit = { key, upstream, model, name: `${upstream} / ${model}`, columns: {}, moves: [], stats: null, card: null };
  limits.set(key, limit);
  return limit;
}

function forget(key, limit) {
  if (pointed?.limit === limit) unpoint();
  limit.card?.root.remove();
  limit.row?.remove();
  limits.delete(key);
}

/** A column's last samples added up, unknown ones left out. */
function sum(limit, name, samples = MINUTE) {
  let total = 0;
  for (const value of limit.columns[name]?.slice(-samples) ?? []) if (value > 0) total += value;
  return total;
}
function last(limit, name) {
  const value = limit.columns[name]?.at(-1);
  return value == null || value < 0 ? null : value;
}
/** Seconds that the last samples span. */
function span(samples) {
  const from = at.length > samples ? at[at.length - 1 - samples] : at[0] - 5000;
  return Math.max((at.at(-1) - from) / 1000, 1);
}
/** Seconds that one sample spans. */
const step = (i) => Math.max(i > 0 ? (at[i] - at[i - 1]) / 1000 : 5, 0.5);

/** The highest of the last minute's samples, in seconds. */
function highest(limit, name) {
  const known = (limit.columns[name] ?? []).slice(-MINUTE).filter((us) => us >= 0);
  return known.length ? Math.max(...known) / 1e6 : null;
}

function judge(limit) {
  const minute = span(MINUTE);
  limit.rejected = KINDS.reduce((total, kind) => total + sum(limit, `rejected_${kind}`), 0);
  limit.attempts = sum(limit, "attempts");
  limit.requests = sum(limit, "requests");
  limit.answers = sum(limit, "succeeded") / minute;
  limit.p50 = highest(limit, "p50_us");
  limit.p95 = highest(limit, "p95_us");
  limit.findings = advice.filter((each) => each.upstream === limit.upstream && each.model === limit.model);
  limit.level = limit.findings[0]?.level ?? "fine";
  const used = sum(limit, "requests", 60) + sum(limit, "attempts", 60);
  limit.idle = !used && !last(limit, "in_flight") && !last(limit, "waiting");
}

const tokensOf = (counted) => {
  const tokens = counted?.tokens;
  return tokens?.input || tokens?.output ? `${count(tokens.input ?? 0)} in, ${count(tokens.output ?? 0)} out` : NONE;
};
/** Null where nothing has a known price: that is not free. */
const costOf = (counted) => money(counted?.cost_usd);
function unpricedOf(counted) {
  const unpriced = counted?.unpriced_requests ?? 0;
  return unpriced > 0 ? `${count(unpriced)} ${unpriced === 1 ? "answer" : "answers"} without a price` : "";
}

// ---- the first screen -----------------------------------------------------------------------------

function showAll() {
  const active = sorted();
  showVerdict();
  showTiles();
  showOverview(active);
  showCards(active);
  showIdle();
  put($("build"), `${stats.version}, up ${duration(stats.uptime_seconds)}`);
  put($("fresh"), at.length ? `as of ${clockSeconds.format(at.at(-1))}` : "first sample in a moment");
  const silent = limits.size === 0 && stats.limits.length === 0;
  $("empty").hidden = !silent;
  $("totals").hidden = silent;
}

/** Trouble first, then traffic; the order moves only when one of both has really changed. */
function sorted() {
  const active = [...limits.values()].filter((limit) => !limit.idle);
  const rank = (limit) => LEVELS.indexOf(limit.level);
  const traffic = (limit) => Math.round(Math.log2(1 + limit.requests));
  const wanted = active.map((limit) => `${limit.key} ${rank(limit)}`).sort().join();
  if (wanted !== sortedAs) {
    sortedAs = wanted;
    active.sort((a, b) => rank(a) - rank(b) || traffic(b) - traffic(a) || (a.name < b.name ? -1 : 1));
    active.forEach((limit, place) => (limit.place = place));
  }
  return active.sort((a, b) => a.place - b.place);
}

function showVerdict() {
  const [group, ...rest] = grouped();
  const worst = group?.first;
  const verdict = $("verdict");
  const level = worst?.level ?? "fine";
  mark(verdict, "data-level", level);
  put(verdict.querySelector(".sign"), SIGNS[level]);
  put(verdict.querySelector(".word"), WORDS[level]);
  put(verdict.querySelector("h2"), worst?.title ?? "Nothing to do");
  put(verdict.querySelector(".where"), group ? listed(group.names) : "");
  put(verdict.querySelector(".text"), group ? textOf(group) : "");
  put(verdict.querySelector(".action"), worst?.action ?? "");
  put(document.querySelector("title"), level === "fine" ? "llm-sidecar" : `${SIGNS[level]} ${worst.title} · llm-sidecar`);
  const room = innerWidth > 760 ? 3 : 1;
  fillList($("advice"), rest.slice(0, room), makeFinding, fillFinding);
  const hidden = rest.slice(room);
  verdict.classList.toggle("several", rest.length > 0);
  $("more").hidden = !hidden.length;
  put($("more").querySelector("summary"), `${hidden.length} more`);
  fillList($("more").querySelector("ul"), hidden, makeFinding, fillFinding);
}
/** The same finding about several limits is told once, with the figures of the busiest. */
function grouped() {
  const groups = new Map();
  for (const each of advice) {
    const key = each.level + each.code;
    if (!groups.has(key)) groups.set(key, { first: each, names: [] });
    if (each.upstream) groups.get(key).names.push(`${each.upstream} / ${each.model}`);
  }
  return [...groups.values()];
}
const listed = (names) => names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
const textOf = ({ first, names }) => (names.length > 1 ? `${names[0]}: ${first.text}` : first.text);
function makeFinding(list) {
  const item = make(list, "li");
  make(item, "span", "pill");
  for (const tag of ["b", "span", "em"]) make(item, tag);
}
function fillFinding(item, group) {
  const each = group.first;
  const [pill, name, text, action] = item.children;
  put(pill, WORDS[each.level]);
  mark(pill, "data-level", each.level);
  put(name, `${each.title}${group.names.length ? ` (${listed(group.names)})` : ""}. `);
  put(text, `${textOf(group)} `);
  put(action, each.action);
}

function showTiles() {
  const all = [...limits.values()];
  const total = (read) => all.reduce((so_far, limit) => so_far + (read(limit) ?? 0), 0);
  const known = all.map((limit) => limit.p95).filter((p95) => p95 != null);
  const requests = total((limit) => limit.requests);
  const succeeded = total((limit) => sum(limit, "succeeded"));
  const totals = stats.totals;
  const rejected = total((limit) => limit.rejected);
  const attempts = total((limit) => limit.attempts);
  const shed = total((limit) => SHEDS.reduce((so_far, reason) => so_far + sum(limit, `shed_${reason}`), 0));
  const tokens = total((limit) => sum(limit, "input_tokens") + sum(limit, "output_tokens"));
  const tiles = [
    ["Answers/s", rate(total((limit) => limit.answers)), `since the start: ${count(totals.total_requests)} requests`],
    ["Succeeded", percent(succeeded, requests), `since the start: ${percent(totals.successful_requests, totals.total_requests)}`],
    ["In flight", count(totals.current_concurrency), `limits add up to ${count(total((limit) => last(limit, "limit")))}`],
    ["Waiting", count(totals.queue_depth), `${count(shed)} refused in the last minute`],
    ["Rejected", percent(rejected, attempts), `since the start: ${count(totals.rejected_requests)} attempts`],
    ["First byte, p95", known.length ? seconds(Math.max(...known)) : NONE, "slowest limit, last minute"],
    ["Tokens", tokensOf(totals).split(", ")[0], tokensOf(totals) === NONE ? "none told yet" : `${tokensOf(totals).split(", ")[1]}; ${count(tokens)} in the last minute`],
    ["Cost", costOf(totals), unpricedOf(totals) || "estimate, since the start"],
  ];
  fillList($("tiles"), tiles, (list) => {
    const tile = make(list, "div");
    for (const tag of ["dt", "dd", "dd"]) make(tile, tag);
  }, fillRow);
}

function showOverview(active) {
  $("overview").hidden = active.length < 2;
  const body = $("overview").querySelector("tbody");
  active.forEach((limit, place) => {
    if (!limit.row) {
      makeRow(9, [4, 5, 7, 8])(body);
      limit.row = body.lastElementChild;
      const link = make(limit.row.children[0], "a");
      link.textContent = limit.name;
      link.href = "#cards";
      link.addEventListener("click", (event) => {
        event.preventDefault();
        limit.card.root.open = true;
        limit.card.root.scrollIntoView();
        limit.card.root.querySelector("summary").focus({ preventScroll: true });
      });
      make(limit.row.children[0], "span", "pill");
    }
    const cells = limit.row.children;
    const pill = cells[0].lastElementChild;
    put(pill, limit.level === "fine" ? "" : WORDS[limit.level]);
    mark(pill, "data-level", limit.level);
    [
      count(last(limit, "limit")), count(limit.stats?.current_concurrency), count(limit.stats?.queue_depth),
      rate(limit.answers), seconds(limit.p95), percent(limit.rejected, limit.attempts), tokensOf(limit.stats), costOf(limit.stats),
    ].forEach((text, i) => put(cells[i + 1], text));
    if (body.children[place] !== limit.row) body.insertBefore(limit.row, body.children[place] ?? null);
  });
  for (const limit of limits.values()) {
    if (limit.idle && limit.row) {
      limit.row.remove();
      limit.row = null;
    }
  }
}

function showIdle() {
  const idle = stats.limits.filter((each) => limits.get(keyOf(each))?.idle ?? true);
  $("idle").hidden = !idle.length;
  put($("idle").querySelector("h2"), `${idle.length} idle ${idle.length === 1 ? "limit" : "limits"}: no call in the last 5 minutes`);
  fillList($("idle").querySelector("tbody"), idle, makeRow(5, [3, 4]), (row, each) => fillRow(row, [
    `${each.upstream} / ${each.model}`, count(each.total_requests), percent(each.successful_requests, each.total_requests),
    tokensOf(each), costOf(each),
  ]));
}

// ---- one limit ------------------------------------------------------------------------------------

function showCards(active) {
  const parent = $("cards");
  active.forEach((limit, place) => {
    limit.card ??= newCard(limit, place < OPEN_CARDS);
    if (parent.children[place] !== limit.card.root) parent.insertBefore(limit.card.root, parent.children[place] ?? null);
    showCard(limit);
  });
  for (const limit of limits.values()) {
    if (limit.idle && limit.card) {
      limit.card.root.remove();
      limit.card = null;
    }
  }
}

function newCard(limit, open) {
  const root = $("card").content.firstElementChild.cloneNode(true);
  const find = (selector) => root.querySelector(selector);
  put(find("h2"), limit.name);
  root.open = open;
  root.addEventListener("toggle", () => showCard(limit));
  const charts = find(".charts");
  const card = { root, charts, panels: PANELS.map((panel) => newPanel(find(panel.side ? ".side" : ".main"), panel)) };
  charts.addEventListener("pointermove", (event) => point(limit, event));
  charts.addEventListener("pointerdown", (event) => point(limit, event));
  charts.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") unpoint(); // a finger that was lifted still wants to read
  });
  charts.addEventListener("blur", unpoint);
  charts.addEventListener("keydown", (event) => walk(limit, event));
  return card;
}

function showCard(limit) {
  if (!limit.card) return;
  const { root, charts, panels } = limit.card;
  const find = (selector) => root.querySelector(selector);
  const pill = find(".pill");
  put(pill, WORDS[limit.level]);
  mark(pill, "data-level", limit.level);
  put(find(".brief"), `${count(limit.stats?.current_concurrency)} of ${count(last(limit, "limit"))} in flight, `
    + `${count(limit.stats?.queue_depth)} waiting, ${rate(limit.answers)} answers/s, p95 ${seconds(limit.p95)}`);
  if (!root.open) return;
  const finding = limit.findings[0];
  find(".finding").hidden = !finding;
  put(find(".finding"), finding ? `${finding.title}. ${finding.text} ${finding.action}` : "");
  mark(charts, "aria-label", `Charts of ${limit.name}; left and right arrow keys read single samples`);
  for (const panel of panels) panel.width ||= panel.figure.parentElement.clientWidth; // all read before any is written
  for (const panel of panels) drawPanel(panel, limit);
  const { stats: counted } = limit;
  const list = (counts) => Object.entries(counts ?? {}).map(([name, n]) => `${count(n)} ${words(name)}`).join(", ") || "none";
  const rows = [
    ["Requests", list(counted?.requests_by_status)],
    ["Attempts", `${count(counted?.attempts)}, of them ${list(counted?.retries_by_reason)} retried`.replace("none retried", "no retries")],
    ["Rejected by the provider", list(counted?.rejections_by_kind)],
    ["Refused at the door", list(counted?.shed_by_reason)],
    ["Had to wait for", list(counted?.waits_by_reason)],
    ["Tokens", tokensOf(counted)],
    ["Cost", [costOf(counted), unpricedOf(counted)].filter(Boolean).join(", ")],
  ];
  fillList(find(".since tbody"), rows, (body) => {
    const row = make(body, "tr");
    make(row, "th").scope = "row";
    make(row, "td");
  }, fillRow);
  find(".moves").hidden = !limit.moves.length;
  fillList(find(".moves tbody"), limit.moves, makeRow(3, []), (row, move) => fillRow(row, [
    clockSeconds.format(move.at), `${move.before} → ${move.after}`, `${words(move.reason)}: ${REASONS[move.reason] ?? ""}`,
  ]));
}

// ---- charts ---------------------------------------------------------------------------------------

const PANELS = [
  {
    title: "Limit and in flight", height: 190, form: count, marks: true,
    series: [["area", "in flight", "--flight", (c) => c.in_flight], ["step", "limit", "--limit", (c) => c.limit]],
  },
  { title: "Waiting", height: 84, form: count, none: "nobody had to", series: [["area", "in the queue", "--waiting", (c) => c.waiting]] },
  {
    title: "Rejected by the provider, refused at the door", height: 96, form: count, least: 4, none: "none",
    series: [
      ...KINDS.map((kind) => ["bar", words(kind), `--${kind}`, (c) => c[`rejected_${kind}`]]),
      ["bar", "refused here", "--shed", (c) => c.limit.map((_, i) => SHEDS.reduce((total, reason) => total + Math.max(c[`shed_${reason}`][i], 0), 0))],
    ],
  },
  {
    title: "Throughput", height: 140, form: rate, side: true, per: "per second",
    series: [["area", "answers", "--answers", (c) => perSecond(c.succeeded)]],
  },
  {
    title: "Time to first byte", height: 140, form: seconds, axis: shortSeconds, side: true, least: 0, bound: 2, gaps: true,
    series: [["line", "p50", "--p50", (c) => inSeconds(c.p50_us)], ["line", "p95", "--p95", (c) => inSeconds(c.p95_us)]],
  },
  {
    title: "LLM tokens", height: 96, form: rate, side: true, per: "per second", optional: true,
    series: [["area", "in", "--p50", (c) => perSecond(c.input_tokens)], ["line", "out", "--p95", (c) => perSecond(c.output_tokens)]],
  },
];
const perSecond = (column) => column.map((n, i) => (n < 0 ? -1 : n / step(i)));
const inSeconds = (column) => column.map((us) => (us < 0 ? -1 : us / 1e6));

const LEFT = 46;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 18;
/** Shapes of marks, drawn at (x, y); growth is a dot, a cut points down, a return up. */
const SHAPES = {
  dot: (x, y) => `M${x - 2},${y}a2,2 0 1,0 4,0a2,2 0 1,0 -4,0`,
  down: (x, y) => `M${x},${y}l-5,-9h10z`,
  diamond: (x, y) => `M${x},${y}l-5,-5.5l5,-5.5l5,5.5z`,
  square: (x, y) => `M${x - 4},${y - 10}h8v8h-8z`,
  hook: (x, y) => `M${x},${y}l-5,-9h5z`,
  up: (x, y) => `M${x},${y - 10}l-5,9h10z`,
};
const SHAPE_OF = { rate: "down", ramp: "hook", overload: "diamond", latency: "square", restored: "up" };

function newPanel(parent, plan) {
  const figure = make(parent, "figure");
  const caption = make(figure, "figcaption");
  const title = make(caption, "b");
  title.textContent = plan.per ? `${plan.title}, ${plan.per}` : plan.title;
  const none = make(caption, "span");
  const svg = draw(figure, "svg", { class: "plot", role: "img", height: plan.height });
  const grid = draw(svg, "path", { class: "grid" });
  const bound = draw(svg, "path", { class: "bound" });
  const labels = [...Array(3)].map(() => draw(svg, "text", { class: "y" }));
  const times = [...Array(5)].map(() => draw(svg, "text", { class: "x" }));
  const series = plan.series.map(([kind, name, ink]) => {
    const paths = (kind === "area" ? ["area", "line"] : [kind === "bar" ? "bar" : "line"]).map((cls) => {
      const path = draw(svg, "path", { class: `${cls}${name === "limit" ? " limit" : ""}`, "data-series": name });
      path.style.setProperty("--ink", `var(${ink})`);
      return path;
    });
    return { paths, key: newKey(caption, name, ink, kind === "bar" ? "square" : null) };
  });
  const marks = {};
  for (const reason of plan.marks ? Object.keys(REASONS) : []) {
    const ink = GROWTH.includes(reason) ? "--grow" : `--${reason}`;
    const path = draw(svg, "path", { class: GROWTH.includes(reason) ? "mark dot" : "mark", "data-reason": reason });
    path.style.setProperty("--ink", `var(${ink})`);
    draw(path, "title").textContent = `${words(reason)}: ${REASONS[reason]}`;
    marks[reason] = { path, key: newKey(caption, words(reason), ink, SHAPE_OF[reason] ?? "dot") };
    marks[reason].key.title = REASONS[reason];
  }
  return { plan, figure, none, svg, grid, bound, labels, times, series, marks, cross: draw(svg, "path", { class: "cross" }) };
}

function newKey(caption, name, ink, shape) {
  const key = make(caption, "span", "key");
  const svg = draw(key, "svg", { "aria-hidden": "true", viewBox: "0 0 14 10" });
  const sign = draw(svg, "path", shape ? { class: shape === "dot" ? "mark dot" : "mark", d: SHAPES[shape](7, shape === "dot" ? 5 : 10) } : { class: "line", d: "M0,5h14" });
  sign.style.setProperty("--ink", `var(${ink})`);
  make(key, "span").textContent = name;
  return key;
}

/** From (time, value) to the place in a panel. */
function frame(panel, top) {
  const width = Math.max(panel.width, 120);
  const { from, to } = stretch();
  return {
    width,
    x: (t) => LEFT + ((width - LEFT - RIGHT) * (t - from)) / (to - from),
    y: (v) => TOP + (panel.plan.height - TOP - BOTTOM) * (1 - v / top),
  };
}

/** The time shown: 15 minutes, or less while the sidecar is younger. */
function stretch() {
  const to = at.at(-1) ?? 0;
  return { from: Math.max(to - 900000, Math.min(at[0] - 5000, to - 120000)), to };
}

/** The top of an axis, whose half is labelled too: that must be a whole number where things are counted. */
function niceTop(highest, least, counted) {
  const wanted = Math.max(highest, least) || 1;
  const size = 10 ** Math.floor(Math.log10(wanted));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * size)
    .find((top) => top >= wanted * 1.04 && !(counted && top % 2)) ?? 20 * size;
}

function drawPanel(panel, limit) {
  const { plan, svg } = panel;
  const columns = plan.series.map(([, , , read]) => read(limit.columns));
  const stacked = plan.series[0][0] === "bar";
  const heights = stacked ? at.map((_, i) => columns.reduce((total, column) => total + Math.max(column[i], 0), 0)) : columns.flat();
  const highest = heights.reduce((most, value) => Math.max(most, value), 0);
  const none = highest === 0 && Boolean(plan.none);
  put(panel.none, none ? `${plan.none} in this time` : "");
  svg.style.display = none ? "none" : "";
  for (const { key } of panel.series) key.hidden = none;
  panel.figure.hidden = plan.optional === true && highest === 0;
  if (none || panel.figure.hidden || !at.length) {
    panel.space = null;
    return;
  }
  const top = niceTop(highest, plan.least ?? (plan.form === count ? 4 : 0.5), plan.form === count);
  const space = frame(panel, top);
  const { width, x, y } = space;
  panel.space = space;
  mark(svg, "viewBox", `0 0 ${width} ${plan.height}`);
  drawAxes(panel, top);
  mark(panel.bound, "d", plan.bound && plan.bound < top ? `M${LEFT},${y(plan.bound)}H${width - RIGHT}` : "");
  const floor = at.map(() => 0);
  plan.series.forEach(([kind, name], s) => {
    const { paths, key } = panel.series[s];
    const column = columns[s];
    if (kind === "bar") {
      mark(paths[0], "d", bars(column, floor, space));
      key.hidden = !column.some((value) => value > 0);
    } else {
      const line = kind === "step" ? steps(column, x, y) : lines(column, x, y, plan.gaps);
      mark(paths.at(-1), "d", line.map((piece) => piece.d).join(""));
      if (kind === "area") mark(paths[0], "d", line.map((piece) => `${piece.d}V${y(0)}H${piece.start}Z`).join(""));
    }
  });
  const told = plan.marks ? drawMarks(panel, limit) : "";
  mark(svg, "aria-label", `${plan.title}: ${plan.series.map(([, name], s) => {
    const known = columns[s].filter((value) => value >= 0);
    return known.length ? `${name} ${plan.form(known.at(-1))} now, at most ${plan.form(Math.max(...known))}` : `${name} unknown`;
  }).join("; ")}${told}`);
}

function drawAxes(panel, top) {
  const { width, x, y } = panel.space;
  const { from, to } = stretch();
  const round1 = (n) => Math.round(n * 2) / 2;
  mark(panel.grid, "d", [0, 0.5, 1].map((part) => `M${LEFT},${round1(y(part * top))}H${width - RIGHT}`).join(""));
  panel.labels.forEach((label, i) => {
    mark(label, "x", String(LEFT - 7));
    mark(label, "y", String(y((i * top) / 2) + 3.5));
    put(label, i === 0 ? "0" : (panel.plan.axis ?? panel.plan.form)((i * top) / 2));
  });
  const every = to - from > 480000 ? 300000 : to - from > 240000 ? 120000 : 60000;
  let tick = Math.ceil((from + 20000) / every) * every;
  for (const label of panel.times) {
    const shown = tick <= to && x(tick) > LEFT + 14 && x(tick) < width - 16;
    put(label, shown ? clock.format(tick) : "");
    mark(label, "x", String(x(tick)));
    mark(label, "y", String(panel.plan.height - 4));
    tick += every;
  }
}

const p = (n) => Math.round(n * 10) / 10;

/** Connected pieces of a curve; unknown samples break it, or are bridged where few are expected. */
function lines(column, x, y, bridge) {
  const pieces = [];
  let piece = null;
  column.forEach((value, i) => {
    if (value < 0) {
      if (!bridge) piece = null;
      return;
    }
    const place = `${p(x(at[i]))},${p(y(value))}`;
    if (piece) piece.d += `L${place}`;
    else pieces.push((piece = { d: `M${place}`, start: p(x(at[i])) }));
  });
  for (const each of pieces) if (!each.d.includes("L")) each.d += "h1.5";
  return pieces;
}

function steps(column, x, y) {
  const pieces = [];
  let piece = null;
  column.forEach((value, i) => {
    if (value < 0) return (piece = null);
    if (piece) piece.d += `H${p(x(at[i]))}V${p(y(value))}`;
    else pieces.push((piece = { d: `M${p(x(at[i]))},${p(y(value))}h1` }));
    return piece;
  });
  return pieces;
}

/** Bars on top of `floor`, which they raise. */
function bars(column, floor, { x, y, width }) {
  const broad = Math.max(Math.min(((width - LEFT - RIGHT) * 5000) / (stretch().to - stretch().from) - 0.6, 10), 1.2);
  let d = "";
  column.forEach((value, i) => {
    if (value <= 0) return;
    const low = y(floor[i]);
    floor[i] += value;
    d += `M${p(x(at[i]) - broad)},${p(low)}h${p(broad)}V${p(y(floor[i]))}h${p(-broad)}Z`;
  });
  return d;
}

/** The reasons for which the limit moved in that sample. */
const reasonsOf = (limit, i) => {
  const bits = Math.max(limit.columns.changes[i], 0);
  return limit.reasons.filter((_, place) => bits & (1 << place));
};

function drawMarks(panel, limit) {
  const { x, y } = panel.space;
  const drawn = {};
  const counts = {};
  limit.columns.changes.forEach((_, i) => {
    if (limit.columns.limit[i] < 0) return;
    const reasons = reasonsOf(limit, i);
    const others = reasons.filter((reason) => !GROWTH.includes(reason));
    reasons.forEach((reason) => (counts[reason] = (counts[reason] ?? 0) + 1));
    (others.length ? others : reasons.slice(0, 1)).forEach((reason, height) => {
      const shape = SHAPES[SHAPE_OF[reason] ?? "dot"];
      drawn[reason] = (drawn[reason] ?? "") + shape(p(x(at[i])), p(y(limit.columns.limit[i]) - height * 10 - (SHAPE_OF[reason] ? 3 : 0)));
    });
  });
  for (const reason in panel.marks) {
    mark(panel.marks[reason].path, "d", drawn[reason] ?? "");
    panel.marks[reason].key.hidden = !drawn[reason];
  }
  const told = Object.entries(counts).map(([reason, n]) => `${words(reason)} in ${n} samples`);
  return told.length ? `; it moved for: ${told.join(", ")}` : "";
}

// ---- reading one sample ---------------------------------------------------------------------------

function point(limit, event) {
  const figure = event.target.closest?.("figure");
  const panel = limit.card.panels.find((each) => each.figure === figure);
  if (!panel?.space || !at.length) return;
  const box = panel.svg.getBoundingClientRect();
  const { from, to } = stretch();
  const t = from + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * (to - from);
  let nearest = 0;
  at.forEach((moment, i) => {
    if (Math.abs(moment - t) < Math.abs(at[nearest] - t)) nearest = i;
  });
  pointed = { limit, time: at[nearest], left: event.clientX, top: event.clientY };
  showTip();
}

function walk(limit, event) {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Escape") return unpoint();
  if (!way || !at.length) return undefined;
  event.preventDefault();
  const here = pointed?.limit === limit ? at.indexOf(pointed.time) : at.length;
  const index = Math.min(Math.max(here + way, 0), at.length - 1);
  const { svg, space } = limit.card.panels[0];
  const box = svg.getBoundingClientRect();
  pointed = { limit, time: at[index], left: box.left + space.x(at[index]), top: box.top + 20 };
  return showTip();
}

function unpoint() {
  if (!pointed) return;
  for (const panel of pointed.limit.card?.panels ?? []) mark(panel.cross, "d", "");
  pointed = null;
  $("tip").hidden = true;
}

function showTip() {
  if (!pointed) return;
  const { limit, time, left, top } = pointed;
  const i = at.indexOf(time);
  if (i < 0 || !limit.card) return unpoint();
  const c = limit.columns;
  for (const panel of limit.card.panels) {
    if (panel.space) mark(panel.cross, "d", `M${p(panel.space.x(time))},${TOP}V${panel.plan.height - BOTTOM}`);
  }
  const known = (value, form) => (value < 0 ? NONE : form(value));
  const split = (prefix, names) => names.filter((name) => c[prefix + name][i] > 0).map((name) => [words(name), count(c[prefix + name][i])]);
  const reasons = reasonsOf(limit, i);
  const rows = [
    ["Limit", known(c.limit[i], count)],
    ...(reasons.length ? [["moved for", reasons.map(words).join(", ")]] : []),
    ["In flight", known(c.in_flight[i], count)],
    ["Waiting", known(c.waiting[i], count)],
    ["Had to wait", known(c.waited[i], count)],
    ["Answers/s", known(c.succeeded[i], (n) => rate(n / step(i)))],
    ["First byte p50", known(c.p50_us[i], (us) => seconds(us / 1e6))],
    ["First byte p95", known(c.p95_us[i], (us) => seconds(us / 1e6))],
    ...split("rejected_", KINDS).map(([name, n]) => [`Rejected: ${name}`, n]),
    ...split("shed_", SHEDS).map(([name, n]) => [`Refused: ${name}`, n]),
    ...(c.input_tokens[i] > 0 || c.output_tokens[i] > 0 ? [["Tokens in, out", `${count(c.input_tokens[i])}, ${count(c.output_tokens[i])}`]] : []),
    ...(c.cost_microusd[i] > 0 ? [["Cost", money(c.cost_microusd[i] / 1e6)]] : []),
  ];
  const tip = $("tip");
  put(tip.querySelector("b"), clockSeconds.format(time));
  fillList(tip.querySelector("tbody"), rows, (body) => {
    const row = make(body, "tr");
    make(row, "th").scope = "row";
    make(row, "td");
  }, fillRow);
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(left + 16 + width > innerWidth ? left - 16 - width : left + 16, 4)}px`;
  tip.style.top = `${Math.min(Math.max(top - height / 2, 4), Math.max(innerHeight - height - 4, 4))}px`;
  return undefined;
}

// ---- asking, every 5 seconds while somebody looks ---------------------------------------------------

async function ask() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const answer = await fetched();
  asking = false;
  if (!document.hidden) timer = setTimeout(ask, 5000);
  const gone = $("gone");
  gone.hidden = answer !== null;
  if (answer === null) {
    put(gone, `No answer from the sidecar since ${clockSeconds.format(heard)}, trying again. What stands below is from before.`);
    return;
  }
  heard = Date.now();
  take(answer);
  showAll();
  showTip();
}

/** What is newer than what is known; null where no answer comes. */
async function fetched() {
  const controller = new AbortController();
  const patience = setTimeout(() => controller.abort(), 4000);
  try {
    const since = run !== null && next > 0 ? `?run=${run}&since=${next - 1}` : "";
    const answer = await fetch(`history${since}`, { signal: controller.signal, cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(patience);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else ask();
});
addEventListener("resize", () => {
  for (const limit of limits.values()) for (const panel of limit.card?.panels ?? []) panel.width = 0;
  if (stats) showAll();
});
addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.(".charts")) unpoint();
});
addEventListener("scroll", unpoint, { passive: true });
ask();

// The page of `framebus serve`: server-sent events bring the snapshots that `framebus top --json` prints.

const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token");
const KEEP = 120; // Samples of a sparkline.
const STATES = { reading: "R", waiting: "W", slow: "S", stuck: "K", idle: "I", "pipe-only": "P", gone: "D" };

let snapshots = [];
let bus = decodeURIComponent(location.hash.slice(1));
let shown = null; // The address of the picture.
let open = null; // What the dialog shows: {kind, id}.
const rates = new Map(); // `bus` or `bus/consumer` to the last rates.

function address(path, query = {}) {
  const all = new URLSearchParams(query);
  if (token) all.set("token", token);
  const text = all.toString();
  return text ? `${path}?${text}` : path;
}

const ofBus = (path, query) => address(`buses/${encodeURIComponent(bus)}/${path}`, query);

function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

const none = "---";
const fixed = (value, digits = 1) => (value == null ? none : value.toFixed(digits));
const whole = (value) => (value == null ? none : String(value));

function time(ms) {
  if (ms == null) return none;
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3600000) return `${Math.round(ms / 60000)} min`;
  return `${Math.round(ms / 3600000)} h`;
}

const pair = (of) => (of.p50 == null ? none : `${time(of.p50)} / ${time(of.p99)}`);
const bytes = (value) => (value == null ? none : `${(value / 1048576).toFixed(1)} MiB`);
const percent = (value) => (value == null ? none : `${Math.round(value)} %`);

function remember(key, value) {
  const list = rates.get(key) ?? [];
  list.push(value);
  if (list.length > KEEP) list.shift();
  rates.set(key, list);
}

function spark(svg, key, most) {
  const list = rates.get(key) ?? [];
  const top = Math.max(most || 0, 1, ...list.filter((value) => value != null)) * 1.1;
  const points = list.flatMap((value, at) => (value == null ? [] : [`${at + KEEP - list.length},${(30 - (30 * value) / top).toFixed(2)}`]));
  svg.setAttribute("viewBox", `0 0 ${KEEP} 30`);
  svg.setAttribute("preserveAspectRatio", "none");
  let line = svg.firstElementChild;
  if (!line) line = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  line.setAttribute("points", points.join(" "));
}

function pairs(list, entries) {
  while (list.children.length > entries.length * 2) list.lastElementChild.remove();
  entries.forEach(([name, value], at) => {
    if (!list.children[at * 2]) list.append(document.createElement("dt"), document.createElement("dd"));
    text(list.children[at * 2], name);
    text(list.children[at * 2 + 1], String(value));
  });
}

// Rows are kept while their key is there, so that the focus stays where it is.
function rows(table, all, key, make, fill) {
  const body = table.tBodies[0];
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  all.forEach((item, at) => {
    const id = String(key(item));
    let row = old.get(id);
    old.delete(id);
    if (!row) {
      row = make(item);
      row.dataset.key = id;
    }
    if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null);
    fill(row, item);
  });
  for (const row of old.values()) row.remove();
}

function cells(count, button, numbers) {
  const row = document.createElement("tr");
  for (let at = 0; at < count; at++) {
    const cell = row.insertCell();
    if (numbers.includes(at)) cell.className = "n";
    if (at === button) cell.append(Object.assign(document.createElement("button"), { type: "button" }));
  }
  return row;
}

function consumerRow(item) {
  const row = cells(14, 2, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  row.cells[3].append(svg);
  row.querySelector("button").addEventListener("click", () => show("consumer", item.index));
  return row;
}

function fillConsumer(row, item) {
  row.className = item.state;
  const values = [
    STATES[item.state] ?? "?", whole(item.index), null, null, fixed(item.fps), whole(item.taken), whole(item.skipped),
    fixed(item.triggers_per_s), item.slot == null ? "-" : whole(item.slot), item.slot == null ? "-" : time(item.held_ms),
    pair(item.wait_ms), pair(item.busy_ms), percent(item.cpu_percent), whole(item.pid),
  ];
  values.forEach((value, at) => value != null && text(row.cells[at], value));
  row.cells[0].title = item.state;
  const button = row.querySelector("button");
  text(button, item.name || "-");
  button.setAttribute("aria-label", `consumer ${item.index} ${item.name}, ${item.state}: details`);
  spark(row.querySelector("svg"), `${bus}/${item.index}`);
}

function slotRow(item) {
  const row = cells(7, 0, [3, 4, 5]);
  row.querySelector("button").addEventListener("click", () => show("slot", item.slot));
  row.cells[1].className = "thumb";
  return row;
}

function slotPicture(image, item, width) {
  if (item.sequence == null) return;
  image.alt = `slot ${item.slot}, sequence ${item.sequence}`;
  // One at a time: the next when this one is here.
  if (image.dataset.waits) return;
  const now = Date.now();
  if (image.dataset.sequence === String(item.sequence) || now - (image.dataset.at ?? 0) < 900) return;
  Object.assign(image.dataset, { waits: "1", sequence: item.sequence, at: now });
  image.onload = image.onerror = () => delete image.dataset.waits;
  image.src = ofBus(`slots/${item.slot}.jpg`, { width, n: item.sequence });
}

function fillSlot(row, item) {
  const values = [
    null, null, item.state, whole(item.references), whole(item.sequence), time(item.age_ms),
    item.holders.length ? item.holders.map(holder).join(", ") : "-",
  ];
  values.forEach((value, at) => value != null && text(row.cells[at], value));
  const button = row.querySelector("button");
  text(button, whole(item.slot));
  button.setAttribute("aria-label", `slot ${item.slot}, ${item.state}: details`);
  if (!$("pictures").checked) return;
  const cell = row.cells[1];
  if (!cell.firstElementChild) cell.append(new Image());
  slotPicture(cell.firstElementChild, item, 160);
}

function holder(index) {
  const found = current()?.consumers.find((consumer) => consumer.index === index);
  return found ? `${index} ${found.name}` : String(index);
}

const current = () => snapshots.find((snapshot) => snapshot.bus === bus);

function navigation() {
  const nav = $("buses");
  const names = snapshots.map((snapshot) => snapshot.bus);
  const old = [...nav.children].map((button) => button.dataset.bus);
  if (names.join("\n") !== old.join("\n")) {
    nav.replaceChildren(...names.map((name) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      button.dataset.bus = name;
      button.addEventListener("click", () => choose(name));
      return button;
    }));
  }
  for (const button of nav.children) button.setAttribute("aria-current", String(button.dataset.bus === bus));
}

function choose(name) {
  bus = name;
  history.replaceState(null, "", `${location.pathname}${location.search}#${encodeURIComponent(name)}`);
  $("detail").close();
  shown = null;
  render();
}

function picture(snapshot) {
  const image = $("picture");
  const has = ["running", "stalled"].includes(snapshot.state) && snapshot.producer?.sequence > 0;
  const color = $("color").checked ? { color: "1" } : {};
  let wanted = null;
  if (has) wanted = $("live").checked && !document.hidden ? ofBus("stream.mjpg", color) : ofBus("snapshot.jpg", color);
  if (wanted !== shown) {
    shown = wanted;
    if (wanted) image.src = wanted;
    else image.removeAttribute("src");
  }
  image.alt = has ? `what bus ${snapshot.bus} sees` : `bus ${snapshot.bus} has no picture`;
  const segment = snapshot.segment;
  if (segment) image.style.setProperty("--aspect", `${segment.width} / ${segment.height}`);
  $("whole").href = ofBus("snapshot.jpg", { ...color, quality: "95" });
}

// A stream that broke is asked for again with a later snapshot.
$("picture").addEventListener("error", () => setTimeout(() => { shown = null; }, 1000));

function render() {
  if (!current() && snapshots.length) bus = (snapshots.find((one) => one.state === "running") ?? snapshots[0]).bus;
  const snapshot = current();
  $("bus").hidden = !snapshot;
  $("empty").hidden = Boolean(snapshot);
  navigation();
  if (!snapshot) return;
  const { segment, producer } = snapshot;
  document.title = `${bus} ${snapshot.state} · framebus`;
  text($("name"), bus);
  text($("state"), snapshot.state);
  $("state").className = `badge ${snapshot.state}`;
  picture(snapshot);
  const size = segment ? `${segment.width}x${segment.height} ${segment.format}` : "";
  text($("caption"), producer ? `${size} · sequence ${producer.sequence} · ${fixed(producer.fps)} fps` : (snapshot.message ?? ""));
  pairs($("producer"), producer ? [
    ["source", producer.source], ["pid", producer.pid], ["up", time(producer.uptime_s * 1000)],
    ["sequence", producer.sequence], ["fps", `${fixed(producer.fps)}${producer.nominal_fps ? ` of ${fixed(producer.nominal_fps)}` : ""}`],
    ["age", time(producer.age_ms)], ["dropped", `${producer.dropped}, starved ${producer.starved}`],
    ["interval", `${pair(producer.interval_ms)}, max ${time(producer.interval_ms.max)}`], ["copy", pair(producer.copy_ms)],
    ["cpu", percent(producer.cpu_percent)], ["memory", bytes(producer.rss_bytes)],
    ["segment", segment ? `${bytes(segment.bytes)}, generation ${segment.generation}, layout ${segment.abi}` : none],
  ] : [["bus", snapshot.message ?? snapshot.state]]);
  spark($("rate"), bus, producer?.nominal_fps);
  const list = (rates.get(bus) ?? []).filter((value) => value != null);
  const least = list.length ? Math.min(...list) : null;
  text($("rate-text"), `fps over ${Math.round((list.length * (snapshot.interval_s ?? 0.5)))} s, min ${fixed(least)}`);
  $("rate").setAttribute("aria-label", $("rate-text").textContent);
  const findings = snapshot.findings.map((finding) => `${finding.severity}\n${finding.kind}: ${finding.text}`);
  if (!findings.length) findings.push("none\nnone");
  const ul = $("findings");
  if (ul.dataset.all !== findings.join("\n\n")) {
    ul.dataset.all = findings.join("\n\n");
    ul.replaceChildren(...findings.map((finding) => {
      const [severity, words] = finding.split("\n");
      return Object.assign(document.createElement("li"), { className: severity, textContent: words });
    }));
  }
  text($("consumer-count"), `${snapshot.consumers.filter((one) => one.state !== "gone").length} live`);
  rows($("consumers"), snapshot.consumers, (one) => `${one.index}/${one.pid}`, consumerRow, fillConsumer);
  text($("slot-count"), `${snapshot.slots.length}, free ${snapshot.slots_free}`);
  $("slots").classList.toggle("pictures", $("pictures").checked);
  rows($("slots"), snapshot.slots, (one) => one.slot, slotRow, fillSlot);
  detail(snapshot);
}

function show(kind, id) {
  open = { kind, id };
  const image = $("detail-picture");
  image.hidden = kind !== "slot";
  image.removeAttribute("src");
  for (const key of Object.keys(image.dataset)) delete image.dataset[key];
  detail(current());
  $("detail").showModal();
}

function detail(snapshot) {
  if (!open || !snapshot) return;
  const consumer = open.kind === "consumer";
  const item = consumer
    ? snapshot.consumers.find((one) => one.index === open.id)
    : snapshot.slots.find((one) => one.slot === open.id);
  text($("detail-name"), consumer ? `Consumer ${open.id} ${item?.name ?? ""}` : `Slot ${open.id}`);
  if (!item) {
    pairs($("detail-list"), [["state", "gone"]]);
    return;
  }
  if (!consumer) {
    slotPicture($("detail-picture"), item, 640);
    pairs($("detail-list"), [
      ["state", item.state], ["references", item.references], ["sequence", whole(item.sequence)], ["age", time(item.age_ms)],
      ["holders", item.holders.map(holder).join(", ") || "none"],
    ]);
    return;
  }
  const histogram = item.busy_histogram.map((one) => `${time(one.from_ms)}: ${one.count}`).join(", ");
  pairs($("detail-list"), [
    ["state", item.gone ? `${item.state} (${item.gone})` : item.state], ["language", item.language], ["pid", item.pid],
    [item.state === "gone" ? "gone for" : "attached for", time(item.since_s * 1000)], ["waits by", item.trigger],
    ["fps", `${fixed(item.fps)}, ${percent(item.percent_of_camera)} of the camera's`],
    ["published", item.published], ["taken", item.taken], ["skipped", item.skipped], ["pending", item.pending], ["missing", item.missing],
    ["triggers", `${item.triggers}, coalesced ${item.coalesced}`],
    ["slot", item.slot == null ? "none" : `${item.slot}, sequence ${whole(item.held_sequence)}, for ${time(item.held_ms)}`],
    ["wait", `${pair(item.wait_ms)}, max ${time(item.wait_ms.max)}`], ["busy", `${pair(item.busy_ms)}, max ${time(item.busy_ms.max)}`],
    ["total", `${pair(item.total_ms)}, max ${time(item.total_ms.max)}`], ["busy per period", fixed(item.busy_per_period, 2)],
    ["busy how often", histogram || none], ["age", time(item.age_ms)], ["cpu", percent(item.cpu_percent)], ["memory", bytes(item.rss_bytes)],
  ]);
}

$("detail").addEventListener("close", () => { open = null; });
for (const id of ["live", "color", "pictures"]) $(id).addEventListener("change", render);
for (const [id, path] of [["api", "api/buses"], ["metrics", "metrics"], ["health", "healthz"]]) $(id).href = address(path);

// [ and ] choose the bus before and after, as in `framebus top`.
document.addEventListener("keydown", (event) => {
  const step = { "[": -1, "]": 1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey || !snapshots.length) return;
  const at = snapshots.findIndex((snapshot) => snapshot.bus === bus);
  choose(snapshots[(at + step + snapshots.length) % snapshots.length].bus);
});

let events = null;

function connect() {
  events = new EventSource(address("events"));
  events.onopen = () => {
    $("link").className = "";
    text($("link"), "live");
  };
  events.onerror = () => {
    $("link").className = "lost";
    text($("link"), "connection lost, trying again");
    shown = null;
    // After a refusal the browser does not try again by itself.
    if (events?.readyState === EventSource.CLOSED) setTimeout(() => events?.readyState === EventSource.CLOSED && connect(), 2000);
  };
  events.onmessage = (event) => {
    snapshots = JSON.parse(event.data).buses;
    for (const snapshot of snapshots) {
      remember(snapshot.bus, snapshot.producer?.fps ?? null);
      for (const consumer of snapshot.consumers) remember(`${snapshot.bus}/${consumer.index}`, consumer.fps);
    }
    render();
  };
}

// A tab that nobody sees takes nothing: a browser has few connections to a server for all its tabs.
document.addEventListener("visibilitychange", () => {
  render();
  if (!document.hidden && !events) connect();
  if (document.hidden) {
    events?.close();
    events = null;
  }
});
connect();

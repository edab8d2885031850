"use strict";
// Whatever is shown is text: clients choose some of it.
const byId = id => document.getElementById(id);
const here = location.origin + location.pathname; // without a password that the address may have had
const keep = 300; // samples of the charts, ten minutes
const samples = [];
let last = null, lastEvent = 0;

function age(seconds) {
  seconds = Math.max(0, Math.floor(seconds));
  if (seconds < 60) return seconds + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min " + seconds % 60 + " s";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor(seconds % 3600 / 60) + " min";
  return Math.floor(seconds / 86400) + " d " + Math.floor(seconds % 86400 / 3600) + " h";
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (bytes >= 1024 && i < units.length - 1) { bytes /= 1024; i++; }
  return bytes.toFixed(i ? 1 : 0) + " " + units[i];
}

function duration(seconds) {
  if (!isFinite(seconds)) return "–";
  return seconds < 1 ? (seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0) + " ms" : seconds.toFixed(1) + " s";
}

function count(n, noun) { return n + " " + noun + (n === 1 ? "" : "s"); }
function put(element, text) { if (element.textContent !== text) element.textContent = text; }
function total(rule) { return rule.classes.reduce((a, b) => a + b, 0); }

// fill makes a table's rows those of list. A row that was there stays the same
// element, so that who is on its button stays there. Each cell is text, or
// {text, mark}, or {button}.
function fill(name, list, key, cells) {
  const body = byId(name + "-table").tBodies[0];
  const labels = [...byId(name + "-table").tHead.rows[0].cells].map(c => c.textContent);
  const old = new Map([...body.rows].map(r => [r.dataset.key, r]));
  list.forEach((item, place) => {
    const id = key(item);
    let row = old.get(id);
    old.delete(id);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = id;
      row.setAttribute("role", "row"); // which the style for phones would take away
      for (const label of labels) {
        const cell = row.insertCell();
        cell.dataset.label = label;
        cell.setAttribute("role", "cell");
      }
    }
    cells(item).forEach((cell, i) => {
      const at = row.cells[i];
      if (cell.button) {
        if (!at.firstChild) at.append(cell.button());
        return;
      }
      put(at, cell.text ?? String(cell));
      at.className = cell.mark ?? "";
    });
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  for (const row of old.values()) {
    if (row.contains(document.activeElement)) byId("tunnels").focus();
    row.remove();
  }
  byId(name + "-table").hidden = list.length === 0;
  byId(name + "-none").hidden = list.length > 0;
}

// more says that a table does not show everything.
function more(name, none, omitted, which) {
  const note = byId(name + "-none");
  put(note, omitted ? "And " + omitted + " " + which + " ones." : none);
  if (omitted) note.hidden = false;
}

// closer is the button that closes a tunnel, at its second press.
function closer(id) {
  const button = document.createElement("button");
  const rest = () => { button.className = ""; button.textContent = "Close"; button.setAttribute("aria-label", "Close tunnel " + id); };
  let timer;
  button.type = "button";
  rest();
  button.addEventListener("click", async () => {
    clearTimeout(timer);
    if (button.className !== "sure") {
      button.className = "sure";
      button.textContent = "Really close?";
      button.setAttribute("aria-label", "Really close tunnel " + id + "?");
      timer = setTimeout(rest, 5000);
      return;
    }
    button.disabled = true;
    try {
      const answer = await fetch(here, { method: "POST", headers: { "X-Http-Master-Status": "close" }, body: String(id) });
      say(answer.ok ? "Tunnel " + id + " is closed." : "Tunnel " + id + " was not closed: " + answer.status + " " + answer.statusText, answer.ok);
    } catch {
      say("Tunnel " + id + " was not closed: the server cannot be reached.", false);
    }
    button.disabled = false;
    rest();
  });
  return button;
}

let saidUntil = 0;
function say(text, good) {
  put(byId("state"), text);
  byId("state").className = good ? "good" : "bad";
  saidUntil = Date.now() + 6000;
}

// measure compares a status with the one before.
function measure(update, rules) {
  const now = Date.parse(update.now) / 1000;
  const sums = { at: now, requests: 0, errors: 0, buckets: [], rules: new Map() };
  for (const { key, rule } of rules) {
    const n = total(rule);
    sums.requests += n;
    sums.errors += rule.classes[4];
    rule.buckets.forEach((b, i) => { sums.buckets[i] = (sums.buckets[i] ?? 0) + b; });
    sums.rules.set(key, n);
  }
  const before = last;
  last = sums;
  if (!before || now <= before.at || sums.requests < before.requests) return null;
  const seconds = now - before.at;
  return {
    rate: (sums.requests - before.requests) / seconds,
    errors: Math.max(0, sums.errors - before.errors) / seconds,
    slow: quantile(sums.buckets.map((b, i) => b - (before.buckets[i] ?? 0)), 0.95),
    of: key => Math.max(0, sums.rules.get(key) - (before.rules.get(key) ?? 0)) / seconds,
  };
}

// quantile is the upper end of the bucket in which that part of all is reached.
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];
function quantile(buckets, part) {
  const all = buckets.reduce((a, b) => a + b, 0);
  if (all <= 0) return NaN;
  let sum = 0;
  for (let i = 0; i < buckets.length; i++) {
    sum += buckets[i];
    if (sum >= all * part) return bounds[i] ?? 60;
  }
  return 60;
}

function slowText(seconds) { return isFinite(seconds) ? (seconds > 10 ? "over 10 s" : duration(seconds)) : "–"; }

function draw(id, values, text) {
  const svg = byId(id + "-chart");
  const known = values.filter(isFinite);
  const top = Math.max(...known, 0.001);
  const wide = Math.max(values.length, 30) - 1; // now is at the right end
  const points = values.map((v, i) => (300 - (values.length - 1 - i) * 300 / wide).toFixed(1) + "," + (78 - 74 * (isFinite(v) ? v : 0) / top).toFixed(1));
  if (!svg.firstChild) svg.append(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  svg.firstChild.setAttribute("points", points.join(" "));
  const most = known.length ? "at most " + text(Math.max(...known)) : "";
  put(byId(id + "-top"), most);
  svg.setAttribute("aria-label", svg.previousElementSibling.firstChild.textContent.trim() + (known.length ? ": " + text(known.at(-1)) + " now, " + most : ""));
}

function show(update) {
  const s = update.status, now = Date.parse(update.now);
  const rules = s.ports.flatMap(port => port.rules.map(rule => ({ key: port.address + " " + rule.pattern + " " + rule.line, port, rule })));
  const rates = measure(update, rules);
  put(byId("about"), "Version " + s.version + ", process " + s.pid + ", up " + age((now - Date.parse(s.started)) / 1000));
  put(byId("config"), s.config.file + ", read " + age((now - Date.parse(s.config.loaded)) / 1000) + " ago, " + count(s.config.reloads, "reload")
    + (s.config.lastRefused ? "; the newest config was refused, and the one before is served" : ""));
  byId("config").className = s.config.lastRefused ? "bad" : "";
  put(byId("open"), String(s.liveTunnels));
  if (rates) {
    samples.push(rates);
    if (samples.length > keep) samples.shift();
    put(byId("rate"), rates.rate.toFixed(1));
    put(byId("errors"), rates.errors.toFixed(1));
    put(byId("slow"), slowText(rates.slow));
    draw("rate", samples.map(x => x.rate), v => v.toFixed(1));
    draw("slow", samples.map(x => x.slow), slowText);
  }
  fill("tunnel", update.tunnels, t => String(t.id), t => [t.id, t.user || "–", t.client, t.rule || "–", t.target,
    age((now - Date.parse(t.started)) / 1000), size(t.received), size(t.sent), t.resumes, { button: () => closer(t.id) }]);
  fill("rule", rules.filter(({ port, rule }) => rule.pattern || total(rule) || port.rules.length === 1), r => r.key, ({ key, port, rule }) => [
    port.address + (port.tls ? " TLS" : ""), rule.pattern || (port.rules.length > 1 ? "(no rule)" : "(everything)"), rule.line, total(rule),
    rates ? rates.of(key).toFixed(1) : "–", rule.classes[3], { text: String(rule.classes[4]), mark: rule.classes[4] ? "warn" : "" },
    duration(rule.seconds / total(rule))]);
  more("tunnel", "No tunnels are open.", update.omitted.tunnels, "newer");
  more("rule", "", update.omitted.rules, "less used");
  fill("upstream", s.upstreams, u => u.port + " " + u.rule + " " + u.address, u => [u.address,
    { text: (u.state === "up" ? "✓ " : "✗ ") + u.state, mark: u.state === "up" ? "good" : "bad" }, u.inUse, u.port + " " + u.rule]);
  fill("certificate", s.certificates, c => [c.port, c.key, c.expires, ...c.names].join(" "), c => {
    const days = Math.floor((Date.parse(c.expires) - now) / 86400000);
    return [c.names.join(", "), { text: days < 0 ? "expired" : String(days), mark: days < 7 ? "bad" : days < 20 ? "warn" : "" },
      c.expires.slice(0, 10), c.key, c.port];
  });
  fill("event", s.recent, e => e.time + " " + e.text, e => [new Date(e.time).toLocaleString(), { text: e.level, mark: e.level === "ERROR" ? "bad" : "warn" }, e.text]);
  if (Date.now() > saidUntil) { put(byId("state"), "Live"); byId("state").className = "good"; }
}

const events = new EventSource(here);
events.onmessage = e => { lastEvent = Date.now(); show(JSON.parse(e.data)); };
setInterval(() => {
  if (events.readyState === EventSource.CLOSED) say("The server refuses this page; load it again.", false);
  else if (lastEvent && Date.now() - lastEvent > 8000) say("No news for " + age((Date.now() - lastEvent) / 1000) + "; connecting again…", false);
}, 2000);

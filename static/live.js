// Keeps a page fresh: one websocket tells which topics moved, the fragments marked data-live="topic topic" are fetched
// again and made what they are now (renew.js). Without this script every page says the same, only not by itself.
"use strict";

(() => {
  let fresh_ms = 1500; // a fragment is fetched at most this often; the server asks for more when many pages are open
  const WAIT_MS = [500, 1000, 2000, 4000, 8000, 15000];
  const OPEN_MS = 10000; // for a line to open
  const FETCH_MS = 25000;
  const DOUBTFUL = 6; // connections a browser keeps for fetches: where one line is dead, they may be, and hang
  const DOUBTFUL_MS = 4000;

  /* Times: the reader's zone, UTC in the title. Distances are by the server's clock: the reader's may be off. */

  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "short" });
  const now = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" }).format(0, "second");
  const YEAR_S = 31556952;
  // the length of a unit, and from what distance on it is used, both in seconds: not "1 month" for fifty-nine days
  const units = [
    ["year", YEAR_S, 2 * YEAR_S], ["month", YEAR_S / 12, YEAR_S / 6], ["week", 604800, 1209600], ["day", 86400, 172800],
    ["hour", 3600, 3600], ["minute", 60, 60], ["second", 1, 5],
  ];
  const FAR_S = 10 * YEAR_S; // a date says more

  let ahead_ms = 0; // of us, the server

  function told_time(server_ms) {
    if (server_ms) ahead_ms = server_ms - Date.now();
  }

  function ago(date) {
    const seconds = (date.getTime() - Date.now() - ahead_ms) / 1000;
    const far = Math.abs(seconds);
    if (far > FAR_S) return day.format(date);
    for (const [unit, length, from] of units) {
      if (far >= from) return relative.format(Math.trunc(seconds / length), unit);
    }
    return now;
  }

  function localise(root) {
    const chosen = getSelection();
    for (const time of root.querySelectorAll("time[data-form]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const text = time.dataset.form === "ago" ? ago(date) : moment.format(date);
      if (time.textContent === text || (!chosen.isCollapsed && chosen.containsNode(time, true))) continue;
      time.textContent = text;
    }
  }

  /* Fragments: fetched together as one page, swapped one by one when they differ. */

  const parts = () => [...document.querySelectorAll("[data-live][id]")];
  const shown = new Map();
  const late = new Map(); // what came while somebody was busy there
  const moved = new WeakMap(); // when its rows last changed their places
  const MEANT_MS = 400;
  let asked = new Set();
  let timer = 0;
  let fetched = -Infinity;
  let flight = null;
  let failed = 0;
  let doubtful = 0;
  let following = true;

  function busy(part) { // somebody types there, or has the pointer on what acts
    const active = document.activeElement;
    return (part.contains(active) && active.matches("input, textarea, select")) || part.querySelector("form button:hover") !== null;
  }

  // A button that came under the finger a moment ago is not the one that was meant.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-live] form button");
    if (button && event.detail && performance.now() - (moved.get(button.closest("[data-live]")) ?? -Infinity) < MEANT_MS) event.preventDefault();
  }, true);

  function swap(part, html) {
    if (busy(part)) late.set(part, html);
    else late.delete(part);
    if (shown.get(part.id) === html || busy(part)) return;
    const known = new Set([...part.querySelectorAll("[data-key]")].map((one) => one.dataset.key));
    const { body } = new DOMParser().parseFromString(html, "text/html");
    const token = document.querySelector(".rail input[name=csrf]")?.value ?? "";
    for (const one of body.querySelectorAll("input[name=csrf][value='']")) one.setAttribute("value", token);
    for (const one of body.querySelectorAll("[data-key]")) {
      if (known.size && !known.has(one.dataset.key)) one.classList.add("fresh");
    }
    localise(body);
    const rows = () => [...part.querySelectorAll("[data-key]")].map((one) => one.dataset.key).join("\n");
    const before = rows();
    renew(part, body);
    if (rows() !== before && part.matches(":hover")) moved.set(part, performance.now());
    const title = part.querySelector("[data-title]");
    if (title) document.title = title.dataset.title;
    shown.set(part.id, html);
  }

  async function freshen() {
    timer = 0;
    const names = [...asked];
    asked = new Set();
    fetched = performance.now();
    const mine = flight = new AbortController();
    const limit = setTimeout(() => mine.abort(), doubtful ? DOUBTFUL_MS : FETCH_MS);
    try {
      const answer = await fetch(location.href, {
        headers: { "Pumpkin-Fragments": names.join(" ") }, cache: "no-store", redirect: "manual", signal: mine.signal,
      });
      if (answer.status >= 500 || answer.status === 429) throw new Error("not now");
      const fresh = answer.ok ? await answer.json() : {};
      signed_out = answer.type === "opaqueredirect" || answer.status === 401;
      failed = doubtful = 0;
      if (!following) for (const name of names) asked.add(name);
      else for (const part of parts()) if (part.id in fresh) swap(part, fresh[part.id]);
    } catch {
      for (const name of names) asked.add(name);
      if (flight === mine) failed += 1;
      doubtful = Math.max(0, doubtful - 1);
    }
    clearTimeout(limit);
    if (flight === mine) flight = null;
    say();
    want([]);
  }

  function want(some) {
    for (const part of some) asked.add(part.id);
    if (!asked.size || timer || flight || document.hidden || !following) return;
    const least = failed && !doubtful ? Math.max(fresh_ms, WAIT_MS[Math.min(failed + 1, WAIT_MS.length - 1)]) : fresh_ms;
    const spread = fresh_ms > 1500 ? Math.random() * 500 : 0;
    timer = setTimeout(freshen, Math.max(50, fetched + least - performance.now()) + spread);
  }

  const catch_up = () => setTimeout(() => {
    for (const [part, html] of following ? [...late] : []) swap(part, html);
  });
  document.addEventListener("focusout", catch_up);
  document.addEventListener("pointerout", (event) => {
    if (late.size && event.target.closest?.("[data-live] form button")) catch_up();
  });

  const follow = document.getElementById("follow");
  follow?.addEventListener("click", () => {
    following = !following;
    follow.textContent = following ? "Hold" : "Follow";
    follow.title = following ? "Hold this page as it is" : "Let this page change as things happen";
    clearTimeout(timer);
    timer = 0;
    say();
    if (following) want(parts());
  });

  /* The connection. */

  const state = document.getElementById("link-state");
  const bar = document.getElementById("lost-bar");
  const words = { live: "live", held: "held", lost: "connection lost", behind: "not up to date", waiting: "connecting", "signed-out": "signed out" };
  const troubles = {
    lost: "The connection to Pumpkin is lost. What you see may be old; trying again.",
    behind: "Pumpkin does not answer as it should. What you see may be old; trying again.",
    "signed-out": "Your session has ended. What you typed is still here; sign in again in another tab.",
  };
  let line = "waiting";
  let signed_out = false;

  function say() {
    if (!state) return;
    const name = signed_out ? "signed-out" : line !== "live" ? line : failed > 1 ? "behind" : following ? "live" : "held";
    if (state.dataset.state === name) return;
    state.dataset.state = name;
    state.textContent = words[name];
    bar.hidden = !(name in troubles);
    bar.textContent = troubles[name] ?? "";
  }

  let tries = 0;
  let opened = false;
  let socket = null;
  let retry = 0;
  let alive_ms = 12000; // the server tells something at least this often: a line that is silent for twice as long is dead
  let silence = 0;

  const topics = (part) => part.dataset.live.split(/[\s,]+/).filter(Boolean);

  function expect(within_ms) {
    clearTimeout(silence);
    silence = setTimeout(give_up, within_ms);
  }

  function connect() {
    clearTimeout(retry);
    retry = 0;
    const names = new Set(parts().flatMap(topics));
    if (!names.size || socket) return;
    const address = new URL("/api/v1/events", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("topics", [...names].join(","));
    address.searchParams.set("pace", "page");
    if (!opened) address.searchParams.set("since", meta("seen")); // told since this page was made
    socket = new WebSocket(address);
    const mine = socket;
    expect(Math.min(OPEN_MS, 2 * alive_ms));
    mine.onopen = () => {
      if (socket !== mine) return;
      if (tries || opened) { // catch up with what passed meanwhile, and not over the line that was
        flight?.abort();
        flight = null;
        fetched = -Infinity;
        want(parts());
      }
      opened = true;
      tries = 0;
      line = "live";
      say();
    };
    mine.onmessage = (message) => {
      if (socket !== mine) return;
      let event;
      try { event = JSON.parse(message.data); } catch { return; }
      told_time(event.data?.now);
      if (event.topic === "pages.alive") alive_ms = event.data.alive * 1000;
      expect(2 * alive_ms);
      if (event.topic !== "pages.moved") return;
      const moved = new Set(event.data.topics);
      fresh_ms = Math.max(1500, event.data.every * 1000);
      want(parts().filter((part) => moved.has("events.lost") || topics(part).some((one) => moved.has(one))));
    };
    mine.onclose = () => { if (socket === mine) gone(); };
  }

  function gone() {
    clearTimeout(silence);
    socket = null;
    tries += 1;
    if (tries > 1) {
      line = "lost";
      say();
      if (!signed_out) want(parts()); // an ended session looks like a lost line until a page is asked for
    }
    const wait = WAIT_MS[Math.min(tries, WAIT_MS.length) - 1];
    retry = setTimeout(connect, wait * (0.75 + Math.random() / 2));
  }

  function give_up() { // nobody closes a line that leads nowhere, and no closing is awaited
    const dead = socket;
    if (!dead) return;
    tries = Math.max(tries, 1);
    doubtful = DOUBTFUL;
    gone();
    dead.close();
  }

  /* A form with a file cannot be held over signing in again, as others are: it is sent once the session is known to
     live, with the token of now; else it stays as it is, and the page says what to do. */

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.enctype !== "multipart/form-data") return;
    event.preventDefault();
    try {
      const answer = await fetch("/account", { cache: "no-store", redirect: "manual" });
      signed_out = !answer.ok;
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        form.elements.csrf.value = page.querySelector("input[name=csrf]")?.value ?? form.elements.csrf.value;
        form.submit();
      }
    } catch {
      line = "lost";
    }
    say();
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    want([]);
    connect();
  });
  addEventListener("offline", give_up);
  addEventListener("online", connect);
  addEventListener("pagehide", () => { clearTimeout(silence); clearTimeout(retry); socket?.close(); socket = null; });
  addEventListener("pageshow", (event) => { if (event.persisted) { connect(); want(parts()); } });

  setInterval(() => {
    if (!document.hidden) localise(document);
    want([]);
  }, 5000);

  const meta = (name) => document.querySelector(`meta[name=${name}]`)?.content ?? "";

  told_time(Number(meta("now")));
  localise(document);
  if (parts().length) {
    if (follow) follow.hidden = false;
    say();
    connect();
  }
})();

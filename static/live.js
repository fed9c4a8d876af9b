// Keeps a page fresh: one websocket tells which topics moved, the fragments marked data-live="topic topic" are fetched
// again and swapped. Without this script every page says the same, only not by itself.
"use strict";

(() => {
  let fresh_ms = 1500; // a fragment is fetched at most this often; the server asks for more when many pages are open
  const WAIT_MS = [500, 1000, 2000, 4000, 8000, 15000];

  /* Times: the reader's zone, UTC in the title. */

  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

  function ago(date) {
    const seconds = (date.getTime() - Date.now()) / 1000;
    if (Math.abs(seconds) < 5) return relative.format(0, "second");
    for (const [unit, length] of units) {
      if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
    }
    return relative.format(0, "second");
  }

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-form]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const text = time.dataset.form === "ago" ? ago(date) : moment.format(date);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  /* Fragments: fetched together as one page, swapped one by one when they differ. */

  const parts = () => [...document.querySelectorAll("[data-live][id]")];
  const shown = new Map();
  let asked = new Set();
  let timer = 0;
  let fetched = 0;

  function busy(part) {
    const active = document.activeElement;
    return active && part.contains(active) && active.matches("input, textarea, select");
  }

  function swap(part, html) {
    if (shown.get(part.id) === html || busy(part)) return;
    const open = new Set([...part.querySelectorAll("details[open][id]")].map((one) => one.id));
    const known = new Set([...part.querySelectorAll("[data-key]")].map((one) => one.dataset.key));
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const parsed = new DOMParser().parseFromString(html, "text/html");
    const token = document.querySelector(".rail input[name=csrf]")?.value ?? "";
    for (const one of parsed.querySelectorAll("input[name=csrf][value='']")) one.setAttribute("value", token);
    part.replaceChildren(...parsed.body.childNodes);
    const title = part.querySelector("[data-title]");
    if (title) document.title = title.dataset.title;
    shown.set(part.id, html);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus();
    if (known.size) {
      for (const one of part.querySelectorAll("[data-key]")) {
        if (!known.has(one.dataset.key)) one.classList.add("fresh");
      }
    }
    localise(part);
  }

  async function freshen() {
    timer = 0;
    const names = [...asked];
    asked = new Set();
    fetched = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "Pumpkin-Fragments": names.join(" ") }, cache: "no-store", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        say("signed-out");
        return;
      }
      if (!answer.ok) return;
      if (state?.dataset.state === "signed-out") say(socket ? "live" : "waiting");
      const fresh = await answer.json();
      for (const part of parts()) {
        if (part.id in fresh) swap(part, fresh[part.id]);
      }
    } catch {
      for (const name of names) asked.add(name);
    }
  }

  let following = true;

  function want(some) {
    for (const part of some) asked.add(part.id);
    if (asked.size && !timer && !document.hidden && following) {
      const spread = fresh_ms > 1500 ? Math.random() * 500 : 0;
      timer = setTimeout(freshen, Math.max(50, fetched + fresh_ms - Date.now()) + spread);
    }
  }

  const follow = document.querySelector("[data-follow]");
  if (follow) {
    follow.hidden = false;
    follow.addEventListener("click", () => {
      following = !following;
      follow.setAttribute("aria-pressed", String(following));
      follow.textContent = following ? "Following" : "Paused";
      if (following) want(parts());
    });
  }

  /* The connection. */

  const state = document.getElementById("link-state");
  const bar = document.getElementById("lost-bar");
  const words = { live: "live", lost: "connection lost", waiting: "connecting", "signed-out": "signed out" };

  function say(name) {
    if (!state || state.dataset.state === name) return;
    state.dataset.state = name;
    state.textContent = words[name];
    bar.hidden = name !== "lost" && name !== "signed-out";
    bar.textContent = name === "signed-out"
      ? "Your session has ended. What you typed is still here; sign in again in another tab."
      : "The connection to Pumpkin is lost. What you see may be old; trying again.";
  }

  let tries = 0;
  let opened = false;
  let socket = null;
  let retry = 0;

  function topics() {
    return new Set(parts().flatMap((part) => part.dataset.live.split(/[\s,]+/).filter(Boolean)));
  }

  function connect() {
    retry = 0;
    const names = [...topics()];
    if (!names.length) return;
    const address = new URL("/api/v1/events", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("topics", names.join(","));
    address.searchParams.set("pace", "page");
    socket = new WebSocket(address);
    const mine = socket;
    mine.onopen = () => {
      if (tries || opened) want(parts()); // catch up with what passed meanwhile
      opened = true;
      tries = 0;
      say("live");
    };
    mine.onmessage = (message) => {
      let event;
      try { event = JSON.parse(message.data); } catch { return; }
      if (event.topic !== "pages.moved") return;
      const moved = new Set(event.data.topics);
      fresh_ms = Math.max(1500, event.data.every * 1000);
      want(parts().filter((part) => moved.has("events.lost") || part.dataset.live.split(/[\s,]+/).some((one) => moved.has(one))));
    };
    mine.onclose = () => {
      if (socket !== mine) return;
      socket = null;
      tries += 1;
      if (tries > 1 && state?.dataset.state !== "signed-out") {
        say("lost");
        want(parts()); // an ended session looks like a lost line until a page is asked for
      }
      later();
    };
  }

  function later() {
    if (retry) return;
    const wait = WAIT_MS[Math.min(tries, WAIT_MS.length) - 1] ?? 500;
    retry = setTimeout(connect, wait * (0.75 + Math.random() / 2));
  }

  /* A form with a file cannot be held over signing in again, as others are: it is sent once the session is known to
     live, with the token of now; else it stays as it is, and the page says what to do. */

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.enctype !== "multipart/form-data") return;
    event.preventDefault();
    try {
      const answer = await fetch("/account", { cache: "no-store", redirect: "manual" });
      if (!answer.ok) {
        say("signed-out");
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      form.elements.csrf.value = page.querySelector("input[name=csrf]")?.value ?? form.elements.csrf.value;
      form.submit();
    } catch {
      say("lost");
    }
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (asked.size) want([]);
    if (!socket && !retry) connect();
  });
  addEventListener("offline", () => { tries = Math.max(tries, 1); socket?.close(); });
  addEventListener("online", () => { if (!socket) { clearTimeout(retry); connect(); } });
  addEventListener("pagehide", () => { socket?.close(); socket = null; });
  addEventListener("pageshow", (event) => { if (event.persisted) { connect(); want(parts()); } });

  setInterval(() => {
    if (!document.hidden) localise(document);
    if (asked.size) want([]);
  }, 5000);

  localise(document);
  if (parts().length) {
    say("waiting");
    connect();
  }
})();

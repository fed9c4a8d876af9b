// The page /verify: takes files by drop or choice, verifies them here, and says what stands. Sends nothing.

import { claims, verify } from "./bundle.js";

const WORDS = {
  proven: ["ok", "Proven", "against the root you gave."],
  trust: ["warning", "Consistent, but trust is not established", "a forger can make such a bundle. Give the authority's root, got from the authority."],
  unreadable: ["critical", "Unreadable", "this is no bundle, or its archive was changed."],
  browser: ["critical", "Not judged", "this browser cannot."],
};

const form = document.getElementById("verify-form");
const result = document.getElementById("verify-result");
const chosen = { bundle: null, root: null, key: null };

function element(tag, words, kind) {
  const made = document.createElement(tag);
  if (words) made.textContent = words;
  if (kind) made.className = kind;
  return made;
}

function list(words) {
  const made = element("ul");
  for (const one of words) made.append(element("li", one));
  return made;
}

function show(name, report) {
  const [kind, head, tail] = WORDS[report.code] || ["critical", "Not proven", `${report.code}: ${report.detail}`];
  result.replaceChildren();
  result.dataset.code = report.code;
  result.dataset.file = report.file;
  const title = element("h2", head, `status-${kind}`);
  const more = report.file ? ` In ${report.file}.` : "";
  result.append(title, element("p", `${name}: ${WORDS[report.code] ? report.detail || tail : tail}${more}`, `notice ${kind}`));
  const said = claims(report);
  if (said.length) result.append(element("h3", "What it claims"), list(said));
  if (report.code === "trust" && report.fingerprints.length) {
    result.append(element("h3", "Root in the bundle"), element("p", "Compare its SHA-256 with one got elsewhere:"));
    for (const one of report.fingerprints) result.append(element("pre", one.match(/.{2}/g).join(":")));
  }
  if (report.notes.length) result.append(element("h3", "Notes"), list(report.notes));
  result.focus();
}

let asked = 0;

async function judge() {
  const mine = (asked += 1); // only what was chosen last is told of
  if (!chosen.bundle) return;
  result.replaceChildren(element("p", "Verifying…"));
  const bytes = async (file) => new Uint8Array(await file.arrayBuffer());
  const roots = chosen.root ? [await bytes(chosen.root)] : [];
  const logKey = chosen.key ? await bytes(chosen.key) : null;
  const { name } = chosen.bundle;
  const report = await verify(await bytes(chosen.bundle), { roots, logKey });
  if (mine === asked) show(name, report);
}

const inputs = {};
for (const [name, id] of Object.entries({ bundle: "verify-bundle", root: "verify-root", key: "verify-key" })) {
  const input = inputs[name] = document.getElementById(id);
  input.addEventListener("change", () => {
    [chosen[name]] = input.files;
    judge();
  });
}

const drop = document.getElementById("verify-drop");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  for (const file of event.dataTransfer.files) {
    const name = /\.zip$/.test(file.name) ? "bundle" : /key|vkey/.test(file.name) ? "key" : "root";
    chosen[name] = file;
    const given = new DataTransfer();
    given.items.add(file);
    inputs[name].files = given.files;
  }
  judge();
});
// From the page of a check: its bundle is fetched from this server, and judged here like any other.
async function fetched(id) {
  result.replaceChildren(element("p", "Fetching the bundle…"));
  const answer = await fetch(`/api/v1/checks/${id}/bundle`).catch(() => null);
  if (answer?.ok) {
    chosen.bundle = new File([await answer.blob()], `pumpkin-${id}.zip`);
    judge();
  } else {
    const why = answer?.status === 401 ? "sign in, or choose the file" : "there is none yet, or this server does not answer";
    result.replaceChildren(element("p", `The bundle could not be fetched: ${why}.`, "notice warning"));
  }
}

const wanted = new URLSearchParams(location.search).get("check") ?? "";
if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(wanted)) fetched(wanted);

form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
document.getElementById("verify-noscript")?.remove();

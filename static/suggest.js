// Names and versions while one types: the datalist of an input marked data-suggest is filled from what is known here.
// A purl (pkg:type/name@version) is completed in its parts; a plain name needs a select marked data-suggest-ecosystem.
"use strict";

(() => {
  const WAIT_MS = 150;

  function parts(text, ecosystem) {
    const purl = /^pkg:([a-z]+)\/([^@?#]*)(@[^?#]*)?$/.exec(text);
    if (purl) return { ecosystem: purl[1], name: purl[2], version: purl[3]?.slice(1), head: `pkg:${purl[1]}/` };
    return ecosystem && !text.includes(":") ? { ecosystem, name: text, head: "" } : null;
  }

  for (const input of document.querySelectorAll("input[data-suggest]")) {
    const list = document.getElementById(input.getAttribute("list"));
    const select = input.form?.querySelector("[data-suggest-ecosystem]");
    let timer = 0;
    let asked = "";

    async function suggest() {
      const found = parts(input.value.trim(), select?.value);
      if (!found || found.name.length < 2) return;
      const place = `/api/v1/packages/${encodeURIComponent(found.ecosystem)}`;
      const versions = found.version !== undefined && !found.name.endsWith("/");
      const address = versions ? `${place}/${found.name.split("/").map(encodeURIComponent).join("/")}` : `${place}?limit=12&q=${encodeURIComponent(found.name)}`;
      if (address === asked) return;
      asked = address;
      try {
        const answer = await fetch(address);
        if (!answer.ok || asked !== address) return;
        const data = (await answer.json()).data;
        const values = versions
          ? data.versions.map((one) => `${found.head}${found.name}@${one.version ?? one.number}`).slice(0, 30)
          : [...data.items, ...data.suggestions].map((one) => found.head + one.name);
        list.replaceChildren(...values.map((value) => Object.assign(document.createElement("option"), { value })));
      } catch { /* it is a help, no more */ }
    }

    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(suggest, WAIT_MS);
    });
  }
})();

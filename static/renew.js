// Makes a part of the page what it is now by the fewest changes: what is the same stays, with its focus, selection, opened
// details and typed text. Rows are told apart by data-key, other things by id, else by their place.
"use strict";

(() => {
  const key = (node) => node.getAttribute?.("data-key") ?? node.getAttribute?.("id") ?? "";

  const blank = (node) => node.nodeType === Node.TEXT_NODE && !node.data.trim();

  function merge(old, fresh) {
    const kept = new Map();
    for (const node of old.childNodes) {
      if (key(node) && !kept.has(key(node))) kept.set(key(node), node);
    }
    const nodes = [...fresh.childNodes];
    const wanted = new Set(nodes.map(key).filter(Boolean));
    let at = old.firstChild;

    const alike = (one, other) => !key(one) && one.nodeName === other.nodeName;
    const needless = (one, number) => key(one) ? !wanted.has(key(one)) : blank(one) || !nodes.slice(number + 1).some((node) => alike(node, one));

    function drop_until(end) {
      while (at !== end) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
    }

    function found(node, number) {
      const name = key(node);
      let one = name ? kept.get(name) : at;
      if (name) {
        kept.delete(name);
        let between = at;
        while (between && between !== one && (!key(between) || !wanted.has(key(between)))) between = between.nextSibling;
        if (between === one) drop_until(one);
        return one?.nodeName === node.nodeName ? one : null;
      }
      while (one && !alike(one, node) && needless(one, number)) one = one.nextSibling;
      if (!one || !alike(one, node)) return null;
      drop_until(one);
      return one;
    }

    for (const [number, node] of nodes.entries()) {
      const same = found(node, number);
      if (same && same === at) at = at.nextSibling;
      else old.insertBefore(same ?? node, at);
      if (same) become(same, node);
    }
    drop_until(null);
  }

  function become(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.data = fresh.data;
      return;
    }
    const left = (name) => name === "open" && old.matches("details"); // is the reader's
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !left(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !left(name)) old.setAttribute(name, value);
    }
    merge(old, fresh);
  }

  /* Where the keyboard is, for when its place went or was moved: the same thing of the same row, else the same address,
     else the same place of the fragment, else the fragment. */

  const REACHED = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const reached = (root) => [...root.querySelectorAll(REACHED)];
  const row_of = (node) => node.closest("[data-key]")?.dataset.key;

  function place(part) {
    const active = document.activeElement;
    if (active === part || !part.contains(active)) return () => {};
    const all = reached(part);
    const { id } = active;
    const at = all.indexOf(active);
    const row = row_of(active);
    const nth = all.filter((one) => row_of(one) === row).indexOf(active);
    const href = active.getAttribute("href");
    return () => {
      if (document.activeElement === active) return;
      const left = reached(part);
      const target = [
        active.isConnected && active,
        id && document.getElementById(id),
        row !== undefined && left.filter((one) => row_of(one) === row)[nth],
        href && left.find((one) => one.getAttribute("href") === href),
        left[Math.min(at, left.length - 1)],
      ].find(Boolean) ?? part;
      if (target === part) part.tabIndex = -1;
      target.focus({ preventScroll: true });
    };
  }

  function selection(part) {
    const chosen = getSelection();
    const { anchorNode: from, anchorOffset: start, focusNode: to, focusOffset: end } = chosen;
    if (chosen.isCollapsed || !(part.contains(from) || part.contains(to))) return () => {};
    const within = (node, offset) => Math.min(offset, node.data?.length ?? node.childNodes.length);
    return () => {
      const same = chosen.anchorNode === from && chosen.anchorOffset === start && chosen.focusNode === to && chosen.focusOffset === end;
      if (same || !from.isConnected || !to.isConnected) return;
      chosen.setBaseAndExtent(from, within(from, start), to, within(to, end));
    };
  }

  globalThis.renew = (part, fresh) => {
    const again = [place(part), selection(part)];
    merge(part, fresh);
    for (const one of again) one();
  };
})();

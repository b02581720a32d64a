"use strict";
(() => {
  // How old the dump is: the page itself has no clock, so that the same dump gives the same page.
  for (const time of document.querySelectorAll("time[data-age]")) {
    const ms = Date.now() - Date.parse(time.dateTime);
    if (Number.isNaN(ms)) continue;
    const units = [["day", 864e5, 2], ["hour", 36e5, 2], ["minute", 6e4, 1]];
    const unit = units.find(([, size, least]) => ms >= size * least);
    const n = unit ? Math.floor(ms / unit[1]) : 0;
    const text = ms < 0 ? "in the future, by this machine’s clock"
      : unit ? `${n} ${unit[0]}${n === 1 ? "" : "s"} before you opened this page` : "less than a minute before you opened this page";
    const place = time.parentElement.querySelector("[data-age-here]");
    if (place) place.textContent = ` (${text})`;
    const old = document.querySelector("[data-old]");
    if (old && ms > 7 * 864e5) old.hidden = false;
  }

  // On a phone the parts are closed until somebody asks for one; a link opens what it leads to.
  const parts = [...document.querySelectorAll("details.part")];
  const phone = matchMedia("(max-width: 40rem)");
  const reveal = (hash) => {
    const at = document.getElementById(hash.slice(1));
    const part = at && (at.closest("details.part") || at.querySelector("details.part"));
    if (part) part.open = true;
  };
  const fold = () => {
    for (const part of parts) part.open = !phone.matches;
    reveal(location.hash);
  };
  addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) reveal(link.hash);
  });
  addEventListener("hashchange", () => reveal(location.hash));
  phone.addEventListener("change", fold);
  fold();

  // On paper everything is open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
    opened = [];
  });

  // The map of prefixes can be entered, by pointer and by key.
  for (const map of document.querySelectorAll("svg.icicle")) {
    const where = map.parentElement.querySelector(".where");
    const [told, out] = [where.querySelector("output"), where.querySelector("button")];
    const boxes = [...map.children].filter((child) => child.tagName === "svg");
    const nodes = boxes.map((box) => ({
      box, children: [], texts: [...box.querySelectorAll("text")], words: box.querySelector("title").textContent,
      from: parseFloat(box.getAttribute("x")), width: parseFloat(box.getAttribute("width")), shown: 0,
    }));
    nodes.forEach((node, at) => {
      node.parent = nodes[boxes[at].dataset.in];
      if (node.parent) node.parent.children.push(node);
    });
    const hint = told.textContent;
    let [inside, current] = [nodes[0], nodes[0]];
    const isIn = (node, other) => { for (; node; node = node.parent) if (node === other) return true; return false; };
    const fit = () => {
      const width = map.getBoundingClientRect().width;
      for (const { texts, shown } of nodes) for (const text of texts)
        text.setAttribute("visibility", text.getComputedTextLength() + 14 <= shown * width / 100 ? "visible" : "hidden");
    };
    const point = (node, focus) => {
      current.box.setAttribute("tabindex", "-1");
      current = node;
      node.box.setAttribute("tabindex", "0");
      if (focus) node.box.focus();
    };
    const enter = (to) => {
      inside = to;
      for (const node of nodes) {
        const [above, below] = [isIn(to, node), isIn(node, to)];
        const from = above ? 0 : (node.from - to.from) / to.width * 100;
        node.shown = above ? 100 : below ? node.width / to.width * 100 : 0;
        node.box.setAttribute("x", `${from}%`);
        node.box.setAttribute("width", `${node.shown}%`);
        if (above || below) node.box.removeAttribute("display"); else node.box.setAttribute("display", "none");
      }
      told.textContent = to.parent ? to.words : hint;
      out.hidden = !to.parent;
      fit();
    };
    const go = (node) => {
      const to = node === inside ? node.parent || node : node.children.length ? node : inside;
      enter(to);
      point(node === inside || isIn(node, to) ? node : to, true);
    };
    const leave = () => {
      const from = inside;
      enter(from.parent || from);
      point(from, true);
    };
    map.setAttribute("role", "group");
    map.classList.add("live");
    for (const node of nodes) {
      node.box.setAttribute("role", "button");
      node.box.setAttribute("tabindex", "-1");
      node.box.addEventListener("click", () => go(node));
    }
    const next = (step) => {
      const row = current.parent ? current.parent.children.filter((node) => node.shown > 0) : [];
      return row[row.indexOf(current) + step];
    };
    map.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const moves = { ArrowRight: () => next(1), ArrowLeft: () => next(-1), ArrowUp: () => current.parent,
        ArrowDown: () => current.children.find((node) => node.shown > 0) };
      if (event.key in moves) { const to = moves[event.key](); if (to) point(to, true); }
      else if (event.key === "Enter" || event.key === " ") go(current);
      else if (event.key === "Escape") leave();
      else return;
      event.preventDefault();
    });
    out.addEventListener("click", leave);
    where.hidden = false;
    enter(nodes[0]);
    point(nodes[0], false);
    new ResizeObserver(fit).observe(map);
    addEventListener("beforeprint", () => enter(nodes[0]));
  }

  // Searching the examples.
  const form = document.querySelector("form.find");
  if (!form) return;
  const [words, index, kind, told] = ["q", "in", "kind", "found"].map((id) => document.getElementById(id));
  const groups = [...document.querySelectorAll("details[data-kind]")].map((box) => ({
    box, wasOpen: box.open,
    items: [...box.querySelectorAll("ul.x > li")].map((item) => ({ item, text: item.textContent.toLowerCase() })),
  }));
  const all = groups.reduce((sum, group) => sum + group.items.length, 0);
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const idle = !wanted.length && !index.value && !kind.value;
    let shown = 0;
    for (const group of groups) {
      const { index: of, kind: is } = group.box.dataset;
      const fits = (!index.value || of === index.value) && (!kind.value || is === kind.value);
      let here = 0;
      for (const { item, text } of group.items) {
        const match = fits && wanted.every((word) => text.includes(word));
        item.hidden = !match;
        here += match ? 1 : 0;
      }
      shown += here;
      group.box.hidden = !idle && here === 0;
      group.box.open = idle ? group.wasOpen : here > 0;
    }
    for (const part of document.querySelectorAll("[data-part]"))
      part.hidden = !idle && ![...part.querySelectorAll("details[data-kind]")].some((box) => !box.hidden);
    told.textContent = idle ? `${all} examples.` : `${shown} of ${all} examples.`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  show();
})();

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

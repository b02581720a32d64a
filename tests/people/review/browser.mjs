// Opens pages in a real browser and prints what it finds as one JSON object.
//   node browser.mjs FOLDER PAGE.html [WORD…]    FOLDER has playwright-core and axe-core; WORDs are searched for
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

const [folder, file, ...words] = process.argv.slice(2);
const require = createRequire(resolve(folder, "package.json"));
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;
const url = pathToFileURL(resolve(file)).href;

const browser = await chromium.launch({
  executablePath: process.env.RDB_REINDEX_CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const found = { requests: [], console: [], dialogs: 0, overflow: {}, cut: [], reach: {}, maps: [], contrast: {}, axe: [] };

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("request", (request) => { if (request.url() !== url) found.requests.push(request.url()); });
  page.on("console", (message) => found.console.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => found.console.push(`error: ${error}`));
  page.on("dialog", (dialog) => { found.dialogs += 1; dialog.dismiss(); });
  await page.goto(url);
  return page;
}

// The worst contrast of any text with what is behind it, everything folded out.
function contrasts() {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgba = (text) => { const n = text.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, [r, g, b, a]) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a)), [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let worst = { ratio: 99 }, texts = 0;
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName) || !element.getClientRects().length) continue;
    const [ink, paper] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    texts += 1;
    if (ratio < worst.ratio) worst = { ratio, text: node.data.trim().slice(0, 60) };
  }
  return { ...worst, texts };
}

for (const colorScheme of ["light", "dark"]) {
  const page = await open({ colorScheme });
  found.contrast[colorScheme] = await page.evaluate(contrasts);
  found.csp ??= await page.evaluate(() => document.querySelector("meta[http-equiv=Content-Security-Policy]").content);
  // The policy forbids scripts in the page, not those of the debugger.
  await page.evaluate(axe);
  const result = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  for (const violation of result.violations)
    found.axe.push(`${colorScheme}: ${violation.id}: ${violation.help}: ${violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
  await page.context().close();
}

// A phone: how long the page is before anything is opened, and whether a link opens what it leads to.
{
  const page = await open({ viewport: { width: 360, height: 800 }, reducedMotion: "reduce" });
  const height = () => page.evaluate(() => document.documentElement.scrollHeight);
  found.phone = { height: await height(), closed: await page.locator("details.part:not([open])").count(), reached: 0, leads: 0 };
  for (const link of await page.locator(".jump a").all()) {
    found.phone.leads += 1;
    const part = page.locator(await link.getAttribute("href")).locator("details.part");
    const before = await part.evaluate((part) => part.open);
    await link.click();
    const { top } = await part.evaluate((part) => part.getBoundingClientRect());
    if (!before && await part.evaluate((part) => part.open) && top > -100 && top < 700) found.phone.reached += 1;
  }
  await page.setViewportSize({ width: 1024, height: 800 });
  await page.waitForTimeout(100);
  found.phone.wide = await page.locator("details.part:not([open])").count();
  await page.context().close();
}

for (const width of [320, 360, 768, 1440]) {
  const page = await open({ viewport: { width, height: 800 } });
  await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
  found.overflow[width] = await page.evaluate(() => document.documentElement.scrollWidth);
  // A table that is cut says so by nothing but a bar that phones do not show.
  found.cut.push(...await page.evaluate(() =>
    [...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.getAttribute("aria-label"))));
  found.reach[width] = await page.evaluate(() => {
    const seen = [...document.querySelectorAll(".jump a")].filter((link) => {
      const { top, bottom } = link.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
    return seen.filter((link) => document.querySelector(link.getAttribute("href"))).length;
  });
  await page.context().close();
}

{
  const page = await open();
  found.pwned = await page.evaluate(() => globalThis.pwned !== undefined);
  found.scripts = await page.evaluate(() => document.scripts.length);
  found.handlers = await page.evaluate(() =>
    [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on") || a.name === "style")).length);
  found.text = await page.evaluate(() => document.body.textContent);
  found.age = await page.evaluate(() => document.querySelector("[data-age-here]")?.textContent);
  // Maps are entered and left by keyboard alone.
  for (const box of await page.locator("svg.icicle:visible").all()) {
    const told = box.locator("xpath=following-sibling::*[1]/output");
    const start = await told.textContent();
    await box.locator("[tabindex='0']").focus();
    await page.keyboard.press("ArrowDown");
    const first = page.locator("svg.icicle svg:focus");
    const [before, words] = [await first.getAttribute("width"), await first.locator("title").textContent()];
    const ring = await first.locator("rect").evaluate((rect) => getComputedStyle(rect).strokeWidth);
    await page.keyboard.press("Enter");
    const inside = { width: await first.getAttribute("width"), told: await told.textContent() };
    await page.keyboard.press("Escape");
    found.maps.push({ words, before: parseFloat(before), inside: inside.width, told: inside.told, ring,
      after: parseFloat(await first.getAttribute("width")), back: await told.textContent() === start });
  }
  // A box folded out by keyboard alone.
  const closed = page.locator("details:not([open]) > summary").first();
  if (await closed.count()) {
    await closed.evaluate((summary) => { summary.dataset.test = "1"; });
    const one = page.locator("summary[data-test]");
    await one.focus();
    await page.keyboard.press("Enter");
    const opened = await one.evaluate((summary) => summary.parentElement.open);
    await page.keyboard.press("Space");
    found.keyboard = opened && !(await one.evaluate((summary) => summary.parentElement.open));
    found.focusRing = await one.evaluate((summary) => getComputedStyle(summary).outlineStyle !== "none");
  }
  found.searches = {};
  if (await page.locator("#q").count()) {
    const shown = () => page.locator("details[data-kind] ul.x > li:visible").count();
    for (const word of words) {
      await page.fill("#q", word);
      const texts = await page.locator("details[data-kind] ul.x > li:visible").allTextContents();
      found.searches[word] = { shown: await shown(), fits: texts.every((text) => text.toLowerCase().includes(word.toLowerCase())),
        told: await page.locator("#found").textContent() };
    }
    await page.fill("#q", "");
    found.kinds = {};
    for (const kind of ["delete", "add", "remove"]) {
      await page.selectOption("#kind", kind);
      const boxes = await page.locator("details[data-kind]:visible").evaluateAll((all) => all.map((box) => box.dataset.kind));
      found.kinds[kind] = { boxes: boxes.length, fits: boxes.every((is) => is === kind), shown: await shown() };
    }
    await page.click("form.find button");
    await page.waitForTimeout(50);
    found.told = await page.locator("#found").textContent();
  }
  await page.context().close();
}

{
  const page = await open({ javaScriptEnabled: false });
  const seen = async (selector) => (await page.locator(selector).count()) > 0 && page.locator(selector).first().isVisible();
  found.withoutScript = { heading: await seen("h1"), form: await seen("form.find"), example: await seen("details[data-kind] ul.x > li"), outline: await seen(".outline summary"), map: await seen("svg.icicle"), told: await seen(".where"), closed: await page.locator("details.part:not([open])").count() };
  await page.context().close();
}

{
  const page = await open();
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  found.print = await page.evaluate(() => ({
    closed: document.querySelectorAll("details:not([open])").length,
    nav: getComputedStyle(document.querySelector("nav.toc")).display,
    sign: document.querySelectorAll(".sign input, .sign textarea").length,
    maps: [...document.querySelectorAll("svg.icicle")].filter((map) => map.getClientRects().length).length,
  }));
  await page.context().close();
}

await browser.close();
console.log(JSON.stringify(found));

// Helpers, theme, definitions, navigation.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const SVG = "http://www.w3.org/2000/svg";

// Make an element; text always goes in as text, never as markup.
function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function draw(name, attributes = {}, text = null) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  return node;
}

function format(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "n/a";
  if (Number.isInteger(value)) return value.toLocaleString("en-US").replaceAll(",", "\u202f");
  return Math.abs(value) >= 1000 ? format(Math.round(value)) : String(Number(value.toPrecision(digits)));
}

function share(part, whole) {
  if (!whole) return "n/a";
  const shown = ((100 * part) / whole).toFixed(1);
  if (part > 0 && shown === "0.0") return "< 0.1%";
  return part < whole && shown === "100.0" ? "> 99.9%" : `${Number(shown)}%`;
}

function shorten(text, length = 19) {
  if (text.length <= length) return text;
  const head = Math.floor(((length - 1) * 2) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}

const root = document.documentElement;
root.classList.add("js");

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const themeListeners = [];
$("#theme")?.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  themeListeners.forEach((listener) => listener());
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeListeners.forEach((listener) => listener()));

// A definition opens beside its question mark, inside the window.
let asked = null;
document.addEventListener("click", (event) => {
  asked = event.target.closest?.(".help") ?? asked;
}, true);
for (const box of $$(".definition")) {
  box.addEventListener("toggle", (event) => {
    if (event.newState !== "open" || !asked) return;
    const place = asked.getBoundingClientRect();
    const left = Math.max(12, Math.min(place.left - 20, innerWidth - box.offsetWidth - 12));
    const below = place.bottom + 8;
    const top = below + box.offsetHeight > innerHeight ? Math.max(12, place.top - box.offsetHeight - 8) : below;
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
  });
}

// Parts far away are laid out late and have a guessed height until then: before a jump all get their own.
function land(hash) {
  const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
  if (!target) return;
  root.classList.add("whole");
  target.scrollIntoView({ block: "start", behavior: "instant" });
}
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (link) requestAnimationFrame(() => land(link.hash));
});
addEventListener("hashchange", () => land(location.hash));
addEventListener("load", () => land(location.hash));

// Mark the section in view.
const links = new Map($$("nav.side a").map((link) => [link.getAttribute("href").slice(1), link]));
if (links.size) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -75% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) seen.observe(section);
  }
}

for (const button of $$("[data-copy]")) {
  button.addEventListener("click", async () => {
    const node = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(node.innerText);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(node); // a page opened from a file may not write to the clipboard
      button.textContent = "Selected: press Ctrl+C";
    }
  });
}

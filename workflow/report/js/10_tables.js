// Tables: sort, filter, CSV.
function cellValue(cell) {
  if (!cell) return "";
  const value = cell.dataset.v;
  if (value !== undefined && value !== "" && !Number.isNaN(Number(value))) return Number(value);
  const text = cell.textContent.trim();
  return text === "n/a" ? NaN : text;
}

function compare(a, b) {
  const missingA = Number.isNaN(a), missingB = Number.isNaN(b);
  if (missingA || missingB) return missingA - missingB;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function sortTable(table, index, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  $$("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const fixed = table.closest(".total") ? body.lastElementChild : null; // the sum stays last
  const rows = [...body.rows].filter((row) => row !== fixed).map((row) => [cellValue(row.cells[index]), row]);
  rows.sort((a, b) => {
    const missing = Number.isNaN(a[0]) || Number.isNaN(b[0]);
    return down && !missing ? compare(b[0], a[0]) : compare(a[0], b[0]);
  });
  body.append(...rows.map(([, row]) => row));
  if (fixed) body.append(fixed);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".sort");
  if (!button) return;
  const head = button.closest("th");
  sortTable(head.closest("table"), [...head.parentNode.children].indexOf(head), head);
});

document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-filter]")) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of $("tbody", event.target.closest(".tablebox")).rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
});

// Quote for CSV. A text that a spreadsheet would run as a formula gets an apostrophe in front.
function csvField(value) {
  let text = String(value).replace(/\s+/g, " ").trim();
  if (/^[=+\-@\t]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function tableCsv(table) {
  const heads = $$("thead tr:last-child th", table).map((head) => head.querySelector(".sort")?.textContent ?? head.textContent);
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => {
    const copy = cell.cloneNode(true);
    const extra = [...copy.querySelectorAll("small")].map((node) => { node.remove(); return node.textContent; });
    const main = cell.matches(".k-number, .k-percent, .k-heat") && cell.dataset.v !== undefined ? cell.dataset.v : copy.textContent.trim();
    return extra.length ? `${main} (${extra.join("; ")})` : main;
  }));
  return [heads, ...rows].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-csv]");
  if (!button) return;
  const table = $("table", button.closest(".tablebox"));
  save(new Blob(["\ufeff", tableCsv(table)], { type: "text/csv" }), `${button.dataset.csv}.csv`);
});

// One stop a table for the tab key; arrow keys, Home and End move between its buttons and links.
const STOPS = "thead button, tbody a, tbody button";
for (const table of $$("table[data-sortable]")) {
  $$(STOPS, table).forEach((stop, i) => { stop.tabIndex = i ? -1 : 0; });
  table.addEventListener("keydown", (event) => {
    const all = $$(STOPS, table), at = all.indexOf(document.activeElement), last = all.length - 1;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    all[at].tabIndex = -1;
    all[Math.min(Math.max(to, 0), last)].tabIndex = 0;
    all[Math.min(Math.max(to, 0), last)].focus();
  });
}

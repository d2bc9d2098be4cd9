// Lots at a glance: sort, group, choose columns, move by keys, export; and two lots side by side.
const FITTING = 36; // lots up to which rows have room for numbers on one screen
const SHARED = "overlap", APART = "apart";

function lotMatrix() {
  const { columns, facts, lots } = JSON.parse($("#matrix-data").textContent);
  const box = $("#matrix"), table = $("table", box), body = table.tBodies[0], said = $("#matrix-said"), how = said.textContent;
  const rows = [...body.rows], severity = ["FAIL", "WARN", "NOT ASSESSABLE", "PASS"];
  const state = { by: null, down: false };
  const lotOf = (row) => lots[Number(row.dataset.lot)];

  function key(lot) {
    if (state.by === "lot") return lot.lot_id;
    if (state.by in facts) return lot[state.by];
    if (state.by === "verdict") return severity.indexOf(lot.verdict);
    const value = lot.squares[Number(state.by)][1];
    return value === null ? NaN : value;
  }

  // Rows in their order, a line before each group; lots of equal key stay as they were.
  function arrange() {
    const sorted = state.by === null ? rows : rows.map((row, i) => [key(lotOf(row)), i, row]).sort((a, b) => {
      const missing = Number.isNaN(a[0]) || Number.isNaN(b[0]);
      return (state.down && !missing ? compare(b[0], a[0]) : compare(a[0], b[0])) || a[1] - b[1];
    }).map(([, , row]) => row);
    const fact = $("#matrix-group")?.value;
    if (!fact) return body.replaceChildren(...sorted);
    const levels = [...new Set(sorted.map((row) => lotOf(row)[fact]))].sort((a, b) => compare(a, b));
    body.replaceChildren(...levels.flatMap((level) => {
      const own = sorted.filter((row) => lotOf(row)[fact] === level);
      const head = make("tr", { class: "band" }, make("th", { scope: "rowgroup", colspan: rows[0].cells.length }, `${facts[fact]} ${level}: ${own.length} lot${own.length > 1 ? "s" : ""}`));
      return [head, ...own];
    }));
  }

  for (const button of $$(".order", table)) {
    button.addEventListener("click", () => {
      state.down = state.by === button.dataset.by && !state.down;
      state.by = button.dataset.by;
      $$("thead th", table).forEach((head) => head.removeAttribute("aria-sort"));
      button.closest("th").setAttribute("aria-sort", state.down ? "descending" : "ascending");
      arrange();
    });
  }
  $("#matrix-group")?.addEventListener("change", arrange);

  const density = $("#matrix-rows");
  function fit() {
    const fits = density.value === "fit";
    box.classList.toggle("fit", fits);
    const above = table.getBoundingClientRect().top - box.getBoundingClientRect().top;
    const room = innerHeight - table.tHead.offsetHeight - above - 12;
    box.style.setProperty("--row", `${fits ? Math.max(6, Math.min(22, Math.floor(room / rows.length))) : 22}px`);
  }
  density.value = rows.length > FITTING ? "fit" : "text";
  density.addEventListener("change", fit);
  addEventListener("resize", fit);
  fit();

  $(".choose", box).addEventListener("change", (event) => {
    const at = Number(event.target.value);
    for (const row of [table.tHead.rows[0], ...rows]) row.cells[at].hidden = !event.target.checked;
  });

  // One stop of the tab key; arrow keys, Home and End move among the squares that are shown.
  const squares = () => [table.tHead.rows[0], ...body.rows].filter((row) => !row.matches(".band")).map((row) => [...row.cells].filter((cell) => !cell.hidden));
  const stop = (cell) => cell.querySelector("button, a") ?? cell;
  $$("th, td", table).forEach((cell) => { stop(cell).tabIndex = -1; });
  stop(table.tHead.rows[0].cells[0]).tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const from = event.target.closest("th, td"), all = squares();
    const y = all.findIndex((row) => row.includes(from)), x = y < 0 ? -1 : all[y].indexOf(from);
    if (event.key === "Enter" && from.matches("td")) { $("a", from.parentNode).click(); return; }
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -x], End: [0, all[y]?.length - 1 - x] }[event.key];
    if (y < 0 || !step) return;
    event.preventDefault();
    const to = all[Math.min(Math.max(y + step[0], 0), all.length - 1)];
    const next = stop(to[Math.min(Math.max(x + step[1], 0), to.length - 1)]);
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  table.addEventListener("focusin", (event) => { said.textContent = event.target.closest("td")?.title || how; });
  table.addEventListener("pointerover", (event) => { said.textContent = event.target.closest?.("tbody td")?.title || how; });

  $("#matrix-csv").addEventListener("click", () => {
    const first = rows[0].cells.length - columns.length;
    const shown = columns.map((column, i) => [column, i]).filter(([, i]) => !table.tHead.rows[0].cells[first + i].hidden);
    const heads = ["lot_id", "verdict", ...Object.keys(facts), ...shown.flatMap(([column]) => ["verdict", "value", "low", "high", "n"].map((what) => `${column.name}_${what}`))];
    const lines = [...body.rows].filter((row) => !row.matches(".band")).map(lotOf).map((lot) => [
      lot.lot_id, lot.verdict, ...Object.keys(facts).map((fact) => lot[fact]),
      ...shown.flatMap(([, i]) => lot.squares[i].slice(0, 5).map((value) => value ?? "")),
    ]);
    save(new Blob(["\ufeff", [heads, ...lines].map((line) => line.map(csvField).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" }), "lots.csv");
  });

  if ($("#pair")) pairView(columns, facts, lots);
}

// Whether two intervals have a value in common; "" where one of them is missing.
function overlap(a, b) {
  if ([a[2], a[3], b[2], b[3]].some((end) => end === null)) return "";
  return Math.max(a[2], b[2]) <= Math.min(a[3], b[3]) ? SHARED : APART;
}

function pairView(columns, facts, lots) {
  const table = $("#pair-table"), choices = [$("#pair-a"), $("#pair-b")];
  const square = ([verdict, , , , , text, span]) => make("td", { class: `v-${verdict.toLowerCase().replaceAll(" ", "-")}` }, `${verdict}${text ? ` ${text}` : ""}`, ...(span ? [make("small", {}, span)] : []));
  function fill() {
    const pair = choices.map((choice) => lots[Number(choice.value)]);
    const heads = ["Attribute", ...pair.map((lot) => lot.lot_id), "Intervals"];
    table.tHead.replaceChildren(make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text))));
    const known = Object.entries(facts).map(([fact, title]) => make("tr", { class: "fact" }, make("th", { scope: "row" }, title), ...pair.map((lot) => make("td", {}, lot[fact])), make("td", {}, pair[0][fact] === pair[1][fact] ? "same" : "")));
    const verdict = make("tr", {}, make("th", { scope: "row" }, "Verdict"), ...pair.map((lot) => square([lot.verdict, , , , , "", ""])), make("td", {}));
    table.tBodies[0].replaceChildren(...known, verdict, ...columns.map((column, i) => {
      const [a, b] = pair.map((lot) => lot.squares[i]), both = overlap(a, b);
      return make("tr", { class: both }, make("th", { scope: "row" }, column.title), square(a), square(b), make("td", {}, both));
    }));
  }
  choices.forEach((choice) => choice.addEventListener("change", fill));
  fill();
}

if (document.getElementById("matrix")) lotMatrix();

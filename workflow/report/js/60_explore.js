// The explorer: controls, legend, and what is drawn when something changes.
const RAMP = ["#f3efc0", "#c4dd93", "#7fc58a", "#3fa68d", "#25848e", "#2f5f8a", "#3b3a78", "#34145a"];
const QUICK = ["isct_call", "isct_identity", "leiden", "lot_id", "phase"];

async function explore() {
  const state = { lots: null, mask: null, describe: [] };
  const lotColumn = await column("lot_id");
  const fixed = await Promise.all(["sample_id", "isct_call", "isct_reason", "isct_identity", "leiden"].map(column));
  const map = new CellMap($("#map"), (mask) => { state.mask = mask; refresh(); }, (cell) => [
    lotColumn.levels[lotColumn.codes[cell]],
    ...fixed.filter(Boolean).map((about) => `${about.title}: ${textOf(about, cell)}`),
    ...(fixed.some((about) => about?.id === map.colour.id) || map.colour.id === "lot_id" ? [] : [`${map.colour.title}: ${textOf(map.colour, cell)}`]),
  ]);

  const groups = $("#group-by");
  for (const about of header.columns) if (about.kind === "category" && about.levels.length <= 130) groups.append(make("option", { value: about.id }, about.title));
  groups.value = "lot_id";
  groups.addEventListener("change", refresh);

  const choice = $("#map-choice");
  choice.addEventListener("change", async () => { map.box = map.mask = state.mask = null; await map.load(choice.value); refresh(); });
  $("#map-reset").addEventListener("click", () => { map.reset(); map.clear(); });

  async function colourBy(id) {
    const about = await column(id);
    if (!about) return;
    map.colour = about;
    map.picked = null;
    $("#colour").value = about.title;
    $("#map-title").textContent = `UMAP by ${about.title}`;
    for (const button of $$(".quick button")) button.setAttribute("aria-pressed", String(button.dataset.id === id));
    legend();
    refresh();
  }

  function keep(cell) {
    return map.x[cell] !== HIDDEN && (!map.shown || map.shown[cell]) && (!map.mask || map.mask[cell]);
  }

  async function refresh() {
    map.paint();
    if (!map.colour || !map.x) return;
    const about = map.colour, group = await column(groups.value);
    const all = groupCells(group, keep), used = all.map((cells, i) => i).filter((i) => all[i].length);
    const names = used.map((i) => group.levels[i]), rows = used.map((i) => all[i]);
    const width = Math.max(300, Math.min(640, $("#groups").clientWidth - 4));
    $("#groups-title").textContent = `${about.title} by ${group.title.toLowerCase()}`;
    const svg = about.kind === "number" ? violins(about, names, rows, width) : bars(about, names, rows, width);
    svg.setAttribute("aria-label", `${about.title} by ${group.title}; the table below holds the numbers`);
    $("#groups").replaceChildren(svg);
    fillTable(linkedTable(about, group, names, rows));
    const n = rows.reduce((sum, cells) => sum + cells.length, 0), shownCells = map.x.reduce((sum, x) => sum + (x !== HIDDEN), 0);
    $("#linked-title").textContent = `${about.title} by ${group.title.toLowerCase()}: ${format(n)} of ${format(shownCells)} cells`;
    $("#selection").replaceChildren(...(state.mask ? [make("strong", {}, `${format(n)} cells selected. `), clearButton()] : []));
    $("#map").setAttribute("aria-label", `UMAP of ${format(n)} cells coloured by ${about.title}`);
  }

  function clearButton() {
    const button = make("button", { type: "button" }, "Clear");
    button.addEventListener("click", () => map.clear());
    return button;
  }

  function fillTable({ head, body }) {
    const table = $("#linked table");
    table.tHead.replaceChildren(make("tr", {}, ...head.map((text, i) => make("th", { scope: "col", class: i ? "k-number" : "k-text" }, make("span", { class: "th" }, make("button", { type: "button", class: "sort" }, text))))));
    table.tBodies[0].replaceChildren(...body.map((row) => make("tr", {}, ...row.map((value, i) => i
      ? make("td", { class: "k-number", "data-v": Number.isFinite(value) ? value : null }, format(value))
      : make("th", { scope: "row" }, value)))));
  }

  function legend() {
    const box = $("#map-legend"), about = map.colour;
    if (about.kind === "number") {
      const strip = make("canvas", { width: about.steps + 1, height: 1, "aria-hidden": "true" }), context = strip.getContext("2d");
      map.palette().forEach((colour, i) => { context.fillStyle = colour; context.fillRect(i, 0, 1, 1); });
      const missing = about.codes.some((code) => code === 255) ? [make("span", {}, "grey: not assessable")] : [];
      box.replaceChildren(make("span", { class: "scale" }, format(about.low), strip, `${format(about.high)} ${about.unit}`), ...missing);
      return;
    }
    const counts = about.levels.map(() => 0);
    about.codes.forEach((code) => counts[code]++);
    box.replaceChildren(...about.levels.map((level, i) => {
      const dot = make("i");
      dot.style.background = about.colours[i];
      const button = make("button", { type: "button", "aria-pressed": "false", title: `${level}: ${format(counts[i])} cells. Press to show only these.` }, dot, shorten(level, 40));
      button.addEventListener("click", () => {
        map.picked = map.picked === i ? null : i;
        $$("button", box).forEach((other, j) => other.setAttribute("aria-pressed", String(j === map.picked)));
        map.paint();
      });
      return button;
    }));
  }
  themeListeners.push(() => { if (map.colour) legend(); });

  function chooseLots() {
    const boxes = $$("#lot-list input"), on = boxes.map((box) => box.checked);
    const n = on.filter(Boolean).length;
    $("#lot-count").textContent = n === on.length ? "all" : `${n} of ${on.length}`;
    map.shown = n === on.length ? null : Uint8Array.from(lotColumn.codes, (code) => Number(on[code]));
    refresh();
  }

  lotColumn.levels.forEach((lot, i) => {
    const box = make("input", { type: "checkbox", checked: true, value: i });
    $("#lot-list").append(make("label", {}, box, lot));
  });
  $("#lot-list").addEventListener("change", chooseLots);
  for (const [id, value] of [["#lots-all", true], ["#lots-none", false]]) {
    $(id).addEventListener("click", () => { $$("#lot-list label:not([hidden]) input").forEach((box) => { box.checked = value; }); chooseLots(); });
  }
  $("#lot-find").addEventListener("input", (event) => {
    const text = event.target.value.toLowerCase();
    for (const label of $$("#lot-list label")) label.hidden = !label.textContent.toLowerCase().includes(text);
  });

  for (const id of QUICK) {
    if (!columnIndex.has(id)) continue;
    const button = make("button", { type: "button", "data-id": id, "aria-pressed": "false" }, header.columns[columnIndex.get(id)].title);
    button.addEventListener("click", () => colourBy(id));
    $(".quick").append(button);
  }
  for (const button of $$(".jump")) {
    button.addEventListener("click", async () => {
      const wanted = button.dataset.map;
      if (wanted && choice.value !== wanted && [...choice.options].some((option) => option.value === wanted)) { choice.value = wanted; await map.load(wanted); }
      await colourBy(button.dataset.colour);
      $("#explore").scrollIntoView();
      $("#map").focus({ preventScroll: true });
    });
  }
  combobox($("#colour"), $("#colour-list"), colourBy);
  $("#map-png").addEventListener("click", () => { mapPicture(map, 3).toBlob((blob) => save(blob, `${$("#map-title").textContent}.png`)); });
  $("#map-svg").addEventListener("click", () => save(new Blob([mapSvg(map)], { type: "image/svg+xml" }), `${$("#map-title").textContent}.svg`));

  await map.load(header.maps[0].id);
  const call = header.columns[columnIndex.get("isct_call")]; // one call for all cells shows nothing
  const first = call?.levels.length > 1 ? ["isct_call"] : [];
  await colourBy([...first, "isct_identity", "isct_call", "lot_id"].find((id) => columnIndex.has(id)));
  let width = $("#groups-figure").clientWidth;
  new ResizeObserver(() => {
    if ($("#groups-figure").clientWidth === width) return; // only its height changed, by our own drawing
    width = $("#groups-figure").clientWidth;
    refresh();
  }).observe($("#groups-figure"));
  root.dataset.ready = "yes";
  land(location.hash); // the map and its table have moved what is below them
}

function mapPicture(map, factor) {
  const { width, height } = map.frame(), canvas = make("canvas", { width: width * factor, height: height * factor });
  map.render(canvas.getContext("2d"), factor);
  return canvas;
}

// The map as SVG: the cells as a picture at three times the screen, title and legend as text.
function mapSvg(map) {
  const { width, height } = map.frame(), about = map.colour, styles = getComputedStyle(root);
  const rows = about.kind === "category" ? about.levels.length : 2, full = height + 30 + 14 * Math.ceil(rows / 3) + 14;
  const svg = draw("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${full}`, width, height: full, "font-family": "sans-serif", "font-size": 11 });
  svg.append(draw("rect", { width, height: full, fill: styles.getPropertyValue("--card") }), draw("image", { width, height, y: 20, href: mapPicture(map, 3).toDataURL() }));
  const ink = styles.getPropertyValue("--ink");
  svg.append(draw("text", { x: 6, y: 14, "font-weight": "bold", fill: ink }, `UMAP by ${about.title}`));
  const items = about.kind === "category" ? about.levels.map((level, i) => [level, about.colours[i]]) : [[`low ${format(about.low)}`, map.palette()[0]], [`high ${format(about.high)}`, map.palette().at(-1)]];
  items.forEach(([text, colour], i) => {
    const x = 8 + (i % 3) * (width / 3), y = height + 34 + 14 * Math.floor(i / 3);
    svg.append(draw("circle", { cx: x + 4, cy: y - 4, r: 4, fill: colour }), draw("text", { x: x + 12, y, fill: ink }, shorten(text, 28)));
  });
  svg.append(draw("text", { x: 6, y: full - 4, "font-size": 7, fill: "#777" }, stamp()));
  return new XMLSerializer().serializeToString(svg);
}

// A search box with a list, after the ARIA combobox pattern: type, arrows, Enter, Escape.
function combobox(input, list, choose) {
  let at = -1, found = [];
  function show(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const typed = words.join("").replaceAll("-", "");
    const exact = (about) => [about.title, about.also].some((name) => typed && name.toLowerCase().replaceAll("-", "") === typed);
    const rank = (about) => (exact(about) ? 0 : typed && about.group === "Gene" ? 1 : 2); // a gene before its probability
    found = header.columns.filter((about) => exact(about) || words.every((word) => `${about.title} ${about.also} ${about.group}`.toLowerCase().includes(word)));
    found.sort((a, b) => rank(a) - rank(b));
    at = -1;
    list.replaceChildren(...found.slice(0, 200).map((about, i) => {
      const item = make("li", { role: "option", id: `option-${i}`, "aria-selected": "false" }, about.title, make("small", {}, about.also ? `${about.group} of ${about.also}` : about.group));
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); pick(i); });
      return item;
    }));
    if (!found.length) list.append(make("li", { role: "option", "aria-selected": "false", "aria-disabled": "true" }, "Nothing of that name is in this report."));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }
  function hide() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function pick(i) {
    if (!found[i]) return;
    hide();
    choose(found[i].id);
  }
  input.addEventListener("focus", () => { input.select(); show(""); });
  input.addEventListener("input", () => show(input.value));
  input.addEventListener("blur", hide);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { hide(); return; }
    if (event.key === "Enter") { pick(Math.max(at, 0)); event.preventDefault(); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (list.hidden) show("");
    const items = $$("[role=option]", list);
    at = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    items[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", items[at].id);
  });
}

if (document.getElementById("explorer")) explore();

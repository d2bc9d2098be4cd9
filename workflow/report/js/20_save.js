// Downloads: any chart as SVG or PNG, with the page's colours written into it.
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor"];

function fileName(text) {
  const dataset = document.title.split(" · ")[0];
  return `${dataset} ${text}`.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 100);
}

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: fileName(name) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function standalone(svg) {
  const copy = svg.cloneNode(true);
  const from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((node, i) => {
    const style = getComputedStyle(node);
    for (const key of STYLES) if (node.localName !== "title") to[i].style.setProperty(key, style.getPropertyValue(key));
    to[i].removeAttribute("class");
  });
  const back = draw("rect", { width: "100%", height: "100%", fill: getComputedStyle(root).getPropertyValue("--card").trim() });
  copy.prepend(back);
  const note = draw("text", { x: 4, y: copy.viewBox.baseVal.height - 3, "font-size": 7, fill: "#777" }, stamp());
  copy.append(note);
  copy.setAttribute("xmlns", SVG);
  return new XMLSerializer().serializeToString(copy);
}

function stamp() {
  const run = header?.run ? `run ${header.run}` : "";
  return document.querySelector(".banner") ? `${run} · SIMULATED DATA` : run;
}

function saveSvg(svg, name) {
  save(new Blob([standalone(svg)], { type: "image/svg+xml" }), `${name}.svg`);
}

async function savePng(svg, name, factor = 3) {
  const { width, height } = svg.viewBox.baseVal;
  const image = new Image();
  const url = URL.createObjectURL(new Blob([standalone(svg)], { type: "image/svg+xml" }));
  image.src = url;
  await image.decode();
  const canvas = make("canvas", { width: Math.round(width * factor), height: Math.round(height * factor) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  canvas.toBlob((blob) => save(blob, `${name}.png`), "image/png");
}

// A heat table as a picture: one square a cell.
function heatSvg(box) {
  const rows = [...$("tbody", box).rows].filter((row) => !row.hidden);
  const heads = $$("thead tr:last-child th.k-heat .sort", box).map((node) => node.textContent);
  const left = 190, top = 150, size = 30, width = left + size * heads.length + 90, height = top + 18 * rows.length + 16;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart" });
  heads.forEach((text, i) => {
    const x = left + size * (i + 0.6);
    svg.append(draw("text", { x, y: top - 8, transform: `rotate(-50 ${x} ${top - 8})`, class: "tick" }, shorten(text, 34)));
  });
  rows.forEach((row, j) => {
    const y = top + 18 * j;
    svg.append(draw("text", { x: left - 8, y: y + 13, "text-anchor": "end", class: "lab" }, shorten(row.cells[0].textContent.trim(), 32)));
    $$("td.k-heat", row).forEach((cell, i) => {
      const style = getComputedStyle(cell);
      svg.append(draw("rect", { x: left + size * i, y, width: size - 1, height: 17, style: `fill:${style.backgroundColor}` }));
      svg.append(draw("text", { x: left + size * (i + 0.5), y: y + 12.5, "text-anchor": "middle", "font-size": 9, style: `fill:${style.color}` }, cell.textContent.trim()));
    });
  });
  document.body.append(svg); // styles are computed only for what is in the page
  return svg;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-save], [data-save-heat]");
  if (!button) return;
  if (button.dataset.saveHeat) {
    const box = button.closest(".tablebox"), svg = heatSvg(box), name = $("h3", box).textContent;
    if (button.dataset.saveHeat === "svg") saveSvg(svg, name); else savePng(svg, name);
    svg.remove();
    return;
  }
  const figure = button.closest("figure"), svg = $("svg.chart", figure), name = $(".fig-title", figure).textContent;
  if (!svg) return;
  if (button.dataset.save === "svg") saveSvg(svg, name); else savePng(svg, name);
});

// The linked chart and table: a column by group, over the cells that are shown and selected.
function groupCells(group, keep) {
  const rows = group.levels.map(() => []);
  for (let cell = 0; cell < group.codes.length; cell++) if (keep(cell)) rows[group.codes[cell]].push(cell);
  return rows;
}

function quantile(counts, total, q) {
  let sum = 0;
  for (let code = 0; code < counts.length; code++) {
    sum += counts[code];
    if (sum >= q * total) return code;
  }
  return counts.length - 1;
}

function summarise(about, cells) {
  const counts = new Float64Array(255);
  let n = 0, sum = 0, square = 0;
  for (const cell of cells) {
    const code = about.codes[cell];
    if (code === 255) continue;
    const value = numberOf(about, code);
    counts[code]++; n++; sum += value; square += value * value;
  }
  const mean = n ? sum / n : NaN;
  const at = (q) => (n ? numberOf(about, quantile(counts, n, q)) : NaN);
  return { counts, n, mean, sd: n > 1 ? Math.sqrt(Math.max(0, (square - n * mean * mean) / (n - 1))) : NaN, median: at(0.5), low: at(0.05), high: at(0.95) };
}

function smooth(counts, width) {
  const reach = Math.ceil(3 * width), kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / width) ** 2) / 2));
  return counts.map((_, i) => {
    let sum = 0;
    kernel.forEach((weight, k) => { sum += weight * (counts[i + k - reach] ?? 0); });
    return sum;
  });
}

function chartFrame(names, width, rowHeight) {
  const left = Math.min(120, width * 0.34), top = 8, bottom = top + names.length * rowHeight, height = bottom + 34;
  const svg = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  names.forEach((name, i) => {
    const label = draw("text", { class: "lab", x: left - 8, y: top + (i + 0.5) * rowHeight + 4, "text-anchor": "end" }, shorten(name, Math.floor((left - 8) / 7)));
    label.append(draw("title", {}, name));
    svg.append(label);
  });
  return { svg, left, right: width - 10, top, bottom, width };
}

function axis(frame, low, high, title) {
  const rough = (high - low) / 4 || 1, size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * size).find((s) => s >= rough);
  const place = (value) => frame.left + ((frame.right - frame.left) * (value - low)) / (high - low || 1);
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) {
    frame.svg.append(draw("line", { class: "grid", x1: place(tick), x2: place(tick), y1: frame.top - 4, y2: frame.bottom }));
    frame.svg.append(draw("text", { class: "tick", x: place(tick), y: frame.bottom + 13, "text-anchor": "middle" }, String(Number(tick.toPrecision(6)))));
  }
  frame.svg.append(draw("text", { class: "tick", x: (frame.left + frame.right) / 2, y: frame.bottom + 28, "text-anchor": "middle" }, title));
  return place;
}

function violins(about, names, rows, width) {
  const height = names.length > 40 ? 20 : 30, frame = chartFrame(names, width, height);
  const place = axis(frame, about.low, about.high, about.unit ? `${about.title} (${about.unit})` : about.title);
  rows.forEach((cells, i) => {
    const middle = frame.top + (i + 0.5) * height, half = height / 2 - 2, stats = summarise(about, cells);
    if (!stats.n) return;
    const group = draw("g");
    group.append(draw("title", {}, `${names[i]}: ${format(stats.n)} cells, median ${format(stats.median)}, 5 to 95 % ${format(stats.low)} to ${format(stats.high)}`));
    if (stats.n >= 20) {
      const shape = smooth(stats.counts, about.steps / 50), most = Math.max(...shape), points = [];
      for (let code = 0; code <= about.steps; code += about.steps > 150 ? 2 : 1) points.push([place(numberOf(about, code)), (shape[code] / most) * half]);
      const kept = points.filter(([, y]) => y > 0.08);
      const line = [...kept.map(([x, y]) => `${x.toFixed(1)},${(middle - y).toFixed(1)}`), ...kept.reverse().map(([x, y]) => `${x.toFixed(1)},${(middle + y).toFixed(1)}`)];
      group.append(draw("polygon", { class: "violin", points: line.join(" ") }));
    }
    const some = cells.length <= 60 ? cells : cells.filter((_, k) => k % Math.ceil(cells.length / 60) === 0);
    some.forEach((cell, k) => {
      if (about.codes[cell] === 255) return;
      group.append(draw("circle", { class: "strip", cx: place(numberOf(about, about.codes[cell])).toFixed(1), cy: (middle + (((k * 7) % 11) / 11 - 0.45) * half).toFixed(1), r: 1.1 }));
    });
    const x = place(stats.median);
    group.append(draw("line", { class: "median", x1: x, x2: x, y1: middle - half * 0.7, y2: middle + half * 0.7 }));
    frame.svg.append(group);
  });
  return frame.svg;
}

function bars(about, names, rows, width) {
  const height = 20, frame = chartFrame(names, width, height);
  const place = axis(frame, 0, 100, "share of cells (%)");
  rows.forEach((cells, i) => {
    const counts = about.levels.map(() => 0);
    for (const cell of cells) counts[about.codes[cell]]++;
    let left = 0;
    counts.forEach((count, level) => {
      if (!count) return;
      const part = (100 * count) / cells.length;
      const bar = draw("rect", { class: "part", x: place(left), y: frame.top + i * height + 2, width: Math.max(0.1, place(left + part) - place(left)), height: height - 4, fill: about.colours[level] });
      bar.append(draw("title", {}, `${names[i]}, ${about.levels[level]}: ${format(count)} cells, ${share(count, cells.length)}`));
      frame.svg.append(bar);
      left += part;
    });
  });
  return frame.svg;
}

function linkedTable(about, group, names, rows) {
  const head = [group.title, "Cells"];
  const body = [];
  if (about.kind === "number") {
    head.push("Mean", "SD", "Median", "5 %", "95 %", "Not assessable");
    rows.forEach((cells, i) => {
      const s = summarise(about, cells);
      body.push([names[i], cells.length, s.mean, s.sd, s.median, s.low, s.high, cells.length - s.n]);
    });
  } else {
    const total = about.levels.map(() => 0);
    const counted = rows.map((cells) => {
      const counts = about.levels.map(() => 0);
      for (const cell of cells) { counts[about.codes[cell]]++; total[about.codes[cell]]++; }
      return counts;
    });
    const levels = total.map((count, i) => [count, i]).filter(([count]) => count).sort((a, b) => b[0] - a[0]).slice(0, 12).map(([, i]) => i);
    head.push(...levels.map((i) => `${about.levels[i]} (%)`));
    rows.forEach((cells, i) => body.push([names[i], cells.length, ...levels.map((level) => (cells.length ? (100 * counted[i][level]) / cells.length : NaN))]));
  }
  return { head, body };
}

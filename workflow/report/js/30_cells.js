// The cells: columns are unpacked when they are first asked for, so that the page opens at once.
const header = JSON.parse(document.getElementById("header")?.textContent || "null");
const unpacked = new Map();

async function unpack(id, wide) {
  const key = id;
  if (!unpacked.has(key)) {
    unpacked.set(key, (async () => {
      const text = atob(document.getElementById(id).textContent.trim());
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      const buffer = await new Response(stream).arrayBuffer();
      return wide ? new Uint16Array(buffer) : new Uint8Array(buffer);
    })());
  }
  return unpacked.get(key);
}

const columnIndex = new Map((header?.columns ?? []).map((column, i) => [column.id, i]));

async function column(id) {
  const i = columnIndex.get(id);
  if (i === undefined) return null;
  const about = header.columns[i];
  return { ...about, codes: await unpack(`col-${i}`, about.wide) };
}

function numberOf(about, code) {
  return code === 255 ? NaN : about.low + (code / about.steps) * (about.high - about.low);
}

function textOf(about, cell) {
  const code = about.codes[cell];
  if (about.kind === "category") return about.levels[code];
  const value = numberOf(about, code);
  return Number.isNaN(value) ? "not assessable" : `${format(value)}${about.unit ? ` ${about.unit}` : ""}`;
}

// Number ramp, dark for high, one colour a step; on a dark page light stands for high.
function rampColours(stops, dark, steps) {
  const list = dark ? [...stops].reverse() : stops;
  const rgb = list.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const place = (i / steps) * (rgb.length - 1), k = Math.min(Math.floor(place), rgb.length - 2), part = place - k;
    return `rgb(${rgb[k].map((value, j) => Math.round(value + part * (rgb[k + 1][j] - value))).join(",")})`;
  });
}

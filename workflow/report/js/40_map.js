// The map: a canvas of cells with hover, rectangle selection, zoom and keyboard.
const HIDDEN = 65535;

class CellMap {
  constructor(canvas, onSelect, describe) {
    Object.assign(this, { canvas, onSelect, describe, view: { x: 0, y: 0, zoom: 1 }, mask: null, shown: null, picked: null });
    new ResizeObserver(() => this.paint()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    canvas.addEventListener("pointerleave", () => hideTip());
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
    }, { passive: false });
    themeListeners.push(() => this.paint());
  }

  async load(id) {
    [this.x, this.y] = await Promise.all([unpack(`x-${id}`, true), unpack(`y-${id}`, true)]);
    this.order = shuffled(this.x.length);
    this.grid = null;
    let top = 0, right = 0;
    for (let i = 0; i < this.x.length; i++) if (this.x[i] !== HIDDEN) { right = Math.max(right, this.x[i]); top = Math.max(top, this.y[i]); }
    this.extent = [right || 1, top || 1];
    this.reset();
  }

  reset() {
    this.view = { x: 0, y: 0, zoom: 1 };
    this.paint();
  }

  // Data to pixels: keep the aspect ratio, centre, then zoom and move.
  frame() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight, pad = 10;
    const scale = Math.min((width - 2 * pad) / this.extent[0], (height - 2 * pad) / this.extent[1]) * this.view.zoom;
    const left = width / 2 - (this.extent[0] / 2) * scale + this.view.x;
    const bottom = height / 2 + (this.extent[1] / 2) * scale + this.view.y;
    return { scale, left, bottom, width, height };
  }

  visible(cell) {
    return this.x[cell] !== HIDDEN && (!this.shown || this.shown[cell]);
  }

  strong(cell) {
    return (!this.mask || this.mask[cell]) && (this.picked === null || this.colour.codes[cell] === this.picked);
  }

  // Ask for a new picture with the next frame; several wishes in one frame cost one picture.
  paint() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.render(); });
  }

  render(context = null, factor = window.devicePixelRatio || 1) {
    if (!this.colour || !this.x) return;
    const frame = this.frame();
    if (!context) {
      const width = Math.round(frame.width * factor), height = Math.round(frame.height * factor);
      if (!width) return;
      if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
      context = this.canvas.getContext("2d");
    }
    context.setTransform(factor, 0, 0, factor, 0, 0);
    context.fillStyle = getComputedStyle(root).getPropertyValue("--map");
    context.fillRect(0, 0, frame.width, frame.height);
    const strong = [], weak = [], missing = this.colour.kind === "number" ? 255 : -1, codes = this.colour.codes;
    for (const cell of this.order) {
      if (!this.visible(cell)) continue;
      (this.strong(cell) && codes[cell] !== missing ? strong : weak).push(cell);
    }
    const zoom = Math.min(2.5, Math.sqrt(this.view.zoom));
    const radius = Math.max(0.9, Math.min(3.2, 110 / Math.sqrt(strong.length + weak.length + 1))) * zoom;
    const faint = getComputedStyle(root).getPropertyValue("--line"), palette = this.palette();
    this.dots(context, frame, weak, radius * 0.85, null, [faint]);
    // Numbers from low to high; categories in rounds of random order, so that none hides another.
    const rounds = this.colour.kind === "number" || strong.length < 500 ? 1 : 10, size = Math.ceil(strong.length / rounds);
    for (let i = 0; i < rounds; i++) this.dots(context, frame, strong.slice(i * size, (i + 1) * size), radius, codes, palette);
    this.outline(context, frame);
  }

  palette() {
    return this.colour.kind === "number" ? rampColours(RAMP, isDark(), this.colour.steps) : this.colour.colours;
  }

  dots(context, frame, cells, radius, codes, palette) {
    const buckets = palette.map(() => []);
    for (const cell of cells) buckets[codes ? codes[cell] : 0].push(cell);
    const square = cells.length > 2500 && radius < 1.6, side = 2 * radius;
    buckets.forEach((bucket, code) => {
      if (!bucket.length) return;
      context.fillStyle = palette[code];
      if (!square) context.beginPath();
      for (const cell of bucket) {
        const px = frame.left + this.x[cell] * frame.scale, py = frame.bottom - this.y[cell] * frame.scale;
        if (px < -5 || py < -5 || px > frame.width + 5 || py > frame.height + 5) continue;
        if (square) context.fillRect(px - radius, py - radius, side, side);
        else { context.moveTo(px + radius, py); context.arc(px, py, radius, 0, 6.2832); }
      }
      if (!square) context.fill();
    });
  }

  outline(context, frame) {
    if (!this.box) return;
    const [a, b, c, d] = this.box;
    context.strokeStyle = getComputedStyle(root).getPropertyValue("--ink");
    context.setLineDash([5, 4]);
    context.strokeRect(frame.left + a * frame.scale, frame.bottom - d * frame.scale, (c - a) * frame.scale, (d - b) * frame.scale);
    context.setLineDash([]);
  }

  nearest(px, py) {
    this.grid ??= gridOf(this.x, this.y);
    const frame = this.frame();
    const reach = Math.ceil(9 / frame.scale / CELL) , x = (px - frame.left) / frame.scale, y = (frame.bottom - py) / frame.scale;
    const column = Math.floor(x / CELL), row = Math.floor(y / CELL), limit = Math.min(reach, 40);
    let best = -1, near = (9 / frame.scale) ** 2;
    for (let i = column - limit; i <= column + limit; i++) for (let j = row - limit; j <= row + limit; j++) {
      for (const cell of this.grid.get(i * 1000 + j) ?? []) {
        if (!this.visible(cell)) continue;
        const distance = (this.x[cell] - x) ** 2 + (this.y[cell] - y) ** 2;
        if (distance < near) { near = distance; best = cell; }
      }
    }
    return best;
  }

  hover(event) {
    if (this.start) {
      this.drag(event);
      return;
    }
    if (!this.x) return;
    const cell = this.nearest(event.offsetX, event.offsetY);
    if (cell < 0) hideTip(); else showTip(event, this.describe(cell));
  }

  press(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    this.start = [event.offsetX, event.offsetY];
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener("pointerup", () => this.release(), { once: true });
  }

  drag(event) {
    const frame = this.frame(), [x, y] = this.start;
    const xs = [x, event.offsetX].map((v) => (v - frame.left) / frame.scale).sort((a, b) => a - b);
    const ys = [y, event.offsetY].map((v) => (frame.bottom - v) / frame.scale).sort((a, b) => a - b);
    this.box = [xs[0], ys[0], xs[1], ys[1]];
    this.paint();
  }

  release() {
    const box = this.box, frame = this.frame();
    this.start = null;
    if (!box || (box[2] - box[0]) * frame.scale < 4) { this.clear(); return; }
    this.select();
  }

  // The keyboard's selection: all cells in view.
  selectView() {
    if (!this.x) return;
    const { scale, left, bottom, width, height } = this.frame();
    this.box = [-left / scale, (bottom - height) / scale, (width - left) / scale, bottom / scale];
    this.select();
  }

  select() {
    const box = this.box;
    this.mask = new Uint8Array(this.x.length);
    for (let i = 0; i < this.x.length; i++) if (this.x[i] >= box[0] && this.x[i] <= box[2] && this.y[i] >= box[1] && this.y[i] <= box[3] && this.visible(i)) this.mask[i] = 1;
    this.paint();
    this.onSelect(this.mask);
  }

  clear() {
    this.box = this.mask = null;
    this.paint();
    this.onSelect(null);
  }

  zoom(by, px = this.canvas.clientWidth / 2, py = this.canvas.clientHeight / 2) {
    const next = Math.max(0.5, Math.min(40, this.view.zoom * by)), factor = next / this.view.zoom;
    const middleX = this.canvas.clientWidth / 2, middleY = this.canvas.clientHeight / 2;
    this.view = { zoom: next, x: (this.view.x - px + middleX) * factor + px - middleX, y: (this.view.y - py + middleY) * factor + py - middleY };
    this.paint();
  }

  key(event) {
    const move = { ArrowLeft: [30, 0], ArrowRight: [-30, 0], ArrowUp: [0, 30], ArrowDown: [0, -30] }[event.key];
    if (move) { this.view.x += move[0]; this.view.y += move[1]; this.paint(); }
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.reset();
    else if (event.key === "Enter") this.selectView();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }
}

const CELL = 512; // width of a square of the hover grid, in quantised units

function gridOf(x, y) {
  const grid = new Map();
  for (let i = 0; i < x.length; i++) {
    if (x[i] === HIDDEN) continue;
    const key = Math.floor(x[i] / CELL) * 1000 + Math.floor(y[i] / CELL);
    if (grid.has(key)) grid.get(key).push(i); else grid.set(key, [i]);
  }
  return grid;
}

// The same order on every visit: a small generator with a fixed seed.
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 12345;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function showTip(event, lines) {
  const tip = $("#tip");
  tip.replaceChildren(...lines.map((line, i) => make(i ? "div" : "strong", {}, line)));
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8), top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8);
  Object.assign(tip.style, { left: `${left}px`, top: `${top}px` });
}

function hideTip() {
  $("#tip").hidden = true;
}

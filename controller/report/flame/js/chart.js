// One canvas that shows the part of a tree that is on the screen. Only what is visible is visited, so that the number
// of nodes does not matter: the canvas is as large as the window, and a tall empty element behind it scrolls.

const ROW = 19;
const LEAST_PX = 0.7; // thinner frames are drawn together as one strip

class Chart {
  // names: of frames; on: {hover(node, x, y), choose(node)}; up: the root at the bottom.
  constructor(names, on, { up = false, label }) {
    this.names = names;
    this.on = on;
    this.up = up;
    this.zoomed = 0;
    this.selected = -1;
    this.hovered = -1;
    this.boxes = [];
    this.canvas = element("canvas", { role: "img", "aria-label": label });
    this.space = element("div", { class: "flame-space" }, this.canvas);
    this.scroller = element("div", { class: "flame-scroller", tabindex: "0", "aria-label": label }, this.space);
    this.scroller.addEventListener("scroll", () => this.drawSoon());
    this.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.canvas.addEventListener("mouseleave", () => this.hover(-1, 0, 0));
    this.canvas.addEventListener("click", (event) => {
      const node = this.nodeAt(event);
      if (node >= 0) this.on.choose(node, this);
    });
    new ResizeObserver(() => this.drawSoon()).observe(this.scroller);
  }

  // view: {tree, shares, start, colour(node), matched: Uint8Array by frame or null, elideBelow}
  show(view, { keepZoom = false } = {}) {
    this.view = view;
    if (!keepZoom) {
      this.zoomed = 0;
      this.selected = -1;
    }
    this.toRoot = !keepZoom;
    this.drawSoon();
  }

  zoom(node) {
    this.zoomed = node;
    this.drawSoon();
  }

  select(node) {
    this.selected = node;
    this.reveal(node);
    this.drawSoon();
  }

  reveal(node) {
    const top = this.rowTop(this.view.tree.depth[node]);
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top - ROW;
    if (top + ROW > scrollTop + clientHeight) this.scroller.scrollTop = top + 2 * ROW - clientHeight;
  }

  drawSoon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (this.view) this.draw();
    });
  }

  get height() {
    return Math.max((this.view.tree.deepest + 1) * ROW, this.scroller.clientHeight);
  }

  rowTop(depth) {
    return this.up ? this.height - (depth + 1) * ROW : depth * ROW;
  }

  draw() {
    const began = performance.now();
    this.colours = palette();
    this.space.style.height = `${this.height}px`;
    const width = this.scroller.clientWidth;
    const height = this.scroller.clientHeight;
    if (this.toRoot) this.scroller.scrollTop = this.up ? this.height : 0;
    this.toRoot = false;
    const scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = this.colours.background;
    pen.fillRect(0, 0, width, height);
    pen.font = `12px ${getComputedStyle(document.documentElement).getPropertyValue("--mono")}`;
    pen.textBaseline = "middle";
    this.charPx = pen.measureText("0").width;
    this.pen = pen;
    this.boxes = [];
    this.offset = this.scroller.scrollTop;
    this.visit(width, height);
    this.drawMs = performance.now() - began;
  }

  visit(width, height) {
    const { tree, shares, start } = this.view;
    const zoomed = this.zoomed;
    const elideBelow = this.view.elideBelow * shares[zoomed];
    const scale = width / (shares[zoomed] || 1);
    for (let node = tree.parent[zoomed]; node >= 0; node = tree.parent[node]) this.box(node, 0, width, height, 0.45);
    const strips = new Map(); // by row: where the last strip of thin frames ended
    for (let node = zoomed; node < tree.end[zoomed]; ) {
      const share = shares[node];
      const top = this.rowTop(tree.depth[node]) - this.offset;
      const beyond = this.up ? top + ROW < 0 : top > height;
      if (share <= 0 || beyond) {
        node = tree.end[node];
        continue;
      }
      const x = (start[node] - start[zoomed]) * scale;
      const thin = share * scale < LEAST_PX;
      if (thin || share < elideBelow) {
        this.strip(strips, tree.depth[node], x, share * scale, top, height);
        node = tree.end[node];
        continue;
      }
      this.box(node, x, share * scale, height, 1);
      node++;
    }
    if (this.selected >= 0) this.outline(this.selected);
  }

  // Thin or elided frames are drawn as one grey strip and never left out: a hole would look like a frame's own time.
  strip(strips, depth, x, width, top, height) {
    const last = strips.get(depth) ?? -1;
    if (x + width - last < 0.5 || top + ROW < 0 || top > height) return;
    const from = Math.max(x, last);
    this.pen.fillStyle = this.colours.elided;
    this.pen.fillRect(from, top + 1, Math.max(x + width - from, 0.5), ROW - 2);
    strips.set(depth, x + width);
  }

  box(node, x, width, height, alpha) {
    const { tree, matched } = this.view;
    const top = this.rowTop(tree.depth[node]) - this.offset;
    if (top + ROW < 0 || top > height) return;
    const { pen, colours } = this;
    const frame = tree.frameOf[node];
    const isMatch = matched && matched[frame];
    pen.globalAlpha = matched && !isMatch ? alpha * 0.4 : alpha;
    pen.fillStyle = isMatch ? colours.match : this.view.colour(node, colours);
    const shown = Math.max(width - (width > 3 ? 1 : 0), 0.5);
    pen.fillRect(x, top + 1, shown, ROW - 2);
    this.boxes.push({ node, x, top, width: shown });
    if (shown > 3 * this.charPx) {
      const text = fitted(visible(this.names[frame]), shown - 6, this.charPx, pen);
      pen.fillStyle = isMatch ? colours.matchInk : this.view.ink(node, colours);
      pen.globalAlpha = matched && !isMatch ? 0.75 : Math.max(alpha, 0.8);
      pen.fillText(text, x + 3, top + ROW / 2 + 0.5);
    }
    pen.globalAlpha = 1;
  }

  outline(node) {
    const box = this.boxes.find((each) => each.node === node);
    if (!box) return;
    this.pen.strokeStyle = this.colours.text;
    this.pen.lineWidth = 2;
    this.pen.strokeRect(box.x + 1, box.top + 1.5, Math.max(box.width - 2, 1), ROW - 3);
  }

  nodeAt(event) {
    const x = event.offsetX;
    const y = event.offsetY;
    for (const box of this.boxes) {
      if (y >= box.top && y < box.top + ROW && x >= box.x && x <= box.x + box.width) return box.node;
    }
    return -1;
  }

  point(event) {
    this.hover(this.nodeAt(event), event.clientX, event.clientY);
    this.canvas.style.cursor = this.hovered >= 0 ? "pointer" : "default";
  }

  hover(node, x, y) {
    this.hovered = node;
    this.on.hover(node, x, y, this);
  }
}

// As much of a name as fits; ASCII is as wide as it is long in this font, the rest is measured.
function fitted(text, width, charPx, pen) {
  const most = Math.floor(width / charPx);
  if (/^[\x20-\x7e]*$/.test(text)) return text.length <= most ? text : text.slice(0, Math.max(most - 1, 1)) + "…";
  if (pen.measureText(text).width <= width) return text;
  const chars = Array.from(text).slice(0, most);
  while (chars.length > 1 && pen.measureText(chars.join("") + "…").width > width) chars.pop();
  return chars.join("") + "…";
}

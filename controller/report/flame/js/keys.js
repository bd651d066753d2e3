// Walking through a picture with the keyboard.

class FlameKeys extends FlameWords {
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === this.search || event.target.tagName === "SELECT";
    if (event.key === "Escape") return this.escape();
    if (typing) return;
    const act = {
      "/": () => this.search.focus(), f: () => this.open("flame"), s: () => this.open("sandwich"), t: () => this.open("table"),
      x: () => this.toggleSwap(), e: () => this.toggleElided(), "?": () => this.toggleHelp(),
      ArrowUp: () => this.walk("up"), ArrowDown: () => this.walk("down"), ArrowLeft: () => this.walk("left"), ArrowRight: () => this.walk("right"),
      Enter: () => event.target.tagName === "BUTTON" ? false : this.zoom(Math.max(this.chart.selected, 0)),
    }[event.key];
    if (!act || (event.key.startsWith("Arrow") && this.view !== "flame")) return;
    if (act() !== false) event.preventDefault();
  }

  escape() {
    if (this.search.value) {
      this.search.value = "";
      this.find();
    } else this.zoom(0);
    this.search.blur();
  }

  walk(way) {
    const { tree, mine } = this;
    const from = this.chart.selected;
    let to = 0;
    if (from >= 0) {
      const siblings = [];
      const above = way === "down" ? from : tree.parent[from];
      if (above >= 0) for (let node = above + 1; node < tree.end[above]; node = tree.end[node]) if (mine.shares[node] > 0) siblings.push(node);
      if (way === "up") to = Math.max(tree.parent[from], 0);
      else if (way === "down") to = siblings.reduce((best, node) => (mine.shares[node] > mine.shares[best] ? node : best), siblings[0] ?? from);
      else to = siblings[siblings.indexOf(from) + (way === "left" ? -1 : 1)] ?? from;
    }
    const inZoom = to >= this.chart.zoomed && to < tree.end[this.chart.zoomed];
    if (!inZoom) this.zoom(tree.parent[to] > 0 ? tree.parent[to] : 0);
    this.frame = tree.frameOf[to];
    this.chart.select(to);
    this.describe(to, this.chart);
  }
}

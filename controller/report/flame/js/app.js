// Puts the parts together: what is shown, against what, and what the reader does.

const HELP = [
  ["/", "search"], ["Esc", "leave the search, zoom out"], ["↑ ↓ ← →", "walk to the caller, the largest callee, the neighbours"],
  ["Enter", "zoom in on the chosen frame"], ["f", "flame graph"], ["s", "sandwich: callers and callees of the chosen frame"],
  ["t", "table"], ["x", "swap the two sides of a comparison"], ["e", "draw small frames too"], ["?", "this help"],
];

class FlameApp extends FlameKeys {
  constructor(root) {
    super();
    this.root = root;
    this.data = JSON.parse(document.getElementById(root.dataset.source).textContent);
    this.names = this.data.frames;
    this.tree = makeTree(this.data.frameOf, this.data.depth);
    this.cache = new Map();
    this.matched = null;
    this.elided = true;
    this.frame = 0;
    this.view = "flame";
    this.showing = this.data.show;
    this.against = this.data.against;
    this.build();
    this.refresh();
    root.flame = this;
  }

  // ---- elements

  build() {
    const { series } = this.data;
    const option = (value, text) => element("option", { value: String(value) }, text);
    this.showChoice = element("select", { "aria-label": "Show", onchange: () => this.choose() }, ...series.map((each, place) => option(place, each.label)));
    this.againstChoice = element("select", { "aria-label": "Compare with", onchange: () => this.choose() });
    this.swap = element("button", { type: "button", onclick: () => this.toggleSwap() }, "Swap");
    this.search = element("input", { type: "search", placeholder: "Search: regular expression", "aria-label": "Search frames by regular expression", spellcheck: "false", oninput: () => this.find() });
    this.found = element("output", { class: "flame-found", "aria-live": "polite" });
    this.tabs = ["flame", "sandwich", "table"].map((view) =>
      element("button", { type: "button", "aria-pressed": "false", "data-view": view, onclick: () => this.open(view) }, view[0].toUpperCase() + view.slice(1)));
    this.reset = element("button", { type: "button", onclick: () => this.zoom(0) }, "Zoom out");
    this.help = element("button", { type: "button", "aria-expanded": "false", "aria-label": "Keys", onclick: () => this.toggleHelp() }, "?");
    this.keys = element("dl", { class: "flame-keys", hidden: true }, ...HELP.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]));
    this.legend = element("div", { class: "flame-legend" });
    this.note = element("div", { class: "flame-note soft" });
    const on = { hover: (...given) => this.hover(...given), choose: (node, chart) => this.pick(node, chart) };
    this.chart = new Chart(this.names, on, { label: "Flame graph; the arrow keys walk through it" });
    this.callers = new Chart(this.names, on, { up: true, label: "Callers" });
    this.callees = new Chart(this.names, on, { label: "Callees" });
    this.sandwichNote = element("p", { class: "soft flame-note" });
    this.sandwichTitle = element("div", { class: "flame-sandwich-title mono" });
    this.table = new FrameTable(this.names, { choose: (frame) => this.openSandwich(frame) });
    this.tip = new Tip();
    this.details = element("div", { class: "flame-details", "aria-live": "polite" },
      element("span", { class: "soft" }, "A click on a frame zooms in; ? lists the keys."));
    this.panels = {
      flame: element("div", { class: "flame-panel" }, this.chart.scroller),
      sandwich: element("div", { class: "flame-panel flame-sandwich" }, this.sandwichNote, this.callers.scroller, this.sandwichTitle, this.callees.scroller),
      table: element("div", { class: "flame-panel" }, this.table.root),
    };
    const compare = element("label", {}, element("span", { class: "soft" }, "against"), this.againstChoice, this.swap);
    this.root.replaceChildren(
      element("div", { class: "flame-bar" },
        element("label", {}, element("span", { class: "soft" }, "show"), this.showChoice), compare,
        element("span", { class: "flame-tabs", role: "group", "aria-label": "View" }, ...this.tabs),
        this.reset, this.help, element("span", { class: "flame-search" }, this.search, this.found)),
      this.keys, element("div", { class: "flame-under" }, this.legend, this.note),
      ...Object.values(this.panels), this.details, this.tip.root);
    this.root.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("keydown", (event) => {
      if (event.target === document.body && this.root.classList.contains("flame-only")) this.key(event);
    });
    if (document.querySelector("main.flame-page")) this.root.classList.add("flame-only");
    document.addEventListener("themechange", () => this.refresh(true));
  }

  // ---- state

  choose() {
    const before = this.showing;
    this.showing = Number(this.showChoice.value);
    const against = this.againstChoice.value;
    this.against = against === "" ? null : Number(against);
    if (this.against === REST && !this.canRest(this.showing)) this.against = null;
    if (this.against === this.showing) this.against = before === this.showing ? null : before;
    this.swapped = false;
    this.refresh(true);
  }

  toggleSwap() {
    if (this.against === null) return;
    this.swapped = !this.swapped;
    this.refresh(true);
  }

  toggleHelp() {
    this.keys.hidden = !this.keys.hidden;
    this.help.setAttribute("aria-expanded", String(!this.keys.hidden));
  }

  toggleElided() {
    this.elided = !this.elided;
    this.refresh(true);
  }

  find() {
    this.search.removeAttribute("aria-invalid");
    try {
      const pattern = parseSearch(this.search.value);
      this.matched = pattern ? matchFrames(this.names, pattern) : null;
      this.searchError = "";
    } catch (error) {
      this.matched = null;
      this.searchError = "not a regular expression";
      this.search.setAttribute("aria-invalid", "true");
    }
    this.refresh(true);
  }

  open(view) {
    this.view = view;
    this.refresh(true);
  }

  openSandwich(frame) {
    this.frame = frame;
    this.open("sandwich");
  }

  zoom(node) {
    this.chart.zoom(node);
    this.reset.disabled = !node;
    this.notes();
  }

  pick(node, chart) {
    const frame = chart.view.tree.frameOf[node];
    this.frame = frame;
    chart.select(node);
    if (chart === this.chart) this.zoom(node);
    this.describe(node, chart);
    if (chart !== this.chart && node > 0) this.openSandwich(frame);
  }

  // ---- drawing

  refresh(keepZoom = false) {
    const { mine, other } = this.sides();
    this.mine = mine;
    this.other = other;
    this.choices();
    for (const tab of this.tabs) tab.setAttribute("aria-pressed", String(tab.dataset.view === this.view));
    for (const [name, panel] of Object.entries(this.panels)) panel.hidden = name !== this.view;
    this.notes();
    this.explain();
    if (this.view === "flame") this.chart.show(this.viewOf(this.tree, mine.shares, other && other.shares), { keepZoom });
    if (this.view === "sandwich") this.drawSandwich();
    if (this.view === "table") this.drawTable();
    this.reset.disabled = !this.chart.zoomed;
  }

  choices() {
    this.showChoice.value = String(this.showing);
    const options = [["", "nothing"]];
    if (this.canRest(this.showing)) options.push([REST, "the rest of the fleet"]);
    this.data.series.forEach((series, place) => { if (place !== this.showing) options.push([place, series.label]); });
    this.againstChoice.replaceChildren(...options.map(([value, text]) => element("option", { value: String(value) }, text)));
    this.againstChoice.value = this.against === null ? "" : String(this.against);
    this.againstChoice.disabled = options.length === 1;
    this.swap.hidden = this.against === null;
    this.swap.setAttribute("aria-pressed", String(Boolean(this.swapped)));
  }

  viewOf(tree, shares, otherShares) {
    const { names, mine, other, data } = this;
    const judge = (node) => difference(shares[node], mine.series.samples, otherShares[node], other.series.samples, data);
    return {
      tree, shares, otherShares,
      start: starts(tree, shares),
      matched: this.matched,
      elideBelow: this.elided ? data.elideBelow : 0,
      colour: other
        ? (node, colours) => differenceColour(judge(node), colours)
        : (node, colours) => frameColour(names[tree.frameOf[node]], tree.depth[node], colours),
      ink: other
        ? (node, colours) => ({ chance: colours.soft, alike: colours.text }[judge(node).kind] || colours.ink)
        : (node, colours) => (tree.depth[node] === 0 || names[tree.frameOf[node]] === "[unknown]" ? colours.rootInk : colours.ink),
    };
  }

  drawSandwich() {
    const { tree, mine, other, names, frame } = this;
    if (!frame) {
      this.sandwichNote.textContent = "Choose a frame first: click one in the flame graph or in the table.";
      this.sandwichTitle.textContent = "";
    } else {
      this.sandwichNote.textContent = "Above, who called it; below, what it called. A click goes on from there.";
      this.sandwichTitle.textContent = visible(names[frame]);
    }
    for (const chart of [this.callers, this.callees]) chart.scroller.hidden = !frame;
    if (!frame) return;
    const above = callers(tree, frame, mine.shares, other && other.shares, names);
    const below = callees(tree, frame, mine.own, other && other.own, names);
    for (const [chart, grown] of [[this.callers, above], [this.callees, below]]) {
      const shares = inclusive(grown.tree, grown.own);
      chart.show(this.viewOf(grown.tree, shares, other && inclusive(grown.tree, grown.otherOwn)));
    }
    if (!this.callees.view.shares[0]) this.sandwichNote.textContent = `${visible(names[frame])} is nowhere in ${mine.series.label}.`;
  }

  drawTable() {
    const { tree, mine, other, names, data } = this;
    const ours = frameShares(tree, mine.own, mine.shares, names.length);
    const theirs = other && frameShares(tree, other.own, other.shares, names.length);
    const rows = [];
    for (let frame = 1; frame < names.length; frame++) {
      const whole = ours.whole[frame];
      if (!whole && !(theirs && theirs.whole[frame])) continue;
      const row = { frame, whole, self: ours.self[frame] };
      if (theirs) {
        const { ratio, z } = difference(whole, mine.series.samples, theirs.whole[frame], other.series.samples, data);
        Object.assign(row, { other: theirs.whole[frame], ratio, z });
      }
      rows.push(row);
    }
    this.table.show(rows, { mine, other, matched: this.matched });
  }
}

for (const root of document.querySelectorAll("section.flame")) new FlameApp(root);

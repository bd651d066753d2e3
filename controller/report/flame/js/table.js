// Frames as a table, sorted by any column.

const MOST_ROWS = 300;

class FrameTable {
  // on: {choose(frame)}
  constructor(names, on) {
    this.names = names;
    this.on = on;
    this.sortBy = "whole";
    this.falling = true;
    this.head = element("tr");
    this.body = element("tbody");
    this.note = element("p", { class: "soft flame-note" });
    const table = element("table", {}, element("thead", {}, this.head), this.body);
    this.root = element("div", { class: "flame-table", tabindex: "0", "aria-label": "Frames" }, table, this.note);
  }

  // rows: [{frame, whole, self, other?, ratio?, z?}]
  show(rows, { mine, other, matched }) {
    this.columns = [
      { key: "whole", title: "with callees", of: (row) => percent(row.whole) },
      { key: "self", title: "itself", of: (row) => percent(row.self) },
    ];
    if (other) {
      this.columns.push(
        { key: "other", title: "compared", of: (row) => percent(row.other) },
        { key: "change", title: "change", of: (row) => ratioText(row.ratio) },
        { key: "z", title: "z", of: (row) => (Number.isNaN(row.z) ? "–" : row.z.toFixed(1)) },
      );
    }
    this.rows = matched ? rows.filter((row) => matched[row.frame]) : rows;
    if (!this.columns.some((column) => column.key === this.sortBy)) this.sortBy = "whole";
    this.draw();
  }

  sort(key) {
    this.falling = this.sortBy === key ? !this.falling : key !== "name";
    this.sortBy = key;
    this.draw();
  }

  draw() {
    const value = {
      name: (row) => this.names[row.frame],
      change: (row) => Math.abs(row.whole - row.other),
      z: (row) => (Number.isNaN(row.z) ? 0 : Math.abs(row.z)),
    }[this.sortBy] || ((row) => row[this.sortBy]);
    const order = this.falling ? -1 : 1;
    const sorted = [...this.rows].sort((a, b) => {
      const [left, right] = [value(a), value(b)];
      return left < right ? -order : left > right ? order : a.frame - b.frame;
    });
    this.head.replaceChildren(...[{ key: "name", title: "frame" }, ...this.columns].map((column) => this.heading(column)));
    this.body.replaceChildren(...sorted.slice(0, MOST_ROWS).map((row) => this.line(row)));
    const hidden = sorted.length - MOST_ROWS;
    this.note.textContent = hidden > 0 ? `${count(hidden)} more frames: search for them` : sorted.length ? "" : "no frame matches";
  }

  heading({ key, title }) {
    const sorted = this.sortBy === key;
    const button = element("button", { type: "button", onclick: () => this.sort(key) }, title + (sorted ? (this.falling ? " ↓" : " ↑") : ""));
    const state = sorted ? (this.falling ? "descending" : "ascending") : "none";
    return element("th", { scope: "col", "aria-sort": state, class: key === "name" ? "" : "num" }, button);
  }

  line(row) {
    const name = element("button", { type: "button", class: "flame-name", onclick: () => this.on.choose(row.frame) }, visible(this.names[row.frame]));
    const cells = this.columns.map((column) => element("td", { class: "num" }, column.of(row)));
    return element("tr", {}, element("td", {}, name), ...cells);
  }
}

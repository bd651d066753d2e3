// What a picture says in words: what it leaves out, what its colours mean, and each frame under the mouse.

class FlameWords extends FlameSides {
  notes() {
    const { tree, mine, other, data } = this;
    const said = [];
    const zoomed = this.chart.zoomed;
    const whole = mine.shares[zoomed];
    const limit = data.elideBelow * whole;
    let small = 0;
    let smallShare = 0;
    let gone = 0;
    for (let node = zoomed + 1; node < tree.end[zoomed]; node++) {
      const share = mine.shares[node];
      if (share > 0 && share < limit) {
        small++;
        if (mine.shares[tree.parent[node]] >= limit) smallShare += share / whole;
      }
      if (other && share <= 0) gone += other.own[node];
    }
    if (gone > 0) said.push(`${percent(gone)} of ${other.series.label} is in frames that have no width here (swap shows them)`);
    if (other && !data.counted) said.push("how many events are behind the values is not known, so that chance is not judged");
    this.note.replaceChildren(said.join("; "));
    if (small && this.view === "flame") {
      const frames = small === 1 ? "1 frame" : `${count(small)} frames`;
      const drawn = !this.elided ? "drawn" : small === 1 ? "drawn as a grey strip" : "drawn as grey strips";
      this.note.append(said.length ? "; " : "",
        `${frames} below ${100 * data.elideBelow}% of the view, ${percent(smallShare)} together, ${drawn} `,
        element("button", { type: "button", class: "flame-link", onclick: () => this.toggleElided() }, this.elided ? "draw all" : "leave out"));
    }
    const matched = this.matched ? matchedShare(tree, mine.shares, this.matched) : 0;
    this.found.textContent = this.searchError || (this.matched ? `${percent(matched)} matched` : "");
    if (this.matched && other) this.found.textContent += `, ${percent(matchedShare(tree, other.shares, this.matched))} compared`;
  }

  explain() {
    const { mine, other, data } = this;
    const colours = palette();
    const chip = (kind, text) => {
      const made = element("span", { class: "flame-chip" }, text);
      made.style.setProperty("--chip", legendColour(kind, colours));
      return made;
    };
    const whole = mine.series.kind === "mean" || mine.series.kind === "rest" ? "width: mean share" : `width: ${data.unit}`;
    this.legend.replaceChildren(...(other
      ? [chip("less", "less"), chip("alike", `alike within ${Math.round(100 * data.neutralRatio - 100)}%`), chip("more", "more"), ...(data.counted ? [chip("chance", "may be chance")] : []),
         element("span", { class: "soft" }, `width: ${mine.series.label}; colour: against ${other.series.label}`)]
      : [chip("user", "user"), chip("kernel", "kernel _[k]"), element("span", { class: "soft" }, `${whole} of ${mine.series.label}`)]));
  }

  told(node, chart) {
    const { mine, other, data } = this;
    const { tree, shares, otherShares } = chart.view;
    const has = mine.series.total !== undefined && mine.series.kind !== "mean";
    const own = chart === this.chart ? mine.own[node] : 0;
    return sentence(this.names, tree.frameOf[node],
      { share: shares[node], label: mine.series.label, own, samples: mine.series.samples, value: has ? shares[node] * mine.series.total : undefined },
      other && { share: otherShares[node], label: other.series.label, samples: other.series.samples }, data.unit, data);
  }

  hover(node, x, y, chart) {
    if (node < 0) this.tip.hide();
    else this.tip.show(this.told(node, chart), x, y);
  }

  describe(node, chart) {
    const { name, text } = this.told(node, chart);
    this.details.replaceChildren(element("strong", { class: "mono" }, name), ` ${text} `,
      element("button", { type: "button", onclick: () => this.openSandwich(chart.view.tree.frameOf[node]) }, "Sandwich"));
  }
}

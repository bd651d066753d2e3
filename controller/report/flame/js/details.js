// What is said of a frame: beside the mouse, and for the chosen one in a line that is read out.

function sentence(names, frame, mine, other, unit, rules) {
  const name = visible(names[frame]);
  const parts = [`${percent(mine.share)} of ${mine.label}`];
  if (mine.value !== undefined) parts[0] += ` (${count(mine.value)} ${unit})`;
  if (mine.own > 0) parts.push(`${percent(mine.own)} in itself`);
  if (other) {
    const { kind, ratio, z } = difference(mine.share, mine.samples, other.share, other.samples, rules);
    parts.push(`${percent(other.share)} of ${other.label}`);
    const words = { alike: "alike", chance: "may be chance", more: "more here", less: "less here" }[kind];
    parts.push(ratioText(ratio) === words ? words : `${ratioText(ratio)}, ${words}${Number.isNaN(z) ? "" : ` (z ${z.toFixed(1)})`}`);
  }
  return { name, text: parts.join("; ") };
}

class Tip {
  constructor() {
    this.name = element("div", { class: "flame-tip-name" });
    this.text = element("div");
    this.root = element("div", { class: "flame-tip", hidden: true, "aria-hidden": "true" }, this.name, this.text);
  }

  show({ name, text }, x, y) {
    this.name.textContent = name;
    this.text.textContent = text;
    this.root.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.root;
    this.root.style.left = `${Math.max(4, Math.min(x + 14, window.innerWidth - width - 8))}px`;
    this.root.style.top = `${y + 20 + height > window.innerHeight ? y - height - 10 : y + 18}px`;
  }

  hide() {
    this.root.hidden = true;
  }
}

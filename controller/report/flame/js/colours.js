// Colours. Blue and orange are told apart with every kind of colour blindness, greys by how light they are, and what a
// search has found by being the darkest or the lightest: a test simulates it. Names and words say the same again (kernel
// frames end in _[k], differences stand in the details), so that no meaning is in a colour alone.

const KERNEL = "_[k]";

function hash(text) {
  let value = 2166136261;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 16777619);
  return (value >>> 8) / 0x1000000;
}

function isDarkTheme() {
  return getComputedStyle(document.documentElement).getPropertyValue("--dark").trim() === "1";
}

function palette() {
  const dark = isDarkTheme();
  const css = getComputedStyle(document.documentElement);
  const token = (name) => css.getPropertyValue(name).trim();
  return {
    dark,
    background: token("--bg"),
    text: token("--text"),
    soft: token("--soft"),
    ink: dark ? "#0d1117" : "#10141b",
    root: dark ? "#444c59" : "#d9dde4",
    rootInk: token("--text"),
    unknown: dark ? "#596270" : "#dfe2e8",
    match: dark ? "#ffe3f4" : "#9c1f6c",
    matchInk: dark ? "#14060e" : "#ffffff",
    elided: dark ? "#2b313b" : "#e2e5ea",
    alike: dark ? "#4a5260" : "#d0d5dd",
    chance: dark ? "#2f353f" : "#f1f2f5",
  };
}

// The same name has the same shade everywhere.
function frameColour(name, depth, colours) {
  const shade = hash(name);
  if (depth === 0) return colours.root;
  if (name === "[unknown]") return colours.unknown;
  if (name.endsWith(KERNEL)) return colours.dark ? hsl(24 + 14 * shade, 78, 50 + 14 * shade) : hsl(24 + 16 * shade, 92, 64 + 14 * shade);
  return colours.dark ? hsl(202 + 18 * shade, 52, 50 + 16 * shade) : hsl(200 + 20 * shade, 68, 70 + 14 * shade);
}

function differenceColour({ kind, size }, colours) {
  if (kind === "alike") return colours.alike;
  if (kind === "chance") return colours.chance;
  const strength = 0.25 + 0.75 * size;
  if (kind === "more") return colours.dark ? hsl(24, 45 + 45 * strength, 38 + 22 * strength) : hsl(22, 95, 88 - 34 * strength);
  return colours.dark ? hsl(208, 40 + 40 * strength, 38 + 24 * strength) : hsl(208, 80, 88 - 30 * strength);
}

function legendColour(kind, colours) {
  if (kind === "user") return frameColour("user", 1, colours);
  if (kind === "kernel") return frameColour("legend" + KERNEL, 1, colours);
  return differenceColour({ kind, size: 0.7 }, colours);
}

function hsl(hue, saturation, lightness) {
  return `hsl(${hue.toFixed(0)} ${saturation.toFixed(0)}% ${lightness.toFixed(0)}%)`;
}

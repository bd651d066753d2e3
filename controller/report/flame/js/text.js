// Text: names made visible, numbers as people read them, elements without markup.

const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

// What would be invisible, reorder the line or be no Unicode is shown by its number.
function visible(text) {
  return text.replace(UNSEEN, (char) => {
    const point = char.codePointAt(0);
    return point < 0x100 ? "\\x" + point.toString(16).padStart(2, "0") : "\\u" + point.toString(16).padStart(4, "0");
  });
}

function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

// "12.3%"; what is there is never "0.0%" and what is not all never "100.0%".
function percent(share) {
  if (share <= 1e-9) return "0%";
  if (share >= 1 - 1e-9) return "100%";
  if (share < 0.0005) return "<0.1%";
  return share >= 0.9995 ? ">99.9%" : (100 * share).toFixed(1) + "%";
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

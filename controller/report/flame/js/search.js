// Search by regular expression.

// A test for frames, or null for no search; throws a SyntaxError with the browser's words.
function parseSearch(text) {
  return text ? new RegExp(text, /[A-Z]/.test(text) ? "u" : "iu") : null;
}

function matchFrames(frames, pattern) {
  const matched = new Uint8Array(frames.length);
  if (pattern) for (let frame = 1; frame < frames.length; frame++) matched[frame] = pattern.test(frames[frame]) ? 1 : 0;
  return matched;
}

// The share of stacks with a match, each counted once.
function matchedShare(tree, shares, matched) {
  let sum = 0;
  for (let node = 1; node < tree.size; ) {
    if (matched[tree.frameOf[node]]) {
      sum += shares[node];
      node = tree.end[node];
    } else node++;
  }
  return sum;
}

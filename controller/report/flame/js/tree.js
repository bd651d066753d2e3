// A tree as flat arrays in the order of a walk, parents first: node 0 is the root, end[n] the node after n's last
// descendant. A "view" is values for its nodes: inclusive shares of the whole, and where each node starts.

function makeTree(frameOf, depth) {
  const size = frameOf.length;
  const parent = new Int32Array(size);
  const end = new Int32Array(size);
  const path = [];
  let deepest = 0;
  for (let node = 0; node < size; node++) {
    path.length = depth[node];
    parent[node] = node ? path[depth[node] - 1] : -1;
    path[depth[node]] = node;
    end[node] = node + 1;
    if (depth[node] > deepest) deepest = depth[node];
  }
  for (let node = size - 1; node > 0; node--) {
    if (end[node] > end[parent[node]]) end[parent[node]] = end[node];
  }
  return { size, frameOf: Int32Array.from(frameOf), depth: Int32Array.from(depth), parent, end, deepest };
}

function inclusive(tree, own) {
  const sums = Float64Array.from(own);
  for (let node = tree.size - 1; node > 0; node--) sums[tree.parent[node]] += sums[node];
  return sums;
}

// Children stand from the left in the order of their names; a node's own value is what is left over on its right.
function starts(tree, shares) {
  const start = new Float64Array(tree.size);
  const filled = new Float64Array(tree.size);
  for (let node = 1; node < tree.size; node++) {
    const above = tree.parent[node];
    start[node] = start[above] + filled[above];
    filled[above] += shares[node];
  }
  return start;
}

function ownShares(tree, series) {
  const own = new Float64Array(tree.size);
  for (let at = 0, node = 0; at < series.own.length; at += 2) {
    node += series.own[at];
    own[node] = series.own[at + 1] / series.total;
  }
  return own;
}

// By frame: the share of all stacks that hold it (once, however often it is on one) and the share where it is the last.
function frameShares(tree, own, shares, frames) {
  const whole = new Float64Array(frames);
  const self = new Float64Array(frames);
  const open = new Int32Array(frames);
  const path = [];
  for (let node = 1; node < tree.size; node++) {
    while (path.length && tree.end[path[path.length - 1]] <= node) open[tree.frameOf[path.pop()]]--;
    const frame = tree.frameOf[node];
    if (!open[frame]) whole[frame] += shares[node];
    self[frame] += own[node];
    open[frame]++;
    path.push(node);
  }
  return { whole, self };
}

// Sandwich: everything that one frame was called from, and everything that it called, wherever it was. A stack that
// holds the frame more than once is taken at its outermost one, so that it counts once on both sides.

function outermost(tree, frame) {
  const found = [];
  for (let node = 1; node < tree.size; ) {
    if (tree.frameOf[node] === frame) {
      found.push(node);
      node = tree.end[node];
    } else node++;
  }
  return found;
}

// A tree with maps for children, flattened into arrays at the end; both views travel along.
function grow() {
  return { children: new Map(), own: 0, otherOwn: 0, whole: 0 };
}

function childOf(node, frame) {
  let child = node.children.get(frame);
  if (!child) node.children.set(frame, (child = grow()));
  return child;
}

function flatten(root, frame, names) {
  const frameOf = [];
  const depth = [];
  const own = [];
  const otherOwn = [];
  const todo = [[root, frame, 0]];
  while (todo.length) {
    const [node, number, level] = todo.pop();
    frameOf.push(number);
    depth.push(level);
    own.push(node.own);
    otherOwn.push(node.otherOwn);
    const ordered = [...node.children.keys()].sort((a, b) => (names[a] < names[b] ? 1 : -1));
    for (const below of ordered) todo.push([node.children.get(below), below, level + 1]);
  }
  return { tree: makeTree(frameOf, depth), own: Float64Array.from(own), otherOwn: Float64Array.from(otherOwn) };
}

function callees(tree, frame, own, otherOwn, names) {
  const root = grow();
  for (const top of outermost(tree, frame)) {
    const path = [root];
    for (let node = top; node < tree.end[top]; node++) {
      const level = tree.depth[node] - tree.depth[top];
      const place = node === top ? root : childOf(path[level - 1], tree.frameOf[node]);
      path[level] = place;
      place.own += own[node];
      place.otherOwn += otherOwn ? otherOwn[node] : 0;
    }
  }
  return flatten(root, frame, names);
}

function callers(tree, frame, shares, otherShares, names) {
  const root = grow();
  for (const top of outermost(tree, frame)) {
    let place = root;
    for (let node = tree.parent[top]; node > 0; node = tree.parent[node]) place = childOf(place, tree.frameOf[node]);
    place.own += shares[top];
    place.otherOwn += otherShares ? otherShares[top] : 0;
  }
  return flatten(root, frame, names);
}

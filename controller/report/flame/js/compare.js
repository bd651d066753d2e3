// Two views side by side. Shares, not values, so that runs of different lengths compare.

const NOISE = 1e-9; // shares travel as whole numbers of 10^-12: what is smaller comes from rounding

// The fleet without one host: every other host weighs the same.
function restOf(mean, host, all) {
  const others = mean.series.hosts - 1;
  const own = new Float64Array(mean.own.length);
  for (let node = 0; node < own.length; node++) {
    const share = (mean.series.hosts * mean.own[node] - host.own[node]) / others;
    own[node] = share > NOISE ? share : 0;
  }
  const label = others === 1 ? "the other host" : `the other ${count(others)} hosts (mean of shares)`;
  return { series: { label, kind: "rest", samples: Math.max(all.series.samples - host.series.samples, 1), hosts: others }, own };
}

// z of two proportions with a pooled variance; it takes samples for independent, so that it flatters.
function twoProportions(mine, mineSamples, other, otherSamples) {
  const pooled = (mine * mineSamples + other * otherSamples) / (mineSamples + otherSamples);
  const variance = pooled * (1 - pooled) * (1 / mineSamples + 1 / otherSamples);
  return variance > 0 ? (mine - other) / Math.sqrt(variance) : 0;
}

// rules: {neutralRatio, significantZ, counted}. kind: "alike" (neutral band), "chance" (not significant), "more" or "less"; size 0..1 is how far it is from alike.
function difference(mine, mineSamples, other, otherSamples, rules) {
  const { neutralRatio, significantZ, counted } = rules;
  const ratio = other > 0 ? mine / other : Infinity;
  const z = counted ? twoProportions(mine, mineSamples, other, otherSamples) : NaN;
  if (mine === other || (ratio <= neutralRatio && ratio >= 1 / neutralRatio)) return { kind: "alike", size: 0, ratio, z };
  if (counted && Math.abs(z) < significantZ) return { kind: "chance", size: 0, ratio, z };
  const octaves = Math.min(Math.abs(Math.log2(ratio)), 3);
  return { kind: ratio > 1 ? "more" : "less", size: octaves / 3, ratio, z };
}

function ratioText(ratio) {
  if (ratio === Infinity) return "only here";
  if (ratio === 0) return "not here";
  if (ratio > 100) return ">100x";
  if (ratio < 0.01) return "<0.01x";
  return (ratio >= 10 ? ratio.toFixed(0) : ratio >= 0.995 ? ratio.toFixed(1) : ratio.toPrecision(2)) + "x";
}

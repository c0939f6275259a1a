// The largest rate at which a descent can settle, where there is such a thing.

/**
 * Return the largest rate at which a part of a descent can settle where the curvature is so large,
 * and its formula; null for an optimizer that scales its steps by itself. On a quadratic: Polyak
 * (1964); as the edge of stability of networks: Cohen et al., arXiv 2103.00065, section 2 and
 * appendix B. The same as `largest_rate` of the landscape room.
 */
export function largest({ optimizer, options }, curvature) {
  if (!(curvature > 0) || options.weight_decay || options.dampening) return null;
  const beta = options.momentum ?? 0.9;
  if (optimizer === "sgd") return { rate: 2 / curvature, word: "2" };
  if (optimizer === "momentum") return { rate: (2 * (1 + beta)) / curvature, word: "2(1 + β)" };
  if (optimizer === "nesterov") return { rate: (2 * (1 + beta)) / (1 + 2 * beta) / curvature, word: "2(1 + β)/(1 + 2β)" };
  return null;
}

/** Return the part of a descent that makes the update after a step. */
export const ruling = (parts, step) => parts.findLast((part) => part.since <= step) ?? parts[0];

/**
 * Return the limits of all descents where the curvature is the same everywhere, each once, with
 * the steps from the first to the last one that it rules: [{rate, word, x: [from, to]}].
 */
export function limits(lanes, curvature, steps) {
  const found = new Map();
  for (const { parts } of lanes) {
    parts.forEach((part, i) => {
      const limit = largest(part, curvature);
      if (!limit || part.since >= steps) return;
      const to = Math.min(parts[i + 1]?.since ?? steps, steps);
      const [low, high] = found.get(limit.rate)?.x ?? [part.since, to];
      found.set(limit.rate, { ...limit, x: [Math.min(low, part.since), Math.max(high, to)] });
    });
  }
  return [...found.values()];
}

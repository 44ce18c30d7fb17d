export interface Share {
  id: string;
  weight: number;
}

/** `weight` per cent for `version`; those that take requests now share the rest as they do now, in whole per cents. */
export function rollout(deployed: readonly Share[], version: string, weight: number): Share[] {
  const others = deployed.filter((each) => each.id !== version && each.weight > 0);
  if (weight >= 100 || others.length === 0) return [{ id: version, weight: 100 }];
  const rest = 100 - weight;
  const whole = others.reduce((sum, each) => sum + each.weight, 0);
  const shares = others.map((each) => ({ id: each.id, weight: Math.floor((each.weight * rest) / whole) }));
  const given = shares.reduce((sum, each) => sum + each.weight, 0);
  const first = shares[0];
  if (first) first.weight += rest - given; // what rounding left over
  return [...shares, { id: version, weight }];
}

type Capabilities = Record<string, unknown>;

const YES_OR_NO = ["transactions", "read_only", "schemas", "large_rows", "translates"] as const;
type Ability = (typeof YES_OR_NO)[number] | "incremental" | "external";

export function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** What it can, of what people ask about first. */
export function capable(of: Capabilities): Ability[] {
  const found: Ability[] = YES_OR_NO.filter((each) => of[each] === true);
  const capture = of.capture as Capabilities | undefined;
  if (capture?.incremental === true) found.push("incremental");
  if (words(of.hosts).includes("external")) found.push("external");
  return found;
}

export interface Gap {
  name: string;
  /** ours, theirs or never. */
  whose: string;
  why: string;
}

/** `"CanBulk": "never: it has no …"`, apart. */
export function gapsOf(gaps: unknown): Gap[] {
  if (typeof gaps !== "object" || gaps === null) return [];
  return Object.entries(gaps).map(([name, said]) => {
    const [whose = "", ...why] = String(said).split(": ");
    return why.length > 0 ? { name, whose, why: why.join(": ") } : { name, whose: "", why: whose };
  });
}

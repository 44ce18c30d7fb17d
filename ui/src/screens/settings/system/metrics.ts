import type { MetricOut, MetricsOut } from "@/api";
import type { Point } from "@/parts/chart/Chart";

type Sample = MetricOut["samples"][number];

function samples({ metrics }: MetricsOut, family: string, sample: string = family): Sample[] {
  return metrics.find(({ name }) => name === family)?.samples.filter(({ name }) => name === sample) ?? [];
}

/** Names of databases may repeat across environments: then each says where it is. */
function titles(of: MetricsOut): Map<string, string> {
  const all = samples(of, "holdfast_database_info").map(({ labels }) => labels);
  const count = (name: string | undefined) => all.filter((each) => each.name === name).length;
  return new Map(
    all.map((each) => [each.id ?? "", count(each.name) > 1 ? `${each.name} (${each.environment})` : (each.name ?? "")]),
  );
}

export interface Measure {
  key: string;
  family: string;
}

const MOST_BARS = 12;

/** One bar group a database, the greatest of the first measure first. Those that have none of them are left out. */
export function perDatabase(of: MetricsOut, measures: readonly Measure[]): Point[] {
  const points = new Map<string, Point>();
  for (const [id, title] of titles(of)) points.set(id, { name: title });
  for (const { key, family } of measures)
    for (const { labels, value } of samples(of, family)) {
      const point = points.get(labels.id ?? "");
      if (point) point[key] = value;
    }
  const [first] = measures;
  const size = (point: Point) => Number(point[first?.key ?? ""] ?? 0);
  return [...points.values()]
    .filter((point) => measures.some(({ key }) => key in point))
    .sort((a, b) => size(b) - size(a))
    .slice(0, MOST_BARS);
}

/** The runs that are remembered: one bar a kind, parted by how they ended. */
export function runs(of: MetricsOut): { points: Point[]; states: string[] } {
  const found = samples(of, "holdfast_runs");
  const states = [...new Set(found.map(({ labels }) => labels.state ?? ""))].sort();
  const kinds = new Map<string, Point>();
  for (const { labels, value } of found) {
    const kind = labels.kind ?? "";
    const point = kinds.get(kind) ?? { name: kind };
    point[labels.state ?? ""] = value;
    kinds.set(kind, point);
  }
  return { points: [...kinds.values()], states };
}

/** How many took how long, from buckets that each hold all the ones below: the API's answers, and statements. */
export function durations(of: MetricsOut, family: string): Point[] {
  const bounds = new Map<string, number>();
  for (const { labels, value } of samples(of, family, `${family}_bucket`)) {
    const le = labels.le ?? "";
    bounds.set(le, (bounds.get(le) ?? 0) + value);
  }
  const sorted = [...bounds].map(([le, value]) => ({ le: le === "+Inf" ? Infinity : Number(le), value }));
  sorted.sort((a, b) => a.le - b.le);
  return sorted.map(({ le, value }, at) => ({ name: bound(le), calls: value - (sorted[at - 1]?.value ?? 0) }));
}

function bound(seconds: number): string {
  if (seconds === Infinity) return "∞";
  return seconds < 1 ? `${Math.round(seconds * 1e6) / 1e3} ms` : `${seconds} s`;
}

/** One number of the whole server, added up over its labels. */
export function total(of: MetricsOut, family: string, sample: string = family): number | null {
  const found = samples(of, family, sample);
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
}

import { lazy, Suspense } from "react";
import { Skeleton } from "../small";

/** What is known of one place on the x axis: its own value and one value a series. */
export type Point = Record<string, string | number | null>;

export interface Series {
  key: string;
  title: string;
  /** A property of the theme, such as `--bad`, where the colour says something; else the next of the charts' own. */
  colour?: string;
}

export interface ChartProps {
  kind: "line" | "area" | "bar";
  points: readonly Point[];
  /** The key of the x axis: moments as ISO text, numbers, or names. */
  x: { key: string; as: "time" | "number" | "name" };
  series: readonly Series[];
  /** What it shows, for who cannot see it. */
  label: string;
  /** Values for people, such as `bytes`. */
  format?: (value: number) => string;
  /** The values are bytes: the axis is marked where `bytes` gives round numbers. */
  inBytes?: boolean;
  /** Series stand on each other: parts of one whole. Of bars and areas. */
  isStacked?: boolean;
  /** Pixels; the width is the place's. */
  height?: number;
}

const Drawn = lazy(() => import("./Drawn"));

/** A chart in the theme's colours. The library comes with the first one that is drawn. */
export function Chart(props: ChartProps) {
  const { height = 200 } = props;
  return (
    <figure aria-label={props.label} style={{ height }}>
      <Suspense fallback={<Skeleton className="size-full" />}>
        <Drawn {...props} />
      </Suspense>
    </figure>
  );
}

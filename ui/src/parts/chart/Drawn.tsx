import {
  Area,
  AreaChart,
  Bar,
  BarChart,
  CartesianGrid,
  Legend,
  Line,
  LineChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import { count, moment, shortMoment } from "../text";
import type { ChartProps, Point } from "./Chart";
import { byteTicks, standsAlone } from "./ticks";

const COLOURS = [
  "var(--chart-1)",
  "var(--chart-2)",
  "var(--chart-3)",
  "var(--chart-4)",
  "var(--chart-5)",
  "var(--chart-6)",
];
const KINDS = { line: LineChart, area: AreaChart, bar: BarChart } as const;
const AXIS = { stroke: "var(--line)", tick: { fill: "var(--muted)", fontSize: 11 }, tickLine: false } as const;

/** Moments as numbers, so that uneven ones stand where they belong. */
function placed(points: readonly Point[], { key, as }: ChartProps["x"]): Point[] {
  if (as !== "time") return [...points];
  return points.map((point) => ({ ...point, [key]: Date.parse(String(point[key])) }));
}

function span(points: readonly Point[], key: string): number {
  const [first, last] = [points[0]?.[key], points.at(-1)?.[key]];
  return Date.parse(String(last)) - Date.parse(String(first));
}

export default function Drawn({ kind, points, x, series, format = count, inBytes, isStacked }: ChartProps) {
  const Kind = KINDS[kind];
  const numeric = x.as !== "name" && kind !== "bar";
  const isTime = x.as === "time";
  const marks =
    inBytes &&
    byteTicks(
      points,
      series.map(({ key }) => key),
    );
  const ticked = (value: unknown) => (isTime ? shortMoment(Number(value), span(points, x.key)) : String(value));
  const named = (value: unknown) => (isTime ? moment(new Date(Number(value)).toISOString()) : String(value));
  return (
    <ResponsiveContainer width="100%" height="100%">
      <Kind data={placed(points, x)} margin={{ top: 8, right: 12, bottom: 0, left: 0 }} accessibilityLayer>
        <CartesianGrid stroke="var(--line)" vertical={false} />
        <XAxis
          {...AXIS}
          dataKey={x.key}
          type={numeric ? "number" : "category"}
          domain={numeric ? ["dataMin", "dataMax"] : undefined}
          scale={isTime && numeric ? "time" : "auto"}
          tickFormatter={ticked}
          minTickGap={x.as === "name" ? 8 : 32}
        />
        <YAxis
          {...AXIS}
          axisLine={false}
          width={64}
          tickFormatter={(value: number) => format(value)}
          {...(marks && { ticks: marks, interval: 0, domain: [0, marks.at(-1) ?? 1] })}
        />
        <Tooltip
          isAnimationActive={false}
          labelFormatter={named}
          formatter={(value, name) => [format(Number(value)), name]}
          contentStyle={{ background: "var(--raised)", border: "1px solid var(--line)", borderRadius: 6, fontSize: 12 }}
          labelStyle={{ color: "var(--muted)" }}
          itemStyle={{ color: "var(--text)" }}
          cursor={{ stroke: "var(--strong-line)", fill: "var(--hover)" }}
        />
        {(series.length > 1 || isStacked) && (
          <Legend iconType="plainline" itemSorter={null} wrapperStyle={{ fontSize: 12 }} />
        )}
        {series.map(({ key, title, colour: named }, at) => {
          const colour = named ? `var(${named})` : COLOURS[at % COLOURS.length];
          const own = { dataKey: key, name: title, isAnimationActive: false, ...(isStacked && { stackId: "whole" }) };
          if (kind === "bar")
            return <Bar {...own} key={key} fill={colour} maxBarSize={56} radius={isStacked ? 0 : [2, 2, 0, 0]} />;
          if (kind === "area")
            return (
              <Area
                {...own}
                key={key}
                stroke={colour}
                fill={colour}
                fillOpacity={isStacked ? 0.4 : 0.15}
                strokeWidth={1.5}
              />
            );
          return (
            <Line
              {...own}
              key={key}
              stroke={colour}
              strokeWidth={1.5}
              connectNulls={false}
              // A value without neighbours makes no line, and would not be seen.
              dot={({ cx, cy, index }: { cx?: number; cy?: number; index?: number }) =>
                standsAlone(points, key, index ?? 0) ? (
                  <circle key={index} cx={cx} cy={cy} r={2} fill={colour} />
                ) : (
                  <g key={index} />
                )
              }
            />
          );
        })}
      </Kind>
    </ResponsiveContainer>
  );
}

import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { StateOut, SummaryOut, WindowOut } from "@/api";
import { Section } from "@/parts/Page";
import { Badge, Time, type Tone } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { Statuses } from "../Statuses";
import type { TabProps } from "../tabs";
import { useVersionName } from "../useVersions";
import { short } from "./series";

const TONES: Record<string, Tone> = { running: "good", ready: "good", starting: "info", backoff: "bad", failed: "bad" };

/** Its versions beside each other: what each was asked in this time, and how its processes fare now. */
export function ByVersion({ worker, found }: TabProps & { found: WindowOut }) {
  const { t } = useTranslation();
  const named = useVersionName(worker.id);
  const ids = [
    ...new Set([...found.versions.map((each) => each.version_id), ...found.states.map((s) => s.version_id)]),
  ];
  const rows = ids.flatMap((id) => (id ? [id] : []));
  if (rows.length === 0) return null;
  const heads = ["requests", "errors", "answers", "durations", "cpuEach", "memoryPeak", "process", "starts"];
  return (
    <Section title={t("workers:byVersion")}>
      <div className="-mx-4 overflow-x-auto px-4 sm:-mx-6 sm:px-6">
        <table className="w-full min-w-[640px] text-left tabular-nums">
          <thead>
            <tr className="border-b text-muted text-xs">
              <th scope="col" className="py-1.5 pr-4 font-medium">
                {t("workers:version")}
              </th>
              {heads.map((head) => (
                <th key={head} scope="col" className="py-1.5 pr-4 font-medium">
                  {t(`workers:${head}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((id) => (
              <Row
                key={id}
                name={named(id)}
                sum={found.versions.find((each) => each.version_id === id)}
                state={found.states.find((each) => each.version_id === id)}
              />
            ))}
          </tbody>
        </table>
      </div>
      {found.states.map(
        (state) =>
          state.error && (
            <p key={state.version_id} className="mt-2 whitespace-pre-wrap text-bad text-xs">
              {named(state.version_id)}: {state.error}
            </p>
          ),
      )}
    </Section>
  );
}

interface RowProps {
  name: string;
  sum: SummaryOut | undefined;
  state: StateOut | undefined;
}

function Row({ name, sum, state }: RowProps) {
  const { t } = useTranslation();
  const dash = <span className="text-faint">–</span>;
  const ms = (value: number | null | undefined) => (value == null ? "–" : short(value));
  return (
    <tr className="border-b last:border-b-0">
      <th scope="row" className="py-2 pr-4 font-medium">
        {name}
      </th>
      <Cell>{count(sum?.count ?? 0)}</Cell>
      <Cell>
        <span className={sum?.errors ? "text-bad" : undefined}>{count(sum?.errors ?? 0)}</span>
      </Cell>
      <Cell>
        <Statuses of={sum?.statuses} brief />
      </Cell>
      <Cell>{sum ? `${ms(sum.p50_ms)} / ${ms(sum.p95_ms)} / ${ms(sum.p99_ms)}` : dash}</Cell>
      <Cell>{sum?.count ? short(sum.cpu_ms / sum.count) : dash}</Cell>
      <Cell>{sum?.memory_peak_bytes ? bytes(sum.memory_peak_bytes) : dash}</Cell>
      <Cell>
        {state ? (
          <span className="flex items-center gap-2">
            <Badge tone={TONES[state.state] ?? "plain"}>
              {t(`workers:processStates.${state.state}`, { defaultValue: state.state })}
            </Badge>
            <span className="text-muted text-xs">
              <Time at={new Date(state.since).toISOString()} />
            </span>
          </span>
        ) : (
          dash
        )}
      </Cell>
      <Cell>
        {state ? (
          <>
            {count(state.starts)}
            {state.crashes > 0 && <span className="text-bad"> · {t("workers:crashed", { count: state.crashes })}</span>}
          </>
        ) : (
          dash
        )}
      </Cell>
    </tr>
  );
}

function Cell({ children }: { children: ReactNode }) {
  return <td className="whitespace-nowrap py-2 pr-4">{children}</td>;
}

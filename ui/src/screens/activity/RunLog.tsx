import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { LogLines, LogVerbs, useWraps } from "@/parts/LogLines";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { clock } from "@/parts/text";
import { asText, atLeast, fieldsOf, LEVELS, type Level } from "./log";
import type { LogLine } from "./useRunStream";

interface Props {
  id: string;
  lines: readonly LogLine[];
  /** The run has ended: there will be no more. */
  over: boolean;
}

/** A run's log: as it is written, and all of it at the end. */
export function RunLog({ id, lines, over }: Props) {
  const { t } = useTranslation();
  const [level, setLevel] = useState<Level>("all");
  const [wraps, wrap] = useWraps();
  const [follows, setFollows] = useState(true);
  const shown = useMemo(() => atLeast(lines, level), [lines, level]);
  return (
    <Section
      title={t("activity:log")}
      aside={
        lines.length > 0 && (
          <div className="flex flex-wrap items-center justify-end gap-1">
            <Segments
              label={t("activity:level")}
              value={level}
              onChange={(value) => setLevel(value as Level)}
              options={LEVELS.map((value) => ({ value, label: t(`activity:levels.${value}`) }))}
            />
            <LogVerbs
              name={id}
              text={asText(lines)}
              wraps={wraps}
              onWrap={wrap}
              follow={over ? null : { on: follows, set: setFollows }}
            />
          </div>
        )
      }
    >
      {shown.length > 0 ? (
        <LogLines
          label={t("activity:log")}
          lines={shown}
          height={18}
          wraps={wraps}
          follows={follows}
          setFollows={setFollows}
          className="max-h-[56vh] min-h-16 rounded-md border bg-sunken px-3"
        >
          {(line) => <RunLine line={line} wraps={wraps} />}
        </LogLines>
      ) : (
        <p className="rounded-md border bg-sunken px-3 py-2 text-muted text-xs">
          {t(lines.length > 0 ? "activity:noneSoGrave" : over ? "activity:noLog" : "activity:waiting")}
        </p>
      )}
    </Section>
  );
}

const LOOKS: Record<string, string> = { warning: "text-warn", error: "text-bad", critical: "text-bad" };

function RunLine({ line, wraps }: { line: LogLine; wraps: boolean }) {
  const { t } = useTranslation();
  const fields = fieldsOf(line);
  const look = LOOKS[line.level];
  return (
    <p className="flex gap-3">
      <time dateTime={line.at} className="shrink-0 text-muted">
        {clock(line.at)}
      </time>
      <span className={cx(wraps ? "min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]" : "whitespace-pre", look)}>
        {look && <span className="font-semibold">{t(`activity:marks.${line.level}`)} </span>}
        {line.message}
        {fields && <span className="text-muted"> {fields}</span>}
      </span>
    </p>
  );
}
